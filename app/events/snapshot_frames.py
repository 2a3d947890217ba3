"""The frames of a snapshot's objects, made once for all subscribers.

After a restore, a compaction or a cut, every subscriber asks for a snapshot at once. The frame made for
one is kept for the next, at whatever rev, because a version of an object never changes.
"""

from collections import OrderedDict
from dataclasses import dataclass

from pydantic_core import to_json

from app.events import sse
from app.events.event import describe, said_of, subject_of
from app.events.filters import Subject
from app.models import codec
from app.store.contract import UNREADABLE
from app.store.records import Record

KEPT_BYTES = 48 * 1024 * 1024
"""What is kept of frames together. Those asked for longest ago go first."""

_OVERHEAD = 600
"""Bytes of a frame beside its own, roughly: its names and its place."""


@dataclass(frozen=True, slots=True)
class SnapshotFrame:
    """An object as a snapshot shows it, as a whole frame or as a row; `subject` is what filters look at."""

    subject: Subject
    frame: bytes


FrameKey = Record | tuple[Record, tuple[str, ...]]
"""What a frame is kept by: the version of an object, and the fields where it is a row."""


class SnapshotFrames:
    """Makes and keeps frames."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._most = kept_bytes
        self._kept: OrderedDict[FrameKey, SnapshotFrame | None] = OrderedDict()
        self.bytes = 0
        self.made = 0
        """How many were made, kept or not."""

    def of(self, kind: str, record: Record, fields: tuple[str, ...] = ()) -> SnapshotFrame | None:
        """The frame of an object, or these fields of it, as a JSON array; None where it cannot be read."""
        key = (record, fields) if fields else record
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        made = _row(kind, record, fields) if fields else _frame(kind, record)
        self.made += 1
        self._kept[key] = made
        self.bytes += _size(made)
        while self.bytes > self._most:
            _, gone = self._kept.popitem(last=False)
            self.bytes -= _size(gone)
        return made


def _size(frame: SnapshotFrame | None) -> int:
    # The record too, which the history may have let go.
    return _OVERHEAD if frame is None else _OVERHEAD + 3 * len(frame.frame)


def _frame(kind: str, record: Record) -> SnapshotFrame | None:
    if UNREADABLE in record.terms:
        return None  # as the store has found when it took it in
    try:
        subject = describe(kind, record)
        resource = codec.wire(record) if kind != "schema" else said_of(kind, record)
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    head = to_json({"rev": record.rev, "type": "snapshot", "kind": kind, **subject.names})
    return SnapshotFrame(subject, sse.frame(b'%b,"object":%b}' % (head[:-1], resource), "snapshot"))


def _row(kind: str, record: Record, fields: tuple[str, ...]) -> SnapshotFrame | None:
    if UNREADABLE in record.terms:
        return None
    try:
        resource = codec.shown(record)
        subject = subject_of(kind, resource)
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return SnapshotFrame(subject, to_json([resource.get(field) for field in fields]))
