"""Reading what a store keeps in memory from its file, at start."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw

from app.store.contract import Index
from app.store.embedded.log import Loaded
from app.store.records import Commit, Record
from app.store.sqlite.commits import commits_after, journal_at
from app.store.sqlite.file import CACHE_KIB, connect_reader
from app.store.sqlite.marks import read_marks
from app.store.sqlite.schema import State, read_state
from app.store.sqlite.versions import current_at, sizes_after
from app.store.window import Window, held_bytes


def load(path: Path, vfs: str | None, index: Index, window: Window) -> Loaded:
    """The state at the window's floor and the commits after it. The file is not changed. What is not as it
    was written is noticed only where it is read: the whole file is `examine`'s to check."""
    with closing(connect_reader(path, vfs)) as connection:
        # The newest versions lie all over the file, and each page has to be read once only.
        connection.execute(f"PRAGMA cache_size = -{4 * CACHE_KIB}")
        connection.execute("BEGIN")
        state = read_state(connection)
        floor = _floor(connection, state, window)
        current = {
            record.key: record for record in current_at(connection, index, floor) if not record.deleted
        }
        records = list(current.values())
        commits = list(_commits_after(connection, index, floor, current))
        last = journal_at(connection, state.rev)
        marks = read_marks(connection, state)
        return Loaded(state.store_id, state.rev, state.oldest_rev, floor, records, commits, last, marks)


def _floor(connection: apsw.Connection, state: State, window: Window) -> int:
    """The rev after which the newest commits fit into the window. (History counts the states that they
    have replaced too, and drops what is too much of them.)"""
    floor = max(state.oldest_rev, state.rev - window.revs)
    if window.bytes is None:
        return floor
    left = window.bytes
    for rev, size in sizes_after(connection, floor):
        left -= held_bytes(size)
        if left < 0:
            return rev
    return floor


def _commits_after(
    connection: apsw.Connection, index: Index, rev: int, current: dict[str, Record]
) -> Iterator[Commit]:
    """The commits after the rev, at which `current` is the state; it is moved along."""
    for commit in commits_after(connection, index, rev, lambda key, _: current.get(key)):
        for key, _, after in commit.changes:
            if after is None:
                current.pop(key, None)
            else:
                current[key] = after
        yield commit
