"""What happened in a commit: its changes, as typed events.

An event is derived from the two states of a key alone. So it is the same on every replica, now and
when the history is read again, and needs no record of its own.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from app.events import sse
from app.events.filters import Subject
from app.events.turns import Turns
from app.models import codec, keys
from app.models.base import rfc3339
from app.models.event import KINDS, STEMS
from app.store.contract import UNREADABLE
from app.store.records import Change, Commit, Record

_QUIET = frozenset({"access", "counter", "fence", "idempotency", "scaling", "secret", "token", "token-use"})
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

UNREADABLE_ERRORS = (ValidationError, ValueError, LookupError, TypeError, RecursionError)
"""What reading an object raises that is not in our form."""


@dataclass(slots=True, eq=False)
class Event:
    """One event. `subjects` is its object as it was before it and as it is after it, where these differ for
    a filter; `data` is its JSON."""

    rev: int
    index: int
    type: str
    subjects: tuple[Subject, ...]
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
        commit.events = list(_derived(commit))
    events: list[Event] = commit.events
    return events


async def events_in_turns(commit: Commit, turns: Turns) -> list[Event]:
    """The same, where they are not derived yet with pauses: a commit may have thousands of changes."""
    if commit.events is None:
        events: list[Event] = []
        for event in _derived(commit):
            events.append(event)
            if turns.over:
                await turns.give_way()
        commit.events = events
    return events_of(commit)


def _derived(commit: Commit) -> Iterator[Event]:
    index = 0
    for change in commit.changes:
        kind = keys.kind_of(change.key)
        if kind in _QUIET:
            continue
        event = _event(commit, change, kind, index)
        if event is not None:
            index += 1
            yield event


def _event(commit: Commit, change: Change, kind: str, index: int) -> Event | None:
    try:
        action = _action(change, kind)
        if action is None:
            return None
        shown = change.before if action == "unregister" else change.after
        if kind == "scale":
            shown = shown or _scaled_to_none(commit, change)
        assert shown is not None, "an event shows what is there after it, or was before it"
        if UNREADABLE in shown.terms:
            raise ValueError("another hand's")
        subjects = _subjects(kind, change)
        names = subjects[-1].names
        type_ = f"{STEMS[kind]}-{action}"
        tail = b',"object":' + said_of(kind, shown)
        if kind == "scale":
            tail = b',"previous":' + (said_of(kind, change.before) if change.before else b"null") + tail
            if "env" not in names:
                tail = b',"env":null' + tail
    except UNREADABLE_ERRORS:
        # Written by another hand, in a form that is not ours: the stream says so and goes on.
        names, type_, tail = {"key": change.key}, "unknown", b""
        subjects = _readable_subjects(kind, change) or (Subject(names),)
    head: dict[str, Any] = {
        "rev": commit.rev,
        "index": index,
        "type": type_,
        "at": rfc3339(commit.journal.at),
        "actor": commit.journal.actor,
        **names,
    }
    return Event(commit.rev, index, type_, subjects, to_json(head)[:-1] + tail + b"}")


def _subjects(kind: str, change: Change) -> tuple[Subject, ...]:
    """The object before and after, the one that is shown last. All but an instance's host stands in the key,
    and is the same before and after."""
    sides = _sides(change)
    subject = describe(kind, sides[-1])
    if kind != "instance" or len(sides) == 1:
        return (subject,)
    before = describe(kind, sides[0])
    return (subject,) if before == subject else (before, subject)


def _readable_subjects(kind: str, change: Change) -> tuple[Subject, ...]:
    """Of an object that cannot be read before or after, the one of the two that can."""
    subjects = []
    for side in _sides(change):
        try:
            said_of(kind, side)
            subjects.append(describe(kind, side))
        except UNREADABLE_ERRORS:
            continue
    return tuple(subjects)


def _sides(change: Change) -> list[Record]:
    """The object before and after, where it is there. An ended entry is no instance."""
    return [side for side in change[1:] if side is not None and not keys.is_ended(side.value)]


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
        return instance_action(before, after)
    if kind == "scale":
        # To end the record of a target that is 0 already changes no target.
        return "update" if after is not None or before is None or _target(before) else None
    if before is None:
        return "register"
    return "unregister" if after is None else "update"


def _target(record: Record) -> int:
    return int(json.loads(record.value)["target"])


def _scaled_to_none(commit: Commit, change: Change) -> Record | None:
    """The record of a target that is gone, as it would be if it were kept: its target is 0."""
    before = change.before
    if before is None:
        return None
    gone = codec.keep({**codec.kept(before), "target": 0, "updated_at": rfc3339(commit.journal.at)})
    return Record(before.key, gone, before.created_rev, commit.rev)


def instance_action(before: Record | None, after: Record | None) -> str | None:
    """What has happened to an instance; None where it is only its ended entry that has changed. Raises one of
    UNREADABLE_ERRORS."""
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


def describe(kind: str, record: Record) -> Subject:
    """An object as its events name it."""
    return Subject({}) if kind == "schema" else subject_of(kind, from_json(record.value))


def subject_of(kind: str, resource: dict[str, Any]) -> Subject:
    """The same where its JSON has been read already."""
    if kind == "app":
        return Subject({"app": resource["name"]})
    if kind == "revision":
        return Subject({"app": resource["app"], "revision": resource["ref"]})
    if kind == "envset":
        return Subject({"app": resource["app"], "env": resource["ref"]})
    if kind == "proctype":
        return Subject({"app": resource["app"], "proctype": resource["name"]})
    if kind == "instance":
        return Subject(
            {
                "app": resource["app"],
                "proctype": resource["proctype"],
                "revision": resource["revision"],
                "instance": resource["id"],
            },
            resource["host"],
            resource["status"] == "pending",
        )
    if kind == "scale":
        of = {"app": resource["app"], "proctype": resource["proctype"], "revision": resource["revision"]}
        return Subject(of if resource["env"] is None else {**of, "env": resource["env"]})
    if kind == "service":
        return Subject({"service": resource["name"]})
    if kind == "endpoint":
        return Subject({"service": resource["service"], "endpoint": resource["id"]})
    if kind == "runner":
        return Subject({"runner": resource["addr"], "host": resource["host"]}, resource["host"])
    if kind == "member":
        return Subject({"member": resource["addr"]}, resource["addr"])
    raise LookupError(kind)


def to_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
