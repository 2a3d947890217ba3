"""The commits in the store's file, each with what it changed."""

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from typing import Any

import apsw

from app.store.contract import Index
from app.store.records import Change, Commit, Entry, Journal, Record
from app.store.sqlite.schema import SELECT_COMMITS, CommitRow, Damaged, commit_of, record_of
from app.store.sqlite.versions import changed_after

Before = Callable[[str, int], Record | None]
"""The version of a key before the commit at a rev."""


def commits_after(
    connection: apsw.Connection, index: Index, rev: int, before: Before, limit: int | None = None
) -> Iterator[Commit]:
    """The commits after the rev, in order, at most `limit`. `before` is asked about a commit's keys only when
    the one before it has been taken. Raises Damaged where a commit is not there, or not whole."""
    heads = SELECT_COMMITS + "WHERE rev > ? ORDER BY rev LIMIT ?"
    with closing(changed_after(connection, rev)) as versions, closing(connection.cursor()) as cursor:
        rows = cursor.execute(heads, (rev, -1 if limit is None else limit))
        for following, head in enumerate(map(commit_of, rows), start=rev + 1):
            if head.rev != following:
                raise Damaged(f"commit {following} is missing")
            changes = tuple(_changes(head, versions, index, before))
            if len(changes) != head.changes:
                raise Damaged(f"commit {head.rev} has {len(changes)} of its {head.changes} changes")
            yield Commit(head.rev, head.journal, changes)


def _changes(
    head: CommitRow, versions: Iterator[tuple[Any, ...]], index: Index, before: Before
) -> Iterator[Change]:
    for version in islice(versions, head.changes):
        after = record_of(version, index)
        if after.rev != head.rev:
            return
        yield Change(after.key, before(after.key, head.rev), None if after.deleted else after)


def journals_after(connection: apsw.Connection, rev: int, limit: int) -> Iterator[Entry]:
    """The journal entries of the commits after the rev, in order, at most `limit`."""
    with closing(connection.cursor()) as cursor:
        for row in cursor.execute(SELECT_COMMITS + "WHERE rev > ? ORDER BY rev LIMIT ?", (rev, limit)):
            head = commit_of(row)
            yield Entry(head.rev, head.journal)


def journal_at(connection: apsw.Connection, rev: int) -> Journal | None:
    """The journal of the latest kept commit at or before the rev."""
    rows = connection.execute(SELECT_COMMITS + "WHERE rev <= ? ORDER BY rev DESC LIMIT 1", (rev,)).fetchall()
    return commit_of(rows[0]).journal if rows else None


def journal_of(connection: apsw.Connection, rev: int) -> Journal | None:
    """The journal of the commit at the rev, None where it is not kept."""
    rows = connection.execute(SELECT_COMMITS + "WHERE rev = ?", (rev,)).fetchall()
    return commit_of(rows[0]).journal if rows else None
