"""The embedded store's log in a SQLite file.

One connection does all writing and checkpointing, in one thread; a group of commits is one
transaction and one fsync. Old revs are read beside it by the archive.
"""

import errno
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import apsw

from app.errors import CoordinatorUnavailable, RevCompacted, StartError, StorageFull
from app.store.contract import Index, Snapshot
from app.store.embedded.log import Identity, Loaded, LogBroken, LogMoved
from app.store.history_size import Mark
from app.store.records import Commit, Entry, Journal
from app.store.sqlite.archive import Archive
from app.store.sqlite.commits import journal_of
from app.store.sqlite.compaction import drop_step
from app.store.sqlite.examine import ExaminedFile, examine, refusal
from app.store.sqlite.file import bring_up, connect_reader, connect_writer, create, resolved
from app.store.sqlite.file_lock import FileLock
from app.store.sqlite.loading import load
from app.store.sqlite.marks import put_marks
from app.store.sqlite.presence import Presence
from app.store.sqlite.schema import STORE, UNREADABLE, State, put_commits, read_state, write_state
from app.store.sqlite.versions import RECENT_COMMITS, Recent, put_versions, sort_in
from app.store.window import Window

logger = logging.getLogger(__name__)

CHECKPOINT_PAGES = 1000
"""Pages that are written to the write-ahead log between two checkpoints, for which whoever writes next may
have to wait: of a client that writes alone, one write in 250. Few of them are different pages."""

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class SqliteLog:
    """A `Log` in the file at `path`. `vfs` names another way to the disk than SQLite's own; `recent` is how
    many commits are kept in the order they came before they are sorted in."""

    def __init__(self, path: Path, *, vfs: str | None = None, recent: int = RECENT_COMMITS) -> None:
        self._path = resolved(path)
        self._vfs = vfs
        self._lock = FileLock(self._path)
        self._connection: apsw.Connection | None = None
        self._archive: Archive | None = None
        self._presence: Presence | None = None
        self._state = State("", "", 0, 0, 0)
        self._doubtful = False
        self._groups = 0
        self._wal_pages = 0
        self._tidied = 0
        self._recent_commits = recent
        self._recent = Recent(recent)

    def open(self, index: Index, window: Window, *, create: bool = True) -> Loaded:
        self.close()
        if not create and not self._path.exists():
            raise self._gone()
        if not self._path.parent.is_dir():
            raise StartError(f"the directory of {self._path} does not exist: make it, or name another store")
        self._lock.acquire()
        try:
            return self._open(index, window, begin=create)
        except (apsw.Error, OSError, *UNREADABLE) as error:
            self.close()
            raise refusal(ExaminedFile(self._path), error, "opened") from error
        except BaseException:
            self.close()
            raise

    def _gone(self) -> LogMoved:
        return LogMoved(f"{self._path} is not there any more")

    def _open(self, index: Index, window: Window, *, begin: bool) -> Loaded:
        if not self._path.exists():
            if not begin:
                raise self._gone()
            create(self._path, self._vfs)
        left = _size(self._wal_path)
        self._lock.acquire_file()
        # The check of the whole file runs beside the reading: nothing of either is believed, and nothing of
        # the file is changed, before both are done.
        with ThreadPoolExecutor(1, thread_name_prefix="visor-check") as beside:
            checked = beside.submit(examine, self._path, self._vfs, by_sums=True)
            try:
                loaded = load(self._path, self._vfs, index, window)
            except Exception:
                checked.result()  # says better what is wrong
                raise
            self._state = checked.result()
        self._connection = connect_writer(self._path, self._vfs)
        self._settle(self._connection)
        if left:
            logger.info(
                "%s was not closed cleanly: %d bytes of its write-ahead log are taken over, up to rev %d",
                self._path,
                left,
                loaded.rev,
            )
        bring_up(self._connection)
        self._wal_pages = self._tidied = 0
        self._sort_in(self._connection)
        # Instead of SQLite's own checkpoints, which whoever's commit comes just then has to wait for.
        self._connection.set_wal_hook(self._on_wal)
        self._presence = presence = Presence(self._path)
        self._archive = Archive(self._path, index, self._vfs, presence.check)
        return loaded

    @property
    def _wal_path(self) -> Path:
        return self._path.with_name(self._path.name + "-wal")

    def check(self) -> None:
        if self._presence is None:
            raise LogMoved(f"{self._path} is not open")
        self._presence.check()

    def look(self, rev: int) -> Identity:
        if not self._path.exists():
            raise self._gone()
        try:
            with closing(connect_reader(self._path, self._vfs)) as connection:
                connection.execute("BEGIN")
                state = read_state(connection)
                journal = journal_of(connection, rev)
        except (apsw.NotADBError, apsw.SQLError) as error:
            raise LogMoved(f"{self._path} is no Visor store any more ({error})") from error
        except (*UNREADABLE, apsw.Error) as error:
            raise StartError(f"{self._path} cannot be read ({error})") from error
        if state.kind != STORE:
            raise LogMoved(f"{self._path} is a backup now")
        return Identity(state.store_id, state.rev, journal)

    def _settle(self, connection: apsw.Connection) -> None:
        """Bring what a crash left in the write-ahead log into the file itself.

        After an fsync that failed this is what makes the log's frames durable: the kernel may hold
        them as written though they are not, and the checkpoint writes them anew elsewhere.
        """
        try:
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0]
            if busy and self._doubtful:
                raise StartError(
                    f"{self._path} is being read by another process, which keeps it from recovery"
                )
        except apsw.FullError:
            if self._doubtful:
                raise
        self._doubtful = False

    def append(self, commits: Sequence[Commit], oldest_rev: int, marks: Sequence[Mark] = ()) -> None:
        connection = self._connection
        if connection is None:
            raise LogBroken("the file is not open")
        if self._doubtful:
            raise LogBroken("it is not known what the file holds since it failed")
        state = self._state
        if commits and commits[0].rev != state.rev + 1:
            raise LogBroken(f"commit {commits[0].rev} does not follow rev {state.rev}")
        # Before, so that nothing is written where nobody will find it; after, so that nothing is answered.
        self.check()
        self._write(connection, commits, oldest_rev, marks)
        self.check()

    def _on_wal(self, connection: apsw.Connection, database: str, pages: int) -> int:
        if pages < self._wal_pages:
            self._tidied = 0  # the log was begun anew
        self._wal_pages = pages
        return apsw.SQLITE_OK

    @property
    def untidy(self) -> bool:
        return self._wal_is_long or self._recent.much

    @property
    def _wal_is_long(self) -> bool:
        """Whether a checkpoint is due. Where a reader keeps the log from being begun anew, it grows, and is
        not looked through again with each commit."""
        return self._wal_pages - self._tidied >= CHECKPOINT_PAGES

    def tidy(self) -> None:
        connection = self._connection
        if connection is None:
            return
        # One of the two at a time: the next commit waits for it.
        if self._recent.much:
            self._sort_in(connection)
        elif self._wal_is_long:
            self._checkpoint(connection)

    def _sort_in(self, connection: apsw.Connection) -> None:
        # Where it fails, what is recent is found where it is, and is sorted in with the next.
        self._recent = Recent(self._recent_commits)
        try:
            with self._transaction(connection):
                sort_in(connection, self._state.rev)
        except (StorageFull, LogBroken) as failure:
            logger.warning("what was written last cannot be sorted in yet: %s", failure.__cause__)

    def _checkpoint(self, connection: apsw.Connection) -> None:
        self._tidied = self._wal_pages
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            # All that was acknowledged is in the write-ahead log, and stays there until it is in the file.
            logger.warning("the write-ahead log cannot be brought into the file yet: %s", error)

    def begin_anew(self, commit: Commit) -> None:
        """Keep a commit whose rev is far above the last one, as the new beginning of history."""
        if self._connection is None or commit.rev <= self._state.rev:
            raise LogBroken(f"commit {commit.rev} is not above rev {self._state.rev}")
        self._write(self._connection, [commit], commit.rev)

    def _write(
        self,
        connection: apsw.Connection,
        commits: Sequence[Commit],
        oldest_rev: int,
        marks: Sequence[Mark] = (),
    ) -> None:
        state = self._state
        oldest = max(state.oldest_rev, oldest_rev)
        with self._transaction(connection):
            put_commits(connection, commits)
            put_versions(connection, commits)
            if marks:
                put_marks(connection, marks, oldest)
            compacted = state.compacted
            if oldest > compacted:
                compacted = drop_step(connection, compacted, oldest, len(commits))
            state = replace(
                state,
                rev=commits[-1].rev if commits else state.rev,
                oldest_rev=oldest,
                compacted=compacted,
            )
            write_state(connection, state)
        self._state = state
        self._recent.add(commits)
        self._groups += 1

    @contextmanager
    def _transaction(self, connection: apsw.Connection) -> Iterator[None]:
        """Keep all that is written in it, or none. Raises StorageFull, LogBroken."""
        committing = False
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield
            committing = True
            connection.execute("COMMIT")
        except apsw.Error as error:
            self._undo(connection, error, committing)

    def _undo(self, connection: apsw.Connection, error: apsw.Error, committing: bool) -> None:
        """Raise what the failure means: nothing kept and no room, or nobody knows."""
        no_room = isinstance(error, apsw.FullError) or connection.system_errno in _NO_ROOM
        # A commit is certain to have failed where its last frame could not be written. Where that
        # was, and the fsync failed, a crash may still bring it back.
        certain = (
            not committing or isinstance(error, apsw.FullError) or _code(error) == apsw.SQLITE_IOERR_WRITE
        )
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except apsw.Error as second:
            logger.error("the failed write could not be rolled back: %s", second)
            certain = False
        if certain and no_room:
            raise StorageFull(
                "The store has no room left: nothing was changed. Free space on its disk, "
                "and writes go on by themselves."
            ) from error
        self._doubtful = True
        raise LogBroken(str(error)) from error

    def snapshot(self, rev: int) -> Snapshot:
        return self._reader().snapshot(rev)

    def commits(self, after: int, limit: int) -> list[Commit]:
        return self._reader().commits(after, limit)

    def journals(self, after: int, limit: int) -> list[Entry]:
        return self._reader().journals(after, limit)

    def journal_at(self, rev: int) -> Journal | None:
        try:
            return self._reader().journal_at(rev)
        except RevCompacted:
            return None

    def _reader(self) -> Archive:
        if self._archive is None:
            raise CoordinatorUnavailable("The store's file is not open.")
        return self._archive

    def statistics(self) -> dict[str, float]:
        archive = self._archive
        return {
            "file_bytes": _size(self._path),
            "wal_bytes": _size(self._wal_path),
            "log_groups_total": self._groups,
            "compacted_rev": self._state.compacted,
            **(archive.statistics() if archive else {}),
        }

    def close(self) -> None:
        archive, self._archive = self._archive, None
        connection, self._connection = self._connection, None
        self._presence = None
        try:
            if archive is not None:
                archive.close()
            if connection is not None:
                connection.close(True)
        except apsw.Error as error:
            logger.error("the file did not close cleanly: %s", error)
        finally:
            self._lock.release()


def _code(error: apsw.Error) -> int:
    """SQLite's extended result code."""
    return int(getattr(error, "extendedresult", 0))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
