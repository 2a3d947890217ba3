"""A lock between processes: one service to a store file.

The lock is a file of its own beside the store. It is never one on the store file: closing any
descriptor of that file would drop the locks that SQLite holds on it for this process.
"""

import fcntl
import os
from pathlib import Path

from app.errors import StartError


class FileLock:
    """Held from `acquire` to `release` or the end of the process, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock_path = path.with_name(path.name + ".lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, or raise StartError that names the process that holds it."""
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
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StartError(
                f"{self._path} is in use by another process (pid {holder}): "
                "stop that one, or name another store"
            ) from error
        # The file stays when the lock goes: to remove it could take it from under one who waits.
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of the lock. May be called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
