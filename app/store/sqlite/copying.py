"""A copy of a store's file that can be believed: made through SQLite, and read from end to end."""

import logging
import uuid
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import apsw

from app.errors import StartError
from app.store.sqlite import page_checksums
from app.store.sqlite.drafts import create_private
from app.store.sqlite.examine import ExaminedFile, prove, why
from app.store.sqlite.file import READER_CACHE_KIB, connect_reader, remove_database
from app.store.sqlite.schema import STORE, UNREADABLE, State, read_state, write_state

logger = logging.getLogger(__name__)


def copy_store(source: Path, copy: Path, kind: str, subject: ExaminedFile | None = None) -> State:
    """Make `copy`, marked as being of that kind, of the store at `source`, as of one rev.

    Messages are about the `subject`. They say that it is damaged only where it is, and not where the copy
    failed. Raises StartError, apsw.FullError, OSError.
    """
    subject = subject or ExaminedFile(source)
    try:
        return _proven_copy(source, copy, kind, subject)
    except (apsw.FullError, OSError):
        raise  # of the place where the copy is made
    except (StartError, apsw.Error, *UNREADABLE) as error:
        prove(source, subject)
        if not page_checksums.is_bad_page(error):
            raise StartError(
                f"the copy of {subject.name} is not what was read ({why(error)}), and {subject.name} itself "
                "is sound: look at the disk that the copy is written to, and run it again"
            ) from error
    # All that is in use has been read: the bad page is a free one, whose content is nothing.
    logger.warning("a page of %s that is free has gone bad; all others are sound", subject.name)
    remove_database(copy)
    return _proven_copy(source, copy, kind, subject, verify=False)


def _proven_copy(source: Path, copy: Path, kind: str, subject: ExaminedFile, *, verify: bool = True) -> State:
    _copy(source, copy, verify)
    _mark(copy, kind)
    return prove(copy, subject)


def _copy(source: Path, copy: Path, verify: bool) -> None:
    """One consistent copy: it neither waits for the writer nor holds it up."""
    create_private(copy)
    with closing(connect_reader(source)) as reader, closing(_connect(copy)) as writer:
        if page_checksums.carried(reader):
            page_checksums.reserve(writer)
            # Page 1 says that pages have checksums. It has to be on the disk before any other: what is
            # written before it gets none, and pages of a write-ahead log bring none with them.
            writer.execute("PRAGMA user_version = 1")
        if not verify:
            reader.execute("PRAGMA checksum_verification = OFF").fetchall()
        with writer.backup("main", reader, "main") as progress:
            while not progress.done:
                progress.step(-1)  # all at once: in steps, each write of the service would restart it
        # One file that needs no others beside it.
        writer.execute("PRAGMA journal_mode = DELETE").fetchall()


def _connect(copy: Path) -> apsw.Connection:
    connection = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
    return connection


def _mark(copy: Path, kind: str) -> None:
    with closing(_connect(copy)) as connection:
        state = read_state(connection)
        # A store that is restored lives a life of its own from here on.
        name = str(uuid.uuid4()) if kind == STORE else state.store_id
        write_state(connection, replace(state, kind=kind, store_id=name))
