"""What happened in a commit: its changes, as typed events.

An event is derived from the two states of a key alone. So it is the same on every replica, now and
when the history is read again, and needs no record of its own.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from app.events import sse
from app.models import codec, keys
from app.models.base import rfc3339
from app.models.event import KINDS, STEMS
from app.store.contract import Change, Commit, Record

_QUIET = frozenset({"counter", "fence", "idempotency", "scaling"})
"""Kinds of keys that are the registry's own business: their changes are no events."""

_BECAME = {
    "pending": "unclaim",
    "claimed": "claim",
    "running": "start",
    "stopping": "stop",
    "exited": "exit",
    "failed": "fail",
    "lost": "lost",
}


@dataclass(slots=True, eq=False)
class Event:
    """One event. `names` are the fields that say what it is about; `data` is its JSON; `host` is the
    machine it concerns, where there is one."""

    rev: int
    index: int
    type: str
    names: dict[str, str | int]
    host: str | None
    data: bytes
    _frame: bytes | None = field(default=None)

    @property
    def id(self) -> str:
        return f"{self.rev}-{self.index}"

    @property
    def frame(self) -> bytes:
        """The event as it goes over the wire, made once for all subscribers."""
        if self._frame is None:
            self._frame = sse.frame(self.data, self.type, self.id)
        return self._frame


def events_of(commit: Commit) -> list[Event]:
    """The events of a commit, in the order of their index; derived once and kept with it."""
    if commit.events is None:
        commit.events = _derive(commit)
    events: list[Event] = commit.events
    return events


def _derive(commit: Commit) -> list[Event]:
    events: list[Event] = []
    for change in commit.changes:
        kind = keys.kind_of(change.key)
        if kind in _QUIET:
            continue
        event = _event(commit, change, kind, len(events))
        if event is not None:
            events.append(event)
    return events


def _event(commit: Commit, change: Change, kind: str, index: int) -> Event | None:
    try:
        action = _action(change, kind)
        if action is None:
            return None
        shown = change.before if action == "unregister" else change.after
        assert shown is not None, "an event shows what is there after it, or was before it"
        names, host = describe(kind, shown)
        type_ = f"{STEMS[kind]}-{action}"
        tail = b',"object":' + said_of(kind, shown)
    except (ValidationError, ValueError, LookupError, TypeError, RecursionError):
        # Written by another hand, in a form that is not ours: the stream says so and goes on.
        names, host, type_, tail = {"key": change.key}, None, "unknown", b""
    head: dict[str, Any] = {
        "rev": commit.rev,
        "index": index,
        "type": type_,
        "at": rfc3339(commit.journal.at),
        "actor": commit.journal.actor,
        **names,
    }
    return Event(commit.rev, index, type_, names, host, to_json(head)[:-1] + tail + b"}")


def said_of(kind: str, record: Record) -> bytes:
    """The object's JSON, after a look whether it can be read. Raises ValidationError."""
    if kind == "schema":
        return b'{"version":%d}' % int(record.value)
    codec.decode(record, KINDS[kind])
    return codec.wire(record)


def _action(change: Change, kind: str) -> str | None:
    before, after = change.before, change.after
    if kind == "schema":
        if after is None:
            raise ValueError("no call takes the schema away")
        return None if before is None else "update"  # a fresh store has its first
    if kind == "instance":
        return _instance_action(before, after)
    if before is None:
        return "register"
    return "unregister" if after is None else "update"


def _instance_action(before: Record | None, after: Record | None) -> str | None:
    was = None if before is None or keys.is_ended(before.value) else json.loads(before.value)
    now = None if after is None or keys.is_ended(after.value) else json.loads(after.value)
    if was is None:
        return None if now is None else "register"
    if now is None:
        return "unregister"
    if now["status"] != was["status"]:
        return _BECAME[now["status"]]
    if now["lock"] != was["lock"]:
        return "unlock" if now["lock"] is None else "lock"
    if now["restarts"] != was["restarts"]:
        return "restart"
    raise ValueError("an instance changed in a way that no call makes")


def describe(kind: str, record: Record) -> tuple[dict[str, str | int], str | None]:
    """The fields that name an object in its events, and its host."""
    if kind == "schema":
        return {}, None
    said = json.loads(record.value)
    if kind == "app":
        return {"app": said["name"]}, None
    if kind == "revision":
        return {"app": said["app"], "revision": said["ref"]}, None
    if kind == "envset":
        return {"app": said["app"], "env": said["ref"]}, None
    if kind == "proctype":
        return {"app": said["app"], "proctype": said["name"]}, None
    if kind == "instance":
        return {
            "app": said["app"],
            "proctype": said["proctype"],
            "revision": said["revision"],
            "instance": said["id"],
        }, said["host"]
    if kind == "service":
        return {"service": said["name"]}, None
    if kind == "endpoint":
        return {"service": said["service"], "endpoint": said["id"]}, None
    if kind == "runner":
        return {"runner": said["addr"], "host": said["host"]}, said["host"]
    if kind == "member":
        return {"member": said["addr"]}, said["addr"]
    raise LookupError(kind)


def to_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
