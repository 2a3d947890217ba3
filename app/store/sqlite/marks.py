"""The marks of the history's size in the store's file: a start need not add up all versions.

A file that an older version has made has none: what it holds then is not counted, and goes first.
"""

from collections.abc import Sequence
from typing import Any

import apsw

from app.store.history_size import Mark, kept_bytes_of
from app.store.sqlite.schema import State

BEGIN_MARKS = """
CREATE TABLE IF NOT EXISTS marks (rev INTEGER PRIMARY KEY, total INTEGER NOT NULL) STRICT;
INSERT INTO marks (rev, total) SELECT rev, 0 FROM state WHERE NOT EXISTS (SELECT 1 FROM marks);
"""
"""Gives a file its first mark, where it has none."""


def put_marks(connection: apsw.Connection, marks: Sequence[Mark], oldest_rev: int) -> None:
    """Add marks, and drop those that a history from `oldest_rev` on does not need."""
    connection.executemany("INSERT OR REPLACE INTO marks (rev, total) VALUES (?, ?)", marks)
    connection.execute(
        "DELETE FROM marks WHERE rev < (SELECT max(rev) FROM marks WHERE rev <= ?)", (oldest_rev,)
    )


def read_marks(connection: apsw.Connection, state: State) -> list[Mark]:
    """The marks of the file, in order; the last is of its newest commit."""
    known: list[Mark] = []
    if connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'marks'").get:
        rows = connection.execute("SELECT rev, total FROM marks WHERE rev <= ? ORDER BY rev", (state.rev,))
        known = [Mark(*row) for row in rows]
    if not known:
        known = [Mark(state.rev, 0)]
    last = known[-1]
    # Counted, not reckoned from the revs: a restored store has a gap in them.
    figures: list[tuple[Any, ...]]
    figures = connection.execute("SELECT count(*), 0, 0 FROM commits WHERE rev > ?", (last.rev,)).fetchall()
    for table in ("versions INDEXED BY versions_by_rev", "recent"):
        figures += connection.execute(
            f"SELECT 0, count(*), coalesce(sum(length(key) + length(value)), 0) FROM {table} WHERE rev > ?",
            (last.rev,),
        )
    size = sum(kept_bytes_of(*row) for row in figures)
    return [*known, Mark(state.rev, last.total + size)]
