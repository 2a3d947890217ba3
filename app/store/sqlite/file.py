"""Opening the store's file: creating it, connecting to it, and refusing what is not sound."""

import os
import uuid
from contextlib import closing
from pathlib import Path

import apsw

from app.errors import StartError
from app.store.sqlite import page_checksums
from app.store.sqlite.marks import BEGIN_MARKS
from app.store.sqlite.schema import (
    APPLICATION_ID,
    BACKUP,
    RECENT,
    SCHEMA,
    STORE,
    TABLES,
    UNREADABLE,
    Damaged,
    State,
    read_state,
    write_state,
)
from app.store.sqlite.versions import count_after, in_order

SYNCHRONOUS = "FULL"
"""In WAL mode NORMAL loses acknowledged commits at a power cut; FULL does not."""

BUSY_MS = 10_000
CACHE_KIB = 16_384


def connect_writer(path: Path, vfs: str | None = None) -> apsw.Connection:
    """The one connection that writes and checkpoints."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
    try:
        if connection.readonly("main"):
            raise StartError(f"{path} cannot be written: give this user the right to, or name another store")
        connection.set_busy_timeout(BUSY_MS)
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        # FULLFSYNC reaches the platter where fsync alone does not (macOS); elsewhere it is nothing.
        connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS}; PRAGMA fullfsync = ON")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}; PRAGMA temp_store = MEMORY")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path, vfs: str | None = None) -> apsw.Connection:
    """A connection that changes nothing, not even by closing: it never checkpoints. A file of schema 1 is
    read as if it had all that the present one has."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY, vfs=vfs)
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.wal_autocheckpoint(0)
    connection.set_busy_timeout(BUSY_MS)
    try:
        if connection.execute("PRAGMA user_version").get == 1:
            connection.execute(RECENT.format(temp="TEMP"))
    except BaseException:
        connection.close()
        raise
    return connection


def bring_up(connection: apsw.Connection) -> None:
    """Give a file of schema 1 what it lacks, whole or not at all. Older versions of Visor refuse it then."""
    if connection.execute("PRAGMA user_version").get == 1:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(RECENT.format(temp="") + f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")
    connection.execute(BEGIN_MARKS)


def create(path: Path, vfs: str | None = None) -> None:
    """Make an empty store, whole or not at all: built under another name, then renamed.

    The caller holds the store's lock and has seen that there is nothing at `path`.
    """
    draft = path.with_name(path.name + ".creating")
    remove_database(draft)
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    with closing(apsw.Connection(str(draft), flags=flags, vfs=vfs)) as connection:
        page_checksums.reserve(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA}")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(TABLES)
        write_state(connection, State(STORE, str(uuid.uuid4()), 0, 0, 0))
        connection.execute(BEGIN_MARKS)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    # Its values may be secrets: they are its owner's only, as are the files SQLite puts beside it.
    draft.chmod(0o600)
    sync_path(draft)
    os.rename(draft, path)
    sync_path(path.parent)


def remove_database(path: Path) -> None:
    """Remove a file of ours that a crash left unfinished, with what SQLite put beside it."""
    for name in (path.name, path.name + "-wal", path.name + "-shm", path.name + "-journal"):
        path.with_name(name).unlink(missing_ok=True)


def sync_path(path: Path) -> None:
    """fsync a directory, or a file that no connection of this process has open."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def examine(
    path: Path,
    vfs: str | None = None,
    *,
    backup_allowed: bool = False,
    shown: Path | None = None,
    by_sums: bool = False,
) -> State:
    """Look at a file without changing it. Raises StartError unless it is a sound store of ours;
    the message names `shown` where the file is a copy of that one. `by_sums`: where its pages carry
    checksums, be content with these and with what is quick to check besides."""
    try:
        return _examine(path, vfs, shown or path, backup_allowed, by_sums)
    except apsw.NotADBError as error:
        raise _foreign(shown or path, "it is no SQLite file") from error
    except UNREADABLE as error:
        raise damaged(shown or path, error) from error
    except apsw.Error as error:
        if page_checksums.is_bad_page(error):
            raise damaged(shown or path, "a page's checksum is wrong") from error
        raise StartError(f"{shown or path} cannot be read ({error}): mend that, or name another") from error


def _examine(path: Path, vfs: str | None, shown: Path, backup_allowed: bool, by_sums: bool) -> State:
    if not path.is_file():
        raise StartError(f"{shown} is not a file: name another")
    with closing(connect_reader(path, vfs)) as connection:
        _identify(shown, connection)
        state = _verify(connection, quick=by_sums and page_checksums.verified(connection))
    if state.kind == BACKUP and not backup_allowed:
        raise StartError(
            f"{shown} is a backup, which would give revs anew that were given before: "
            "bring it back with `visor restore`"
        )
    return state


def damaged(path: Path, why: object) -> StartError:
    return StartError(
        f"{path} is damaged ({why}): keep a copy of it and of the files beside it, "
        "and bring back a backup with `visor restore`"
    )


def _foreign(path: Path, why: str) -> StartError:
    return StartError(f"{path} is not a Visor store ({why}): name another file, or move this one away")


def _identify(path: Path, connection: apsw.Connection) -> None:
    # Read as of one moment, and before anything else of the file is believed.
    marker = connection.execute("PRAGMA application_id").get
    schema = connection.execute("PRAGMA user_version").get
    if marker != APPLICATION_ID:
        raise _foreign(path, "it does not carry Visor's mark")
    if not isinstance(schema, int) or schema < 1:
        raise Damaged(f"its schema number is {schema}")
    if schema > SCHEMA:
        raise StartError(
            f"{path} has schema {schema}, and this Visor knows schemas up to {SCHEMA}: "
            "run the newer Visor that wrote it, or name another store"
        )


def _verify(connection: apsw.Connection, *, quick: bool) -> State:
    connection.execute(f"PRAGMA cache_size = -{4 * CACHE_KIB}")
    connection.execute("BEGIN")
    # Each row's own checksum is verified when the row is read. What that cannot show is a row that
    # is not found: hence the counts of what has to be there, and the full check: it holds the rows against
    # the index by rev, so that an altered key or rev hides nothing. The quick one goes through every
    # page too: where each has a checksum, no key or rev can have been altered on the disk.
    faults = connection.execute(f"PRAGMA {'quick' if quick else 'integrity'}_check(1)").get
    if faults != "ok":
        raise Damaged(f"SQLite's check says: {' '.join(str(faults).split())}")
    state = read_state(connection)
    (count, last, changes) = connection.execute(
        "SELECT count(*), max(rev), total(changes) FROM commits WHERE rev > ?", (state.oldest_rev,)
    ).fetchall()[0]
    if count != state.rev - state.oldest_rev or (count and last != state.rev):
        raise Damaged(
            f"it has {count} commits after rev {state.oldest_rev}, and should have all up to {state.rev}"
        )
    found = count_after(connection, state.oldest_rev)
    if found != changes:
        raise Damaged(f"its commits made {changes:.0f} changes, and it has {found}")
    if not in_order(connection):
        raise Damaged("what is recent in it is older than what is not")
    return state
