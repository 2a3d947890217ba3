"""A lock between processes: one service to a store file, by whatever name it is reached.

There are two. One is on a file of its own beside the store: it is there before the store is, and says who
holds it. The other is on the store's file itself, for a hard link or a mount gives the same file another
name, with another lock file beside it. That one is on a byte far behind all that SQLite locks or writes, and
belongs to a descriptor (an *open file description lock*): SQLite's closing of others leaves it.
"""

import errno
import fcntl
import logging
import os
import socket
import struct
from pathlib import Path

from app.errors import StartError

logger = logging.getLogger(__name__)

_LOCKED_BYTE = 2**62
_HELD_ELSEWHERE = frozenset({errno.EAGAIN, errno.EACCES})


class FileLock:
    """Held from `acquire` to `release` or the end of the process, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock_path = path.with_name(path.name + ".lock")
        self._descriptor: int | None = None
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock of the path, or raise StartError that names the process that holds it."""
        if self._descriptor is not None:
            return
        try:
            descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StartError(
                f"the lock file {self._lock_path} cannot be written ({error.strerror}): "
                "give this user the right to write in that directory, or name another store"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _read_holder(descriptor)
            os.close(descriptor)
            raise StartError(
                f"{self._path} is in use by another process ({holder}): stop that one, or name another store"
            ) from error
        # The file stays when the lock goes: to remove it could take it from under one who waits.
        self._descriptor = descriptor
        _write_holder(descriptor, self._lock_path)

    def acquire_file(self) -> None:
        """Take the lock of the file at the path, which has to exist, or raise StartError. Before anything of
        this process has it open: it is closed after all of that is."""
        if self._file is not None or not hasattr(fcntl, "F_OFD_SETLK"):
            return
        try:
            descriptor = os.open(self._path, os.O_RDWR)
        except OSError:
            return  # whoever opens it next says why that cannot be
        request = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, _LOCKED_BYTE, 1, 0)
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, request)
        except OSError as error:
            if error.errno in _HELD_ELSEWHERE:
                os.close(descriptor)
                raise StartError(
                    f"{self._path} is in use by another process under another name (a hard link or a mount "
                    "of the same file): stop that one, or name another store"
                ) from error
            logger.debug("%s has no lock by its inode: %s", self._path, error)
        self._file = descriptor
        self._warn_of_other_names(descriptor)

    def _warn_of_other_names(self, descriptor: int) -> None:
        names = os.fstat(descriptor).st_nlink
        if names > 1:
            logger.warning(
                "%s has %d names (hard links): open it by this one only, for the write-ahead log beside it "
                "is found by this name alone",
                self._path,
                names,
            )

    def release(self) -> None:
        """Let go of the lock. May be called twice. Nothing of this process may have the store's file open:
        closing a descriptor of it ends the locks that SQLite holds on it."""
        file, self._file = self._file, None
        descriptor, self._descriptor = self._descriptor, None
        for held in (file, descriptor):
            if held is not None:
                os.close(held)


def _write_holder(descriptor: int, path: Path) -> None:
    """Say who holds the lock. It is held all the same where that cannot be written."""
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {socket.gethostname()}\n".encode(), 0)
    except OSError as error:
        logger.warning("%s cannot be told who holds it: %s", path, error)


def _read_holder(descriptor: int) -> str:
    try:
        pid, _, host = os.pread(descriptor, 300, 0).decode("utf-8", "replace").strip().partition(" ")
    except OSError:
        pid = host = ""
    # In a container it is the container's id: there every service has the same pid.
    return f"pid {pid or 'unknown'}" + (f" on host {host}" if host else "")
