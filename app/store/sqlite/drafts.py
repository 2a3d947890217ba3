"""Where a file is made that is not whole yet: in a directory of its own beside the place where it will be.

Nobody but its owner can look into it, so that what SQLite writes there is private from the first byte. Each
command has a directory of its own, so that two at once do not meet. One that a kill left behind is removed by
the next command.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.errors import StartError

PREFIX = ".visor-draft-"


@contextmanager
def drafting(parent: Path) -> Iterator[Path]:
    """A new directory in `parent`, on the same file system. It goes afterwards, with what is left in it.

    Raises StartError where none can be made.
    """
    _remove_abandoned(parent)
    try:
        directory, held = _make(parent)
    except FileNotFoundError as error:
        raise StartError(f"the directory {parent} does not exist: make it, or name another file") from error
    except OSError as error:
        raise StartError(
            f"nothing can be written in {parent} ({error.strerror}): give this user the right to, "
            "or name another file"
        ) from error
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(held)


def create_private(path: Path) -> None:
    """Make an empty file that is its owner's only. SQLite gives what it puts beside a file the same mode."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _make(parent: Path) -> tuple[Path, int]:
    while True:
        directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        descriptor = os.open(directory, os.O_RDONLY)
        # On a file system without locks the directory is used all the same: nobody takes it for abandoned.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if directory.exists():
            return directory, descriptor
        # Somebody took it for abandoned before it was locked.
        os.close(descriptor)


def _remove_abandoned(parent: Path) -> None:
    """Remove the directories whose maker is gone: it held a lock that ended with it."""
    for directory in parent.glob(f"{PREFIX}*"):
        try:
            descriptor = os.open(directory, os.O_RDONLY)
        except OSError:
            continue  # another user's, or gone meanwhile
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
        except OSError:
            pass  # it is being used, or this file system has no locks
        finally:
            os.close(descriptor)
