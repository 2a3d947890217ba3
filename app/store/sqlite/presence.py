"""Whether the files that are open are still what is found at their paths.

A file that was removed or replaced goes on taking writes for as long as it is open, and is gone afterwards.
"""

import os
from pathlib import Path
from typing import NamedTuple

from app.store.embedded.log import LogMoved


class _File(NamedTuple):
    device: int
    inode: int


class Presence:
    """The store's file and its write-ahead log, as they were when they were opened."""

    def __init__(self, path: Path) -> None:
        # As text: each write looks twice, and to compare paths takes longer than to ask the system.
        self._path = str(path)
        self._files: dict[str, _File | None] = {}
        for watched in (self._path, f"{path}-wal"):
            self._files[watched], size = _look(watched)
            if watched == self._path:
                self._size = size

    def check(self) -> None:
        """Raises LogMoved where one of them is not there any more, is another one, or was cut off."""
        for path, known in self._files.items():
            identity, size = _look(path)
            if identity is None and known is not None:
                raise LogMoved(f"{path} was removed while it was served")
            if known is None:
                self._files[path] = identity  # SQLite has begun it since
            elif identity != known:
                raise LogMoved(f"{path} was replaced by another file while it was served")
            if size < self._size and path == self._path:
                # SQLite never makes it shorter here: nothing is vacuumed.
                raise LogMoved(f"{path} was cut off while it was served")


def _look(path: str) -> tuple[_File | None, int]:
    try:
        status = os.stat(path)
    except OSError:
        # Not there; or its file system does not let anybody look, which is no better.
        return None, 0
    return _File(status.st_dev, status.st_ino), status.st_size
