"""Backups of the store's file: making one while the service runs, and bringing one back.

Both work on copies under another name and rename them when they are whole and on the disk, so that
no crash leaves half a file under a name that counts.
"""

import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import apsw

from app.errors import StartError
from app.store.contract import Changes, Index, Journal, Snapshot
from app.store.embedded.group import make_commit
from app.store.history import Draft, History, Window, latest_time
from app.store.sqlite.file import connect_reader, connect_writer, damaged, examine, remove_database, sync_path
from app.store.sqlite.file_lock import FileLock
from app.store.sqlite.log import SqliteLog
from app.store.sqlite.schema import BACKUP, STORE, UNREADABLE, read_state, record_of, write_state
from app.store.sqlite.versions import every_version

logger = logging.getLogger(__name__)

Adjust = Callable[[Snapshot, datetime, int], Changes]
"""A rule of the restore's own commit: the restored snapshot, the commit's time and its rev."""


def backup(source: Path, target: Path) -> None:
    """Copy the store to a new file, as of one rev, while a service may run on it.

    The copy is marked as a backup, so that no service starts on it by mistake. Raises StartError.
    """
    source, target = source.resolve(), target.resolve()
    if target.exists() or target.is_symlink():
        raise StartError(f"{target} exists: name a file that does not, a backup overwrites nothing")
    draft = target.with_name(target.name + ".writing")
    try:
        if not source.is_file():
            raise StartError(f"{source} does not exist: name the store's file")
        remove_database(draft)
        _copy(source, draft)
        shutil.copymode(source, draft)
        _mark(draft, BACKUP, source)
        _prove(draft, source)
        sync_path(draft)
        # A link, not a rename: it fails where somebody has made the target meanwhile.
        _publish_new(draft, target)
        sync_path(target.parent)
    except (apsw.Error, OSError) as error:
        raise StartError(f"the backup to {target} failed ({error}): mend that and run it again") from error
    finally:
        _discard(draft)


def restore(
    backup_file: Path,
    target: Path,
    *,
    above: int | None = None,
    adjust: Adjust | None = None,
    index: Index | None = None,
) -> int:
    """Put a backup in the store's place; the rev at which its history begins anew.

    That rev is above every rev that was ever given, so that none is given twice: above those of the
    backup and of the store that is replaced, where it can be read, and above the microseconds since
    1970, which outrun any store's commits where it cannot. Everything before is compacted. The
    replaced file stays, as `replaced_name` says. Raises StartError, also while a service runs there.
    """
    backup_file, target = backup_file.resolve(), target.resolve()
    if backup_file == target:
        raise StartError(f"{target} cannot be restored from itself: name the backup and the store")
    if not target.parent.is_dir():
        raise StartError(f"the directory of {target} does not exist: make it, or name another store")
    lock = FileLock(target)
    lock.acquire()
    draft = target.with_name(target.name + ".restoring")
    try:
        remove_database(draft)
        state = examine(backup_file, backup_allowed=True)
        _copy(backup_file, draft)
        _own_as(target, draft)
        _mark(draft, STORE, backup_file)
        _prove(draft, backup_file)
        replaced = _settled_rev(target)
        rev = max(state.rev, replaced, time.time_ns() // 1000, above or 0) + 1
        _begin_anew(draft, rev, adjust, index or _by_prefix)
        sync_path(draft)
        _keep_aside(target, rev)
        os.replace(draft, target)
        sync_path(target.parent)
    except (apsw.Error, OSError) as error:
        raise StartError(f"the restore to {target} failed ({error}): mend that and run it again") from error
    finally:
        _discard(draft)
        lock.release()
    return rev


def replaced_name(target: Path, rev: int) -> Path:
    """Where a restore that began at `rev` has kept the file that it replaced, if there was one."""
    return target.with_name(f"{target.name}.replaced-{rev}")


def _copy(source: Path, draft: Path) -> None:
    """One consistent copy through SQLite: it neither waits for the writer nor holds it up."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    with closing(connect_reader(source)) as reader, closing(apsw.Connection(str(draft), flags=flags)) as copy:
        with copy.backup("main", reader, "main") as progress:
            while not progress.done:
                progress.step(-1)  # all at once: in steps, each write of the service would restart it
        # One file that needs no others beside it.
        copy.execute("PRAGMA journal_mode = DELETE").fetchall()


def _own_as(target: Path, draft: Path) -> None:
    """The new file is as private as the one it replaces, and its owner's: root may restore for him."""
    draft.chmod(0o600)
    if target.exists():
        shutil.copymode(target, draft)
        held = target.stat()
        with suppress(PermissionError):
            os.chown(draft, held.st_uid, held.st_gid)


def _mark(draft: Path, kind: str, source: Path) -> None:
    flags = apsw.SQLITE_OPEN_READWRITE
    with closing(apsw.Connection(str(draft), flags=flags)) as connection:
        try:
            state = read_state(connection)
        except (*UNREADABLE, apsw.SQLError) as error:
            raise StartError(f"{source} is not a sound Visor store ({error}): name another file") from error
        # A store that is restored lives a life of its own from here on.
        name = str(uuid.uuid4()) if kind == STORE else state.store_id
        write_state(connection, replace(state, kind=kind, store_id=name))


def _prove(draft: Path, source: Path) -> None:
    """Read all of the copy: its structure, and every row's checksum."""
    examine(draft, backup_allowed=True, shown=source)
    with closing(connect_reader(draft)) as connection:
        try:
            for row in every_version(connection):
                record_of(row, _nothing)
        except UNREADABLE as error:
            raise damaged(source, error) from error


def _settled_rev(target: Path) -> int:
    """The last rev of the store that will be replaced, 0 where it cannot be read.

    What a crash left in its write-ahead log is brought into the file, so that the log can go: SQLite
    would else play it on the new file.
    """
    try:
        if not target.exists():
            return 0
        rev = examine(target, backup_allowed=True).rev
        with closing(connect_writer(target)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            return max(rev, read_state(connection).rev)
    except (StartError, *UNREADABLE, apsw.Error) as error:
        logger.warning("the replaced store cannot be read, its revs are passed over by the clock: %s", error)
        return 0


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


def _keep_aside(target: Path, rev: int) -> None:
    """Give the old file a second name; the first stays until the new file takes it."""
    beside = [name for name in (target.name, target.name + "-wal") if target.with_name(name).exists()]
    for name in beside:
        old = target.with_name(name)
        new = replaced_name(target, rev).with_name(
            name.replace(target.name, replaced_name(target, rev).name, 1)
        )
        try:
            os.link(old, new)
        except OSError:  # a file system without links
            shutil.copy2(old, new)
            sync_path(new)
        logger.warning("the replaced %s is kept as %s", old, new)
    if beside:
        sync_path(target.parent)
    # A write-ahead log that is left is one of a damaged file, and must not be played on the new one.
    for suffix in ("-wal", "-shm", "-journal"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)


def _publish_new(draft: Path, target: Path) -> None:
    try:
        os.link(draft, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        os.rename(draft, target)


def _discard(draft: Path) -> None:
    remove_database(draft)
    draft.with_name(draft.name + ".lock").unlink(missing_ok=True)


def _nothing(key: str, value: bytes) -> tuple[str, ...]:
    return ()


def _by_prefix(key: str, value: bytes) -> tuple[str, ...]:
    """Enough to scan by key prefixes that end in a slash."""
    return tuple(key[: at + 1] for at, character in enumerate(key) if character == "/")
