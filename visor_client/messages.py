"""What a stream of events says."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from visor_client.records import Record


@dataclass(frozen=True)
class Subject(Record):
    """What an event or an object is of: of these names those of its kind are there, the others are None."""

    app: str | None
    proctype: str | None
    revision: str | None
    env: str | None
    instance: int | None
    service: str | None
    endpoint: str | None
    runner: str | None
    host: str | None
    member: str | None


@dataclass(frozen=True)
class Event(Subject):
    """Something that happened. `object` is the resource after it, or before it for an `-unregister`."""

    rev: int
    index: int
    type: str
    at: datetime
    actor: str
    object: dict[str, Any]
    previous: dict[str, Any] | None


@dataclass(frozen=True)
class SnapshotBegin:
    """Forget what you knew: every object that matches follows, then `SnapshotEnd`."""


@dataclass(frozen=True)
class SnapshotItem(Subject):
    """An object that is there. `kind` is app, revision, instance, .."""

    rev: int
    kind: str
    object: dict[str, Any]


@dataclass(frozen=True)
class SnapshotEnd(Record):
    """The snapshot of `rev` is complete; events after it follow."""

    rev: int


Message = Event | SnapshotBegin | SnapshotItem | SnapshotEnd
