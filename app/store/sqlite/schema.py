"""What the store's file looks like inside: tables, rows and their checksums.

`commits` has one row for each rev, `versions` and `recent` together one for each key that a commit changed
(see `sqlite_versions`), `state` a single one that says where history begins and ends. The file keeps all that
snapshots from `oldest_rev` on and commits after `oldest_rev` need; rows below may be there still, or not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import apsw

from app.store.contract import Index
from app.store.micros import micros, moment
from app.store.records import Commit, Journal, Record

APPLICATION_ID = 0x56697372
"""Marks a SQLite file as a Visor store: "Visr"."""

SCHEMA = 3
"""The layout that this version of Visor writes, kept as the file's `user_version`. What is in the tables of 2
and 3 is laid out alike; a version that knows 2 would not keep the targets of scales true."""

RECENT = """
CREATE {temp} TABLE recent (
    rev INTEGER NOT NULL,
    key TEXT NOT NULL,
    created_rev INTEGER NOT NULL,
    ttl INTEGER,
    value BLOB NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (rev, key)
) STRICT, WITHOUT ROWID;
"""
"""What a file of schema 1 lacks."""

TABLES = """
CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    kind TEXT NOT NULL,
    store_id TEXT NOT NULL,
    rev INTEGER NOT NULL,
    oldest_rev INTEGER NOT NULL,
    compacted INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT;
CREATE TABLE commits (
    rev INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    request TEXT NOT NULL,
    changes INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT;
CREATE TABLE versions (
    key TEXT NOT NULL,
    rev INTEGER NOT NULL,
    created_rev INTEGER NOT NULL,
    ttl INTEGER,
    value BLOB NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (key, rev)
) STRICT, WITHOUT ROWID;
CREATE INDEX versions_by_rev ON versions (rev);
""" + RECENT.format(temp="")

INSERT_COMMITS = "INSERT INTO commits (rev, at, actor, request, changes, sum) VALUES "
SELECT_COMMITS = "SELECT rev, at, actor, request, changes, sum FROM commits "

STORE, BACKUP = "store", "backup"


class Damaged(Exception):
    """The file does not hold what was written to it. The message says what is wrong."""


UNREADABLE = (Damaged, apsw.CorruptError, UnicodeDecodeError)
"""How damage shows: a checksum, SQLite's own structure, or text that is none."""


@dataclass(frozen=True, slots=True)
class State:
    """Where the history of a file begins and ends.

    `kind` is `store`, or `backup` for a file that is only to be restored; `compacted` is the rev up
    to which rows that no kept rev needs are gone.
    """

    kind: str
    store_id: str
    rev: int
    oldest_rev: int
    compacted: int


@dataclass(frozen=True, slots=True)
class CommitRow:
    """One row of `commits`: the journal, and how many changes the commit has."""

    rev: int
    journal: Journal
    changes: int


def read_state(connection: apsw.Connection) -> State:
    """The `state` row. Raises Damaged."""
    rows: list[Any] = connection.execute(
        "SELECT kind, store_id, rev, oldest_rev, compacted, sum FROM state"
    ).fetchall()
    if len(rows) != 1:
        raise Damaged(f"it has {len(rows)} state rows")
    *columns, checksum = rows[0]
    if checksum != _sum(*columns):
        raise Damaged("the state row's checksum is wrong")
    state = State(*columns)
    if not 0 <= state.compacted <= state.oldest_rev <= state.rev:
        raise Damaged("the state row contradicts itself")
    return state


def write_state(connection: apsw.Connection, state: State) -> None:
    columns = (state.kind, state.store_id, state.rev, state.oldest_rev, state.compacted)
    connection.execute(
        "INSERT OR REPLACE INTO state (id, kind, store_id, rev, oldest_rev, compacted, sum) "
        "VALUES (1, ?, ?, ?, ?, ?, ?)",
        (*columns, _sum(*columns)),
    )


def put_commits(connection: apsw.Connection, commits: Iterable[Commit]) -> None:
    """Add the row of each commit."""
    insert(connection, INSERT_COMMITS, [_commit_row(commit) for commit in commits])


_AT_ONCE = (64, 8, 1)
"""Rows of a statement. Each statement gives up the interpreter and has to wait for it again, which takes
its time where the event loop is busy: row by row, a group of writes would wait for hundreds of turns."""


def insert(connection: apsw.Connection, statement: str, rows: list[tuple[Any, ...]]) -> None:
    """Add rows of six values. The statement ends before the first of them."""
    done = 0
    for size in _AT_ONCE:
        while len(rows) - done >= size:
            some = rows[done : done + size]
            places = ",".join(["(?,?,?,?,?,?)"] * size)
            connection.execute(statement + places, [value for row in some for value in row])
            done += size


def _commit_row(commit: Commit) -> tuple[Any, ...]:
    journal = commit.journal
    columns = (commit.rev, micros(journal.at), journal.actor, _request_of(journal), len(commit.changes))
    return (*columns, _sum(*columns))


_SET_OFF = "\x1f"
"""The unit separator, which is in no request. Reason, trace and for whom stand behind the request, where
there are any: a version of Visor that does not know them still reads the row, and its checksum."""


def _request_of(journal: Journal) -> str:
    _, _, request, *more = journal
    if more == [None, None, None]:
        return request
    return _SET_OFF.join((request, *(text or "" for text in more)))


def version_rows(commit: Commit) -> Iterator[tuple[Any, ...]]:
    """A row for each key that the commit changed."""
    for change in commit.changes:
        after = change.after or Record(change.key, b"", 0, commit.rev)
        yield (
            after.key,
            after.rev,
            after.created_rev,
            after.ttl,
            after.value,
            _version_sum(after.key, after.rev, after.created_rev, after.ttl, after.value),
        )


def commit_of(row: tuple[Any, ...]) -> CommitRow:
    """Decode a row of SELECT_COMMITS. Raises Damaged."""
    rev, at, actor, request, changes, checksum = row
    if checksum != _sum(rev, at, actor, request, changes):
        raise Damaged(f"the checksum of commit {rev} is wrong")
    request, *more = request.split(_SET_OFF)
    # An older row has fewer of them.
    journal = Journal(moment(at), actor, request, *(text or None for text in more[:3]))
    return CommitRow(rev, journal, changes)


def record_of(row: tuple[Any, ...], index: Index) -> Record:
    """Decode a row of `versions` or `recent`, a deletion too. Raises Damaged."""
    key, rev, created_rev, ttl, value, checksum = row
    if not (isinstance(key, str) and isinstance(value, bytes)):
        raise Damaged("a row has values of the wrong types")
    if checksum != _version_sum(key, rev, created_rev, ttl, value):
        raise Damaged(f"the checksum of {key!r} at rev {rev} is wrong")
    return Record(key, value, created_rev, rev, ttl, index(key, value) if value else ())


def _version_sum(key: str, rev: int, created_rev: int, ttl: int | None, value: bytes) -> int:
    return crc32(value, crc32(f"{key}\0{rev}\0{created_rev}\0{ttl}".encode()))


def _sum(*columns: str | int) -> int:
    return crc32("\0".join(map(str, columns)).encode())
