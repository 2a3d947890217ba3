"""An instance that a rule changes one or two fields of, as it is kept.

What hosts do most often (claim, start, report, give back) reads four fields of an instance and writes as
many. Its claims alone are up to a hundred entries: to make models of them, and JSON again, took six times
as long.
"""

from datetime import datetime
from typing import Any

from pydantic_core import from_json

from app.errors import InvalidState
from app.models import codec, hosts, keys
from app.models.base import rfc3339
from app.models.instance import Instance, Status
from app.registry.state import exists
from app.store.contract import Changes, Snapshot
from app.store.records import Record

_KEPT = tuple(name for name in Instance.model_fields if name not in ("rev", "created_rev"))
"""In their order in JSON, as `codec.encode` has it."""


class LiveInstance:
    """One that is not done, in plain JSON. `kept` is not to be changed. Hosts are in their one spelling, as a
    model has them: an older version kept them in others."""

    __slots__ = ("kept", "record", "status")

    def __init__(self, record: Record) -> None:
        self.record = record
        kept: dict[str, Any] = from_json(record.value)
        if kept["host"] is not None:
            kept["host"] = hosts.as_kept(kept["host"])
        for entry in kept["claims"]:
            entry["host"] = hosts.as_kept(entry["host"])
        self.kept = kept
        self.status = Status(kept["status"])

    @property
    def id(self) -> int:
        number: int = self.kept["id"]
        return number

    @property
    def host(self) -> str | None:
        name: str | None = self.kept["host"]
        return name

    @property
    def claim_rev(self) -> int | None:
        """The fencing token of the present claim. It is left out of what the claim itself has written."""
        rev: int | None = self.kept.get("claim_rev", self.record.rev)
        return rev

    def changed(self, at: datetime, **fields: Any) -> Changes:
        """As `state.update`, with fields in plain JSON."""
        kept = self.kept
        if all(name in kept and kept[name] == value for name, value in fields.items()):
            return Changes(answer=self.record.key)
        changed = {"claim_rev": self.claim_rev, **kept, **fields, "updated_at": rfc3339(at)}
        if changed["claim_rev"] == codec.THIS_REV:
            del changed["claim_rev"]
        value = codec.keep({name: changed[name] for name in _KEPT if name in changed})
        return Changes(puts={self.record.key: value}, answer=self.record.key)


def live_record(snapshot: Snapshot, id: int) -> Record:
    """What is kept of the instance that a call is about. Raises NotFound; InvalidState while the ended entry
    of an instance that is done is kept: its id never lives again."""
    record = exists(snapshot, keys.instance(id), f"instance {id}")
    if keys.is_ended(record.value):
        raise InvalidState(f"Instance {id} is done: it was unregistered at rev {record.rev}.", state="done")
    return record


def live(snapshot: Snapshot, id: int) -> LiveInstance:
    """The instance that a call is about. Raises as `live_record`."""
    return LiveInstance(live_record(snapshot, id))
