"""The versions of the keys in the store's file: where they are put, and where they are found.

`versions` has them by key, so that one is found at once; there, each key that a group of writes changes costs
a page. `recent` has the newest, in the order of their revs, where a whole group costs a page or two. What has
come is put there, and sorted in by key when there is more of it: all of `recent` is newer than all of
`versions`. A commit's versions are in the one or in the other, never in both.
"""

import heapq
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from operator import attrgetter
from typing import Any

import apsw

from app.store.contract import Index
from app.store.records import Commit, Record
from app.store.sqlite.schema import insert, record_of, version_rows

RECENT_COMMITS, RECENT_PAGES = 1024, 250
"""What stays recent: at most so many commits, and what takes so many pages when it is sorted in. Whoever
writes next may have to wait for that: some milliseconds."""

_PAGE = 4096

_COLUMNS = "key, rev, created_rev, ttl, value, sum"
_SORTED = f"SELECT {_COLUMNS} FROM versions "
_RECENT = f"SELECT {_COLUMNS} FROM recent "
# With max() alone, SQLite takes the other columns from the row that has the maximum.
_LAST = "SELECT key, max(rev), created_rev, ttl, value, sum FROM "

_KEY = attrgetter("key")


class Recent:
    """How much has come since all was sorted in; much are `commits`, or what takes too many pages."""

    def __init__(self, commits: int) -> None:
        self._left = commits
        self._keys: set[str] = set()
        self._bytes = 0

    def add(self, commits: Sequence[Commit]) -> None:
        self._left -= len(commits)
        for commit in commits:
            for key, _, after in commit.changes:
                self._keys.add(key)
                if after is not None:
                    self._bytes += len(after.value)

    @property
    def much(self) -> bool:
        """Whether it is time to sort it in. May be asked from any thread."""
        # Each key has a place of its own, and values fill some more.
        pages = len(self._keys) + self._bytes // _PAGE
        return self._left <= 0 or pages >= RECENT_PAGES


def put_versions(connection: apsw.Connection, commits: Iterable[Commit]) -> None:
    """Add one row for each key that one of the commits changed, newer than all there are."""
    rows = [row for commit in commits for row in version_rows(commit)]
    insert(connection, f"INSERT INTO recent ({_COLUMNS}) VALUES ", rows)


def sort_in(connection: apsw.Connection, rev: int) -> None:
    """Move what has come up to the rev to its place by key, inside the caller's transaction."""
    connection.execute(
        f"INSERT INTO versions ({_COLUMNS}) {_RECENT} WHERE rev <= ? ORDER BY key, rev",
        (rev,),
    )
    connection.execute("DELETE FROM recent WHERE rev <= ?", (rev,))


def in_order(connection: apsw.Connection) -> bool:
    """Whether all that is recent is newer than all that is sorted in."""
    last_and_first = "(SELECT max(rev) FROM versions) < (SELECT min(rev) FROM recent)"
    return bool(connection.execute(f"SELECT coalesce({last_and_first}, 1)").get)


def count_after(connection: apsw.Connection, rev: int) -> int:
    """How many versions are newer than the rev."""
    return sum(
        connection.execute(f"SELECT count(*) FROM {table} WHERE rev > ?", (rev,)).get
        for table in ("versions", "recent")
    )


def every_version(connection: apsw.Connection) -> Iterator[tuple[Any, ...]]:
    """All rows there are."""
    return chain(connection.execute(_SORTED), connection.execute(_RECENT))


def changed_after(connection: apsw.Connection, rev: int) -> Generator[tuple[Any, ...], None, None]:
    """The rows of all commits after the rev, by rev and key."""
    newer = "WHERE rev > ? ORDER BY rev, key"
    for rows in (f"{_SORTED} INDEXED BY versions_by_rev {newer}", f"{_RECENT} {newer}"):
        with closing(connection.cursor()) as cursor:
            yield from cursor.execute(rows, (rev,))


def sizes_after(connection: apsw.Connection, rev: int) -> Generator[tuple[int, int], None, None]:
    """Rev and bytes of all values after the rev, the newest first."""
    newer = "WHERE rev > ? ORDER BY rev DESC"
    for table in ("recent", "versions INDEXED BY versions_by_rev"):
        with closing(connection.cursor()) as cursor:
            yield from cursor.execute(f"SELECT rev, length(value) FROM {table} {newer}", (rev,))


def version_at(connection: apsw.Connection, index: Index, key: str, rev: int) -> Record | None:
    """The version of the key that is current at the rev, which may be its deletion."""
    for table in (_RECENT, _SORTED):
        rows = connection.execute(
            f"{table} WHERE key = ? AND rev <= ? ORDER BY rev DESC LIMIT 1", (key, rev)
        ).fetchall()
        if rows:
            return record_of(rows[0], index)
    return None


def current_at(
    connection: apsw.Connection,
    index: Index,
    rev: int,
    *,
    begin: str = "",
    end: str | None = None,
    after: str = "",
    reverse: bool = False,
) -> Iterator[Record]:
    """The versions that are current at the rev, by key: those of keys from `begin` on, before `end`, and
    after `after`. Some may be deletions."""
    where = "WHERE rev <= ? AND key >= ?"
    bindings: list[str | int] = [rev, begin]
    if end is not None:
        where += " AND key < ?"
        bindings.append(end)
    if after:
        where += " AND key > ?"
        bindings.append(after)
    by_key = f"{where} GROUP BY key ORDER BY key {'DESC' if reverse else ''}"
    with closing(connection.cursor()) as recent, closing(connection.cursor()) as below:
        last = None
        # Of two with the same key the first one comes first.
        for record in heapq.merge(
            (record_of(row, index) for row in recent.execute(f"{_LAST} recent {by_key}", bindings)),
            (record_of(row, index) for row in below.execute(f"{_LAST} versions {by_key}", bindings)),
            key=_KEY,
            reverse=reverse,
        ):
            if record.key != last:
                yield record
            last = record.key
