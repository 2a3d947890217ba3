"""What a commit changed, in the terms of the API: paths, kinds, actions, and the objects before and
after."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from app.events.event import UNREADABLE_ERRORS, instance_action, said_of
from app.models import codec, keys
from app.models.paths import Subtree, path_of
from app.store.contract import UNREADABLE
from app.store.records import Change, Commit, Record


class Seen(NamedTuple):
    """A change of an object."""

    path: str
    kind: str
    action: str
    change: Change

    def as_json(self) -> dict[str, Any]:
        return {"path": self.path, "kind": self.kind, "action": self.action}


Sees = Callable[[Record], bool]
"""Whether who asks may see an object."""


def changes_of(commit: Commit, sees: Sees | None, subtree: Subtree | None = None) -> Iterator[Seen]:
    """The objects that the commit has changed, by key: those that may be seen before or after it (None: all);
    of a subtree, where one is given."""
    for change in commit.changes:
        path = path_of(change.key)
        if path is None or (subtree is not None and not touches(subtree, change)):
            continue
        if sees is not None and not any(side is not None and sees(side) for side in change[1:]):
            continue
        kind = keys.kind_of(change.key)
        action = _action(kind, change)
        if action is not None:
            yield Seen(path, kind, action, change)


def touches(subtree: Subtree, change: Change) -> bool:
    """Whether the object is in the subtree, before the change or after it, and the part of it that is meant
    differs."""
    sides = [side for side in change[1:] if side is not None]
    if not any(subtree.covers(change.key, side.terms) for side in sides):
        return False
    if not subtree.field:
        return True
    return bool(_part(change.before, subtree.field) != _part(change.after, subtree.field))


def _part(record: Record | None, field: tuple[str, ...]) -> Any:
    """The part of an object; None where there is none, or the object cannot be read."""
    if record is None or UNREADABLE in record.terms:
        return None
    part: Any = codec.kept(record)
    for name in field:
        part = part.get(name) if isinstance(part, dict) else None
    return part


def _action(kind: str, change: Change) -> str | None:
    """None where no object has changed: an instance's ended entry is none."""
    if kind == "instance":
        try:
            return instance_action(change.before, change.after)
        except UNREADABLE_ERRORS:
            pass  # another hand's
    if change.before is None:
        return "create"
    if change.after is None:
        return "delete"
    return "update" if change.after.created_rev == change.before.created_rev else "replace"


def object_of(kind: str, record: Record | None) -> bytes:
    """The object's JSON, or null; of one that cannot be read, that."""
    if record is None or keys.is_ended(record.value):
        return b"null"
    try:
        if UNREADABLE in record.terms:
            return b'{"unreadable":true}'
        return said_of(kind, record)
    except UNREADABLE_ERRORS:
        return b'{"unreadable":true}'
