"""What a store's file holds, without opening it as a store."""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import apsw

from app.store.records import Record
from app.store.sqlite.commits import journal_at
from app.store.sqlite.examine import ExaminedFile, examine, refusal
from app.store.sqlite.file import connect_reader
from app.store.sqlite.schema import UNREADABLE, State
from app.store.sqlite.versions import current_at


@dataclass(frozen=True, slots=True)
class Inventory:
    """`at` is when the last commit was made; `counts` are what is there at its rev, by what it is called."""

    state: State
    schema: int
    at: datetime | None
    counts: Mapping[str, int]


def inventory(path: Path, called: Callable[[Record], str | None]) -> Inventory:
    """Look through the file, also while a service is on it. What is `called` None is not counted. Raises
    StartError where it is no sound store."""
    state = examine(path, backup_allowed=True)
    counts: Counter[str] = Counter()
    try:
        with closing(connect_reader(path)) as connection:
            connection.execute("BEGIN")
            schema = int(connection.execute("PRAGMA user_version").get)
            last = journal_at(connection, state.rev)
            for record in current_at(connection, _no_terms, state.rev):
                name = None if record.deleted else called(record)
                if name is not None:
                    counts[name] += 1
    except (apsw.Error, *UNREADABLE) as error:
        raise refusal(ExaminedFile(path), error) from error
    return Inventory(state, schema, None if last is None else last.at, counts)


def _no_terms(key: str, value: bytes) -> tuple[str, ...]:
    return ()
