"""Bringing back a backup of the store's file, so that no rev is given a second time.

The new file is made under another name and takes the store's place when it is whole and on the disk, so
that no crash leaves half a file under a name that counts.
"""

import logging
import os
import shutil
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import apsw

from app.errors import StartError
from app.store.clock_watch import latest_time
from app.store.contract import Changes, Index, Snapshot
from app.store.embedded.group import make_commit
from app.store.history import History
from app.store.micros import micros
from app.store.overlay import Draft
from app.store.records import Journal
from app.store.sqlite.commits import journal_at
from app.store.sqlite.copying import copy_store
from app.store.sqlite.drafts import create_private, drafting
from app.store.sqlite.examine import ExaminedFile, examine, why
from app.store.sqlite.file import connect_writer, resolved, sync_path
from app.store.sqlite.file_lock import FileLock
from app.store.sqlite.log import SqliteLog
from app.store.sqlite.schema import STORE, UNREADABLE, read_state
from app.store.window import Window

_TIME = "%Y-%m-%d %H:%M:%SZ"

logger = logging.getLogger(__name__)

Adjust = Callable[[Snapshot, datetime, int], Changes]
"""A rule of the restore's own commit: the restored snapshot, the commit's time and its rev."""


def restore(
    backup_file: Path,
    target: Path,
    *,
    above: int | None = None,
    adjust: Adjust | None = None,
    index: Index | None = None,
    shown: object | None = None,
) -> int:
    """Put a backup in the store's place; the rev at which its history begins anew.

    That rev is above every rev that was ever given, so that none is given twice: see `_first_rev`. Everything
    before it is compacted. The replaced file stays, as `replaced_name` says. Messages call the backup
    `shown`. Raises StartError, also while a service runs there.
    """
    try:
        return _restore(
            resolved(backup_file),
            resolved(target),
            above,
            adjust,
            index or _by_prefix,
            ExaminedFile(shown or backup_file, "take another backup"),
        )
    except (apsw.Error, OSError) as error:
        raise StartError(
            f"the restore to {target} failed ({why(error)}): mend that and run it again"
        ) from error


def replaced_name(target: Path, rev: int) -> Path:
    """Where a restore that began at `rev` has kept the file that it replaced, if there was one."""
    return target.with_name(f"{target.name}.replaced-{rev}")


def _restore(
    backup_file: Path,
    target: Path,
    above: int | None,
    adjust: Adjust | None,
    index: Index,
    subject: ExaminedFile,
) -> int:
    if backup_file == target:
        raise StartError(f"{target} cannot be restored from itself: name the backup and the store")
    if not target.parent.is_dir():
        raise StartError(f"the directory of {target} does not exist: make it, or name another store")
    lock = FileLock(target)
    lock.acquire()
    try:
        with drafting(target.parent) as directory:
            if target.exists():
                lock.acquire_file()
            draft = directory / "store.db"
            examine(backup_file, backup_allowed=True, subject=subject)
            copy_store(backup_file, draft, STORE, subject)
            rev = _first_rev([_end(draft), _settled_end(target)], above)
            _begin_anew(draft, rev, adjust, index)
            _own_as(target, draft)
            sync_path(draft)
            _keep_aside(target, rev)
            os.replace(draft, target)
            sync_path(target.parent)
    finally:
        lock.release()
    return rev


@dataclass(frozen=True, slots=True)
class _End:
    """The last rev of a file, and when its last commit was made; nothing where that is not known."""

    rev: int = 0
    at: datetime | None = None


def _first_rev(ends: list[_End], above: int | None) -> int:
    """A rev above every one that was ever given.

    Above those of the backup and of the store that is replaced, where it can be read, and above the
    microseconds since 1970, which outrun any store's commits, where it cannot. That takes a clock which is
    right: one that says less than a commit was made at is not believed.
    """
    now = time.time_ns() // 1000
    known = max(max(end.rev, micros(end.at) if end.at else 0) for end in ends)
    last = max((end.at for end in ends if end.at), default=None)
    if above is None and last is not None and now < micros(last):
        begin = datetime.fromtimestamp(now / 1e6, UTC)
        raise StartError(
            f"the clock of this machine says {begin:{_TIME}}, which is before the last commit "
            f"({last:{_TIME}}), so revs could be given twice: set the clock, or give the highest rev that "
            f"was ever given as --above (the highest known here is {known})"
        )
    return max(known, now, above or 0) + 1


def _end(path: Path) -> _End:
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        return _end_of(connection)


def _end_of(connection: apsw.Connection) -> _End:
    rev = read_state(connection).rev
    last = journal_at(connection, rev)
    return _End(rev, last.at if last else None)


def _settled_end(target: Path) -> _End:
    """Where the store ends that will be replaced.

    What a crash left in its write-ahead log is brought into the file, so that the log can go: SQLite
    would else play it on the new file.
    """
    try:
        if not target.exists():
            return _End()
        examine(target, backup_allowed=True)
        with closing(connect_writer(target)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            return _end_of(connection)
    except (StartError, *UNREADABLE, apsw.Error) as error:
        logger.warning("the replaced store cannot be read, its revs are passed over by the clock: %s", error)
        return _End()


def _begin_anew(draft: Path, rev: int, adjust: Adjust | None, index: Index) -> None:
    """Add the one commit from which the restored store's history is kept."""
    log = SqliteLog(draft)
    try:
        loaded = log.open(index, Window(0))
        history = History(index, Window(0))
        history.load(loaded.floor, loaded.records)
        at = latest_time(datetime.now(UTC), loaded.last.at if loaded.last else None)
        changes = adjust(history.snapshot(loaded.rev), at, rev) if adjust else Changes()
        top = Draft(history)
        top.rev = rev - 1
        log.begin_anew(make_commit(top, changes, Journal(at, "visor", "restore")))
    finally:
        log.close()
    if draft.with_name(draft.name + "-wal").exists():
        raise OSError(f"{draft} could not be closed whole")


def _own_as(target: Path, draft: Path) -> None:
    """The new file is as private as the one it replaces, and its owner's: root may restore for him."""
    if target.exists():
        shutil.copymode(target, draft)
        held = target.stat()
        with suppress(PermissionError):
            os.chown(draft, held.st_uid, held.st_gid)


def _keep_aside(target: Path, rev: int) -> None:
    """Give the old file a second name; the first stays until the new file takes it."""
    beside = [suffix for suffix in ("", "-wal") if target.with_name(target.name + suffix).exists()]
    for suffix in beside:
        old = target.with_name(target.name + suffix)
        new = target.with_name(replaced_name(target, rev).name + suffix)
        try:
            os.link(old, new)
        except OSError:  # a file system without links
            create_private(new)
            shutil.copy2(old, new)
            sync_path(new)
        logger.warning("the replaced %s is kept as %s", old, new)
    if beside:
        sync_path(target.parent)
    # A write-ahead log that is left is one of a damaged file, and must not be played on the new one.
    for suffix in ("-wal", "-shm", "-journal"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)


def _by_prefix(key: str, value: bytes) -> tuple[str, ...]:
    """Enough to scan by key prefixes that end in a slash."""
    return tuple(key[: at + 1] for at, character in enumerate(key) if character == "/")
