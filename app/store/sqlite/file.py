"""Opening the store's file: creating it, and connecting to it."""

import os
import uuid
from contextlib import closing
from pathlib import Path

import apsw

from app.errors import StartError
from app.store.sqlite import page_checksums
from app.store.sqlite.drafts import create_private
from app.store.sqlite.marks import BEGIN_MARKS
from app.store.sqlite.schema import (
    APPLICATION_ID,
    RECENT,
    SCHEMA,
    STORE,
    TABLES,
    State,
    write_state,
)

SYNCHRONOUS = "FULL"
"""In WAL mode NORMAL loses acknowledged commits at a power cut; FULL does not."""

BUSY_MS = 10_000
CACHE_KIB, READER_CACHE_KIB = 16_384, 2_000


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
        connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
        if connection.execute("PRAGMA user_version").get == 1:
            connection.execute(RECENT.format(temp="TEMP"))
    except BaseException:
        connection.close()
        raise
    return connection


def bring_up(connection: apsw.Connection) -> None:
    """Give a file of an older schema what it lacks, whole or not at all. Older versions of Visor refuse it
    then."""
    schema = connection.execute("PRAGMA user_version").get
    if isinstance(schema, int) and schema < SCHEMA:
        connection.execute("BEGIN IMMEDIATE")
        lacking = RECENT.format(temp="") if schema == 1 else ""
        connection.execute(lacking + f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")
    connection.execute(BEGIN_MARKS)


def create(path: Path, vfs: str | None = None) -> None:
    """Make an empty store, whole or not at all: built under another name, then renamed.

    The caller holds the store's lock and has seen that there is nothing at `path`.
    """
    draft = path.with_name(path.name + ".creating")
    remove_database(draft)
    # Its values may be secrets: they are its owner's only, as are the files SQLite puts beside it.
    create_private(draft)
    with closing(apsw.Connection(str(draft), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)) as connection:
        page_checksums.reserve(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA}")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(TABLES)
        write_state(connection, State(STORE, str(uuid.uuid4()), 0, 0, 0))
        connection.execute(BEGIN_MARKS)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    sync_path(draft)
    os.rename(draft, path)
    sync_path(path.parent)


def resolved(path: Path) -> Path:
    """The file's own name, where the path is a link to it. (`Path.resolve` raises at a loop.)"""
    return Path(os.path.realpath(path))


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
