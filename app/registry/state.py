"""Reads and changes typed resources; rules reach a snapshot and its changes only through this module."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from app.errors import AlreadyExists, NotFound
from app.models import codec
from app.models.base import Resource, rfc3339
from app.registry.readable import readable
from app.store.contract import Changes, Snapshot
from app.store.records import Record

M = TypeVar("M", bound=Resource)


def missing(what: str, snapshot: Snapshot, record: Record | None = None) -> NotFound:
    """The answer where something is not there: says what, and at which rev. `record` is what is in its place
    and cannot be read."""
    if record is not None:
        return NotFound(
            f"Another program wrote {what}, and it cannot be read (at rev {snapshot.rev}): "
            "DELETE removes it.",
            rev=snapshot.rev,
        )
    return NotFound(f"There is no {what} at rev {snapshot.rev}.", rev=snapshot.rev)


def find(snapshot: Snapshot, key: str, model: type[M]) -> M | None:
    """The resource at the key, or None."""
    record = snapshot.get(key)
    return None if record is None or not readable(record) else codec.decode(record, model)


def need(snapshot: Snapshot, key: str, model: type[M], what: str) -> M:
    """The resource at the key. Raises NotFound; `what` is as in "app cat"."""
    return codec.decode(exists(snapshot, key, what), model)


def exists(snapshot: Snapshot, key: str, what: str) -> Record:
    """The record at the key, which can be read. Raises NotFound."""
    record = snapshot.get(key)
    if record is None or not readable(record):
        raise missing(what, snapshot, record)
    return record


Locate = Callable[[Snapshot], str]
"""Finds the key of a resource that may be kept under more than one: hosts had several spellings once."""


def spelled(snapshot: Snapshot, kind: Callable[[str], str], kept: str | None, written: str) -> str | None:
    """The key of what a request calls `written`: where it is `kept` today, or, where nothing is, where an
    older version has put it. None where nothing is there, and it is no name today (`kept` is None)."""
    if kept is None:
        return None if snapshot.get(kind(written)) is None else kind(written)
    if kept != written and snapshot.get(kind(kept)) is None and snapshot.get(kind(written)) is not None:
        return kind(written)
    return kind(kept)


def removable(snapshot: Snapshot, key: str, what: str) -> None:
    """Raises NotFound where nothing is at the key: what cannot be read can be removed."""
    if snapshot.get(key) is None:
        raise missing(what, snapshot)


def new(at: datetime) -> dict[str, Any]:
    """The fields that tell the time of a resource registered now. The store puts the revs in."""
    return {"rev": codec.THIS_REV, "created_rev": codec.THIS_REV, "created_at": at, "updated_at": at}


def create(snapshot: Snapshot, key: str, resource: Resource, what: str) -> Changes:
    """Put a resource where none may be. Raises AlreadyExists."""
    record = snapshot.get(key)
    if record is not None and not readable(record):
        raise AlreadyExists(
            f"There is {what} already. Another program wrote it, and it cannot be read: DELETE it first."
        )
    if record is not None:
        raise AlreadyExists(f"There is {what} already: it was registered at rev {record.created_rev}.")
    return Changes(puts={key: codec.encode(resource)}, answer=key)


def update(key: str, resource: M, at: datetime, **fields: Any) -> Changes:
    """Change fields of a resource. Where none of them differs, nothing is changed, and no commit made."""
    if all(getattr(resource, name) == value for name, value in fields.items()):
        return Changes(answer=key)
    changed = resource.model_copy(update={**fields, "updated_at": at})
    return Changes(puts={key: codec.encode(changed)}, answer=key)


def amend(record: Record, kept: dict[str, Any], at: datetime, **fields: Any) -> Changes:
    """As `update`, for a record that was read with `codec.kept` and fields that are plain JSON."""
    if all(kept[name] == value for name, value in fields.items()):
        return Changes(answer=record.key)
    changed = codec.keep({**kept, **fields, "updated_at": rfc3339(at)})
    return Changes(puts={record.key: changed}, answer=record.key)
