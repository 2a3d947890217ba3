"""A disk for SQLite whose power can be cut: what was not synced by then is gone, or some of it is.

Writes go through to real files, so that reading is as ever. Beside them an undo log is kept for each
file since its last sync; `cut` takes it back, and lays the files out as a machine would find them
after the power has come again.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw


class LossyDisk(apsw.VFS):
    """Register one for each test; its name goes to `SqliteLog(path, vfs=...)`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.guard = threading.RLock()
        self.files: dict[str, list[LossyFile]] = {}
        self.undo: dict[str, list[Undo]] = {}
        self.syncs: dict[str, int] = {}
        self.off = False
        self.failing_syncs = 0
        self.room: int | None = None
        self.countdown = 0
        self.when_counted: Callable[[], None] = lambda: None
        super().__init__(name, "")

    def xOpen(self, name, flags):
        return LossyFile(self, name, flags)

    def xDelete(self, filename, syncdir):
        with self.guard:
            self.undo.pop(filename, None)
            super().xDelete(filename, syncdir)

    def synced(self, suffix: str) -> int:
        """How often files whose name ends so were synced."""
        return sum(count for name, count in self.syncs.items() if name.endswith(suffix))

    def cut(self, into: Path, keep: Callable[[], bool] = lambda: False) -> None:
        """Cut the power. `into` gets the files as they are found after it; `keep` says of each write
        that was not synced whether it got to the disk nevertheless."""
        with self.guard:
            self.off = True
            for name, opened in self.files.items():
                if name.endswith("-shm") or not opened:
                    continue
                image = bytearray(opened[0].content())
                redo = []
                for undo in reversed(self.undo.get(name, [])):
                    redo.append(undo.take_back(image))
                for write in reversed(redo):
                    if write is not None and keep():
                        write(image)
                (into / Path(name).name).write_bytes(image)


class Undo:
    """One write or truncation: what was in its place, and how long the file was."""

    def __init__(self, offset: int, before: bytes, size: int, after: bytes | None) -> None:
        self.offset, self.before, self.size, self.after = offset, before, size, after

    def take_back(self, image: bytearray) -> Callable[[bytearray], None] | None:
        image[self.offset : self.offset + len(self.before)] = self.before
        del image[self.size :]
        return self._again if self.after is not None else None

    def _again(self, image: bytearray) -> None:
        assert self.after is not None
        image.extend(bytes(max(0, self.offset - len(image))))
        image[self.offset : self.offset + len(self.after)] = self.after


class LossyFile(apsw.VFSFile):
    def __init__(self, disk: LossyDisk, name, flags) -> None:
        self.disk = disk
        self.path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        super().__init__("", name, flags)
        disk.files.setdefault(self.path, []).append(self)

    def content(self) -> bytes:
        return self.xRead(self.xFileSize(), 0) if self.xFileSize() else b""

    def _changing(self) -> None:
        if self.disk.countdown:
            self.disk.countdown -= 1
            if not self.disk.countdown:
                self.disk.when_counted()
        if self.disk.off:
            raise apsw.IOError("the power is off")

    def xWrite(self, data, offset):
        with self.disk.guard:
            self._changing()
            size = self.xFileSize()
            if self.disk.room is not None and offset + len(data) > max(size, self.disk.room):
                raise apsw.FullError("no room on this disk")
            before = self.xRead(min(len(data), size - offset), offset) if offset < size else b""
            self.disk.undo.setdefault(self.path, []).append(Undo(offset, before, size, bytes(data)))
            super().xWrite(data, offset)

    def xTruncate(self, newsize):
        with self.disk.guard:
            self._changing()
            size = self.xFileSize()
            if newsize < size:
                cut = self.xRead(size - newsize, newsize)
                self.disk.undo.setdefault(self.path, []).append(Undo(newsize, cut, size, None))
            super().xTruncate(newsize)

    def xSync(self, flags):
        with self.disk.guard:
            self._changing()
            if self.disk.failing_syncs:
                self.disk.failing_syncs -= 1
                error = apsw.IOError("the sync failed")
                error.extendedresult = apsw.SQLITE_IOERR_FSYNC
                raise error
            super().xSync(flags)
            self.disk.syncs[self.path] = self.disk.syncs.get(self.path, 0) + 1
            self.disk.undo.pop(self.path, None)

    def xClose(self):
        with self.disk.guard:
            opened = self.disk.files.get(self.path, [])
            if self in opened:
                opened.remove(self)
            super().xClose()


@contextmanager
def lossy_disk() -> Iterator[LossyDisk]:
    disk = LossyDisk(f"lossy-{random.getrandbits(64):x}")
    try:
        yield disk
    finally:
        disk.unregister()
