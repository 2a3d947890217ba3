"""The difference between two versions of an object, field by field."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from app.models import codec, keys
from app.models.diff import Action
from app.models.paths import path_of
from app.registry.readable import readable
from app.store.records import Record

NO_FIELDS = frozenset({"rev", "created_rev", "created_at", "updated_at"})
"""When an object came to be and was changed says nothing of what it is."""

UNREADABLE = {"unreadable": True}

_BACKWARDS = {Action.CREATE: Action.DELETE, Action.DELETE: Action.CREATE}


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field at a JSON pointer. Of a side that lacks it, `has_before` or `has_after` is false."""

    path: str
    before: Any
    after: Any
    has_before: bool
    has_after: bool

    def as_json(self) -> dict[str, Any]:
        answer: dict[str, Any] = {"path": self.path}
        if self.has_before:
            answer["before"] = self.before
        if self.has_after:
            answer["after"] = self.after
        return answer


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of the object at a key."""

    key: str
    kind: str
    action: Action
    before: Record | None
    after: Record | None
    states: tuple[dict[str, Any] | None, dict[str, Any] | None]
    fields: Sequence[FieldDifference]

    def as_json(self, **more: Any) -> dict[str, Any]:
        """As it is answered; `more` comes before the states."""
        return {
            "path": path_of(self.key),
            "kind": self.kind,
            "action": self.action.value,
            "rev_before": None if self.before is None else self.before.rev,
            "rev_after": None if self.after is None else self.after.rev,
            **more,
            "before": self.states[0],
            "after": self.states[1],
            "fields": [field.as_json() for field in self.fields],
        }


def as_object(record: Record | None) -> Record | None:
    """The record where it is an object: an ended entry of an instance is none."""
    return None if record is None or keys.is_ended(record.value) else record


def difference(before: Record | None, after: Record | None, field: Sequence[str] = ()) -> Difference | None:
    """None where the two are the same; `field` is the part of the object that is looked at. An object that
    is gone and was made again just as it was is the same."""
    before, after = as_object(before), as_object(after)
    record = after or before
    if record is None or (before is not None and after is not None and before.rev == after.rev):
        return None
    states = (_state(before), _state(after))
    fields: list[FieldDifference] = []
    action = Action.CREATE if before is None else Action.DELETE
    if states[0] is not None and states[1] is not None:
        fields = list(fields_of(states[0], states[1], field))
    if before is not None and after is not None:
        action = Action.UPDATE if before.created_rev == after.created_rev else Action.REPLACE
    elif field and not any(_within(state, field) for state in states):
        return None
    if not fields and before is not None and after is not None:
        return None
    return Difference(record.key, keys.kind_of(record.key), action, before, after, states, fields)


def backwards(change: Difference) -> Difference:
    """The same from the later to the earlier."""
    fields = [
        FieldDifference(field.path, field.after, field.before, field.has_after, field.has_before)
        for field in change.fields
    ]
    action = _BACKWARDS.get(change.action, change.action)
    return Difference(
        change.key, change.kind, action, change.after, change.before, change.states[::-1], fields
    )


def fields_of(
    before: dict[str, Any], after: dict[str, Any], field: Sequence[str] = ()
) -> Iterator[FieldDifference]:
    """The fields in which two states differ, in the order of their names: of objects inside them each by
    itself, of lists the whole."""
    yield from _fields(before, after, "", NO_FIELDS, field)


def _fields(
    before: dict[str, Any], after: dict[str, Any], at: str, hidden: frozenset[str], only: Sequence[str]
) -> Iterator[FieldDifference]:
    for name in sorted(before.keys() | after.keys()):
        if name in hidden or (only and name != only[0]):
            continue
        was, now = before.get(name), after.get(name)
        if name in before and name in after and was == now and type(was) is type(now):
            continue
        path = f"{at}/{_escaped(name)}"
        if isinstance(was, dict) and isinstance(now, dict):
            yield from _fields(was, now, path, frozenset(), only[1:])
        else:
            yield FieldDifference(path, was, now, name in before, name in after)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _state(record: Record | None) -> dict[str, Any] | None:
    if record is None:
        return None
    if not readable(record):
        return UNREADABLE
    if record.key == keys.SCHEMA:
        return {"version": int(record.value)}
    state: dict[str, Any] = from_json(codec.wire(record))
    return state


def _within(state: dict[str, Any] | None, field: Sequence[str]) -> bool:
    value: Any = state
    for name in field:
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    return value is not None and value != {}
