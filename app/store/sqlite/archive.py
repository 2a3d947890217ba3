"""What is no longer in memory, read from the store's file while the writer goes on.

Every read is a read transaction of its own on a read-only connection, and begins by asking whether
the rev is still kept: a compaction that overtakes a reader makes it fail, never answer wrongly.
"""

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import apsw

from app.errors import CoordinatorUnavailable, RevCompacted
from app.store.contract import Index, Reads, prefix_of
from app.store.embedded.log import LogMoved
from app.store.records import Commit, Entry, Groups, Journal, Record, carries
from app.store.sqlite.commits import commits_after, journal_at, journals_after
from app.store.sqlite.file import connect_reader
from app.store.sqlite.schema import UNREADABLE, read_state
from app.store.sqlite.versions import current_at, version_at

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 5.0

_LAST_CHARACTER = "\U0010ffff"


class Archive:
    """Reads old revs. Any number of threads may read at once, each on a connection of its own."""

    def __init__(
        self,
        path: Path,
        index: Index,
        vfs: str | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """`check` raises LogMoved where the file at the path is not the one that is served any more."""
        self._path = path
        self._check = check
        self._vfs = vfs
        self._index = index
        self._idle: list[apsw.Connection] = []
        self._busy: set[apsw.Connection] = set()
        self._guard = threading.Condition()
        self._closed = False
        self._reads = 0

    def snapshot(self, rev: int) -> "ArchiveSnapshot":
        return ArchiveSnapshot(self, self._index, rev)

    def commits(self, after: int, limit: int) -> list[Commit]:
        """Commits after the rev `after`, in order, at most `limit`."""
        current: dict[str, Record | None] = {}
        commits: list[Commit] = []
        with self.reading(after) as connection:

            def before(key: str, rev: int) -> Record | None:
                if key in current:
                    return current[key]
                version = version_at(connection, self._index, key, rev - 1)
                return None if version is None or version.deleted else version

            for commit in commits_after(connection, self._index, after, before, limit):
                current.update((key, version) for key, _, version in commit.changes)
                commits.append(commit)
        return commits

    def journals(self, after: int, limit: int) -> list[Entry]:
        """The journal entries after the rev `after`, in order, at most `limit`."""
        with self.reading(after) as connection:
            return list(journals_after(connection, after, limit))

    def journal_at(self, rev: int) -> Journal | None:
        with self.reading(rev) as connection:
            return journal_at(connection, rev)

    def statistics(self) -> dict[str, float]:
        return {"archive_reads_total": self._reads, "archive_connections": len(self._idle)}

    @contextmanager
    def reading(self, rev: int) -> Iterator[apsw.Connection]:
        """A read transaction in which `rev` is still kept. Raises RevCompacted where it is not."""
        connection = self._take()
        try:
            connection.execute("BEGIN")
            oldest = read_state(connection).oldest_rev
            if rev < oldest:
                raise RevCompacted.before(oldest)
            yield connection
        except (*UNREADABLE, apsw.Error) as error:
            logger.error("the store's file cannot be read: %s", error)
            raise CoordinatorUnavailable(
                "The store's old history cannot be read; its operator finds the cause in the log."
            ) from error
        finally:
            self._give_back(connection)

    def _take(self) -> apsw.Connection:
        with self._guard:
            if self._closed:
                raise CoordinatorUnavailable("The store is closing.")
            self._reads += 1
            if self._idle:
                connection = self._idle.pop()
                self._busy.add(connection)
                return connection
        try:
            connection = connect_reader(self._path, self._vfs)
        except apsw.Error as error:
            logger.error("the store's file cannot be opened: %s", error)
            raise CoordinatorUnavailable("The store's old history cannot be read.") from error
        try:
            self._check()
        except LogMoved as error:
            connection.close(True)
            raise CoordinatorUnavailable("The store's old history is not where it was.") from error
        with self._guard:
            if not self._closed:
                self._busy.add(connection)
                return connection
        connection.close(True)
        raise CoordinatorUnavailable("The store is closing.")

    def _give_back(self, connection: apsw.Connection) -> None:
        sound = True
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except apsw.Error:
            sound = False
        with self._guard:
            self._busy.remove(connection)
            if sound and not self._closed:
                self._idle.append(connection)
            else:
                connection.close(True)
            self._guard.notify_all()

    def close(self) -> None:
        """Close every connection; those who are reading get an error. One that a disk holds up for longer
        than CLOSE_SECONDS closes when it is done."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
            for connection in idle:
                connection.close(True)
            patience = time.monotonic() + CLOSE_SECONDS
            while self._busy and time.monotonic() < patience:
                for connection in self._busy:
                    connection.interrupt()  # only what runs just now: hence again and again
                self._guard.wait(0.02)
            if self._busy:
                logger.warning("the store's file is still being read, and is let go of when that ends")


class ArchiveSnapshot:
    """The registry at one rev of the file. See `Snapshot`."""

    blocking = True

    def __init__(self, archive: Archive, index: Index, rev: int) -> None:
        self._archive = archive
        self._index = index
        self.rev = rev

    def get(self, key: str) -> Record | None:
        with self._archive.reading(self.rev) as connection:
            record = version_at(connection, self._index, key, self.rev)
        return None if record is None or record.deleted else record

    def find(
        self, groups: Groups, *, after: str = "", limit: int | None = None, reverse: bool = False
    ) -> list[Record]:
        records: list[Record] = []
        if limit is not None and limit <= 0:
            return records
        with (
            self._archive.reading(self.rev) as connection,
            closing(self._iterate(connection, groups, "" if reverse else after, reverse)) as rows,
        ):
            for record in rows:
                records.append(record)
                if len(records) == limit:
                    break
        return records

    def count(self, term: str) -> int:
        with self._archive.reading(self.rev) as connection:
            return sum(1 for _ in self._iterate(connection, ((term,),), "", False))

    count_about = count

    def has_changed(self, reads: Reads) -> bool:
        return True  # nobody commits on what has left the memory

    def _iterate(
        self, connection: apsw.Connection, groups: Groups, after: str, reverse: bool
    ) -> Generator[Record, None, None]:
        prefix = prefix_of(next(iter(groups[0])))
        for record in current_at(
            connection,
            self._index,
            self.rev,
            begin=prefix,
            end=prefix_end(prefix),
            after=after,
            reverse=reverse,
        ):
            # A deletion carries nothing.
            if carries(record, groups):
                yield record


def prefix_end(prefix: str) -> str | None:
    """The first key after all that begin with the prefix; None where nothing can come after."""
    stem = prefix.rstrip(_LAST_CHARACTER)
    if not stem:
        return None
    following = ord(stem[-1]) + 1
    # Between U+D7FF and U+E000 are halves of surrogate pairs, which no key can have.
    return stem[:-1] + chr(0xE000 if following == 0xD800 else following)
