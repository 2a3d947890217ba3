"""Looking at a store's file without changing it, and saying what is wrong with it."""

import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import apsw

from app.errors import StartError
from app.store.sqlite import page_checksums
from app.store.sqlite.file import CACHE_KIB, connect_reader
from app.store.sqlite.schema import (
    APPLICATION_ID,
    BACKUP,
    SCHEMA,
    UNREADABLE,
    Damaged,
    State,
    read_state,
    record_of,
)
from app.store.sqlite.versions import count_after, every_version, in_order


@dataclass(frozen=True, slots=True)
class ExaminedFile:
    """What messages call a file, and what to do where it is damaged."""

    name: object
    if_damaged: str = (
        "keep a copy of it and of the files beside it, and bring back a backup with `visor restore`"
    )


def examine(
    path: Path,
    vfs: str | None = None,
    *,
    backup_allowed: bool = False,
    subject: ExaminedFile | None = None,
    by_sums: bool = False,
) -> State:
    """Raises StartError unless the file is a sound store of ours; the message is about the `subject`, where
    the file is a copy of that. `by_sums`: where its pages carry checksums, be content with these and with
    what is quick to check besides."""
    subject = subject or ExaminedFile(path)
    try:
        return _examine(path, vfs, subject, backup_allowed, by_sums)
    except (apsw.Error, *UNREADABLE) as error:
        raise refusal(subject, error) from error


def prove(path: Path, subject: ExaminedFile) -> State:
    """Read all of a file: its structure, and every row's checksum. Raises StartError."""
    state = examine(path, backup_allowed=True, subject=subject)
    with closing(connect_reader(path)) as connection:
        try:
            for row in every_version(connection):
                record_of(row, _no_terms)
        except (apsw.Error, *UNREADABLE) as error:
            raise refusal(subject, error) from error
    return state


def refusal(subject: ExaminedFile, error: Exception, verb: str = "read") -> StartError:
    """What it means for a file that working on it failed."""
    if isinstance(error, apsw.NotADBError):
        return _foreign(subject, "it is no SQLite file")
    if page_checksums.is_bad_page(error):
        error = Damaged("a page's checksum is wrong")
    if isinstance(error, UNREADABLE):
        return StartError(f"{subject.name} is damaged ({error}): {subject.if_damaged}")
    return StartError(f"{subject.name} cannot be {verb} ({why(error)}): mend that, or name another")


def why(error: Exception) -> str:
    """What went wrong, as part of a message."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, apsw.Error) and "not an error" in str(error):
        # SQLite's own text was already that of the next call.
        code = getattr(error, "extendedresult", 0)
        return str(apsw.mapping_extended_result_codes.get(code, apsw.mapping_result_codes.get(code, code)))
    return str(error)


def _foreign(subject: ExaminedFile, reason: str) -> StartError:
    return StartError(
        f"{subject.name} is not a Visor store ({reason}): name another file, or move this one away"
    )


def _examine(
    path: Path, vfs: str | None, subject: ExaminedFile, backup_allowed: bool, by_sums: bool
) -> State:
    if not path.is_file():
        raise StartError(f"{subject.name} is not a file: name another")
    with closing(connect_reader(path, vfs)) as connection:
        _identify(subject, connection)
        state = _verify(connection, quick=by_sums and page_checksums.carried(connection))
    if state.kind == BACKUP and not backup_allowed:
        raise StartError(
            f"{subject.name} is a backup, which would give revs anew that were given before: "
            "bring it back with `visor restore`"
        )
    return state


def _identify(subject: ExaminedFile, connection: apsw.Connection) -> None:
    # Read as of one moment, and before anything else of the file is believed.
    marker = connection.execute("PRAGMA application_id").get
    schema = connection.execute("PRAGMA user_version").get
    if marker != APPLICATION_ID:
        raise _foreign(subject, "it does not carry Visor's mark")
    if not isinstance(schema, int) or schema < 1:
        raise Damaged(f"its schema number is {schema}")
    if schema > SCHEMA:
        raise StartError(
            f"{subject.name} has schema {schema}, and this Visor knows schemas up to {SCHEMA}: "
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
        raise Damaged(_in_words(str(faults)))
    state = read_state(connection)
    (count, last, changes) = connection.execute(
        "SELECT count(*), max(rev), total(changes) FROM commits WHERE rev > ?", (state.oldest_rev,)
    ).fetchall()[0]
    if count != state.rev - state.oldest_rev or (count and last != state.rev):
        raise Damaged(
            f"it has {count} commits after rev {state.oldest_rev}, and should have all up to {state.rev}"
        )
    changes_kept = count_after(connection, state.oldest_rev)
    if changes_kept != changes:
        raise Damaged(f"its commits made {changes:.0f} changes, and it has {changes_kept}")
    if not in_order(connection):
        raise Damaged("what is recent in it is older than what is not")
    return state


def _in_words(faults: str) -> str:
    """What SQLite's check says, where it is about a checksum: that comes as a number."""
    bad = re.search(rf"page (\d+): .*error code={apsw.SQLITE_IOERR_DATA}", faults)
    return (
        f"the checksum of page {bad[1]} is wrong"
        if bad
        else f"SQLite's check says: {' '.join(faults.split())}"
    )


def _no_terms(key: str, value: bytes) -> tuple[str, ...]:
    return ()
