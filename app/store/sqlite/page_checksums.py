"""A checksum in each page of the store's file, verified whenever a page is read.

A row's own checksum shows that the row is right. It cannot show that a row is not found: a damaged page
may have lost it, or send the search for it elsewhere, and then a list would be short and a name unknown.
SQLite has an extension for that, `cksumvfs`, which apsw carries: a layer between it and the disk that keeps
eight bytes of each page for a sum, and answers a page that does not fit its own with an error.
"""

import logging

import apsw
import apsw.sqlite_extra

logger = logging.getLogger(__name__)

RESERVED = 8
"""Bytes of each page. A file that was made without them is served as it is, without these checksums."""


def install() -> None:
    """Put the layer between SQLite and the disk, for all connections of this process from here on."""
    try:
        connection = apsw.Connection(":memory:")
        try:
            apsw.sqlite_extra.load(connection, "cksumvfs")
        finally:
            connection.close()
    except (apsw.Error, apsw.sqlite_extra.NotAvailable, OSError) as error:
        logger.warning("pages have no checksums, only rows: this apsw does not carry cksumvfs (%s)", error)


def reserve(connection: apsw.Connection) -> None:
    """Have the pages of a file that is being made carry checksums. Before anything is written to it."""
    connection.reserve_bytes(reserve=RESERVED)


def carried(connection: apsw.Connection) -> bool:
    """Whether the pages of this connection's file carry checksums, and are verified when they are read."""
    # That is known from page 1: it has to have been read.
    _ = connection.execute("PRAGMA schema_version").get
    # The pragma answers with text.
    return str(connection.execute("PRAGMA checksum_verification").get) == "1"


def is_bad_page(error: Exception) -> bool:
    """Whether a page was read that is not what was written."""
    return getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_DATA


install()
