"""What a watch is told, as whole revisions of etcd's."""

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, overload

from app.store.etcd.client.errors import RevisionSplit, RevisionWentBack

_DELETE = 1


class KeyValue(NamedTuple):
    """A key as it was at a revision. `version` counts the puts since it was created."""

    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int


class KeyEvent(NamedTuple):
    """A change of a key. Of a deletion, `kv` has the key and the revision. `before` only with
    `prev_kv`, and only where the revision before is not compacted."""

    kv: KeyValue
    deleted: bool
    before: KeyValue | None


class EtcdRevision(NamedTuple):
    """All that happened at one revision, to the keys that are watched."""

    revision: int
    events: Sequence[KeyEvent]


class Progress(NamedTuple):
    """Everything up to this revision has been delivered; `trusted` if the server's version is one
    whose word on this can be relied on (3.4.25, 3.5.8)."""

    revision: int
    trusted: bool


_fields = attrgetter(*KeyValue._fields)


def key_value(kv: Any) -> KeyValue:
    """Out of the message: what thousands of keys are read through, so without a call of Python's."""
    return tuple.__new__(KeyValue, _fields(kv))


def _event(event: Any) -> KeyEvent:
    before = key_value(event.prev_kv) if event.HasField("prev_kv") else None
    return KeyEvent(key_value(event.kv), event.type == _DELETE, before)


class Events(Sequence[KeyEvent]):
    """The events of a revision, taken out of their messages when they are asked for. Of a transaction that
    this process has sent, nobody asks for more than the last."""

    __slots__ = ("_read", "_unread")

    def __init__(self, unread: list[Any]) -> None:
        self._unread = unread
        self._read: tuple[KeyEvent, ...] | None = None

    def _all(self) -> tuple[KeyEvent, ...]:
        if self._read is None:
            self._read = tuple(map(_event, self._unread))
        return self._read

    def __len__(self) -> int:
        return len(self._unread)

    def __iter__(self) -> Iterator[KeyEvent]:
        return iter(self._all())

    @overload
    def __getitem__(self, at: int) -> KeyEvent: ...

    @overload
    def __getitem__(self, at: slice) -> tuple[KeyEvent, ...]: ...

    def __getitem__(self, at: int | slice) -> KeyEvent | tuple[KeyEvent, ...]:
        if self._read is None and isinstance(at, int):
            return _event(self._unread[at])
        return self._all()[at]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._all() == tuple(other)

    def __hash__(self) -> int:
        return hash(self._all())


class Assembler:
    """Watch responses in, whole revisions out.

    etcd promises that a response has whole revisions, unless it is marked as a fragment: then what
    follows belongs to it. That promise is checked: a key of a revision that was delivered as whole
    raises `RevisionSplit`, the same event again is dropped, an older one raises `RevisionWentBack`.
    """

    def __init__(self, last: int, trusted: bool) -> None:
        self.last = last
        self.known = 0
        """Up to this revision all is known otherwise: it is not delivered."""
        self._trusted = trusted
        self._whole: list[Any] = []
        """Events of the last revision that was whole; those of one that is not yet are in `_open`."""
        self._open: list[Any] = []

    def feed(self, response: Any) -> list[EtcdRevision | Progress]:
        if not response.events:
            if self._open or response.fragment:
                return []
            revision = response.header.revision
            return [Progress(revision, self._trusted)] if revision >= self.last else []
        out: list[EtcdRevision | Progress] = []
        at = self._open[0].kv.mod_revision if self._open else self.last
        for event in response.events:
            revision = event.kv.mod_revision
            if revision < at:
                raise RevisionWentBack(f"an event of revision {revision} after {at}")
            if revision <= self.known:
                at = revision
                self._pass(revision)
                continue
            if not self._open and revision == at:
                if event.kv.key in {each.kv.key for each in self._whole}:
                    continue
                raise RevisionSplit(f"more of revision {revision} after it was whole")
            if self._open and revision > at:
                out.append(self._close())
            at = revision
            self._open.append(event)
        if self._open and not response.fragment:
            out.append(self._close())
        return out

    def _pass(self, revision: int) -> None:
        self.last = revision
        self._open, self._whole = [], []

    def _close(self) -> EtcdRevision:
        self._whole, self._open = self._open, []
        self.last = self._whole[0].kv.mod_revision
        return EtcdRevision(self.last, Events(self._whole))
