"""Unregisters final instances: many at once on request, and by upkeep when their time is over."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.models import codec, keys
from app.models.instance import FINAL, Instance, Status
from app.registry.batch import BATCH, BATCH_BYTES
from app.registry.tickets import ended_entry, find_live
from app.store.contract import Changes, Snapshot

UPKEEP = "visor"
"""The client that an ended entry names where nobody asked."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one commit did: how many have left, and the last key that it came to."""

    count: int
    last: str


# - instance/{id} (in one of the statuses, which are final), those of the keys
# + instance/{id} (its ended entry)
def unregister_those(
    snapshot: Snapshot,
    at: datetime,
    those: Sequence[str],
    statuses: Collection[Status],
    client: str | None,
    reason: str | None,
) -> Changes:
    """At most a batch, the `result` is a Batch. One that is in another status by now stays."""
    changes = Changes()
    size, last = 0, ""
    for last in those[:BATCH]:
        # By its own key: so each that is changed is guarded, and nothing else is.
        instance = find_live(snapshot, keys.instance_id(last))
        if instance is not None and instance.status in statuses:
            size += _leave(changes, at, instance, client, reason)
            if size >= BATCH_BYTES:
                break
    changes.result = Batch(len(changes.puts), last)
    return changes


# - instance/{id} (final since `kept` or longer), those of the keys
# + instance/{id} (its ended entry)
def retire(snapshot: Snapshot, at: datetime, over: Sequence[str], kept: timedelta) -> Changes:
    """Unregister those whose time is over, at most a batch; one that has changed since it was looked at
    stays."""
    changes = Changes()
    size = 0
    for key in over[:BATCH]:
        instance = find_live(snapshot, keys.instance_id(key))
        if (
            instance is not None
            and instance.status in FINAL
            and instance.ended_at is not None
            and at - instance.ended_at >= kept
        ):
            size += _leave(changes, at, instance, UPKEEP, None)
            if size >= BATCH_BYTES:
                break
    return changes


def _leave(changes: Changes, at: datetime, instance: Instance, client: str | None, reason: str | None) -> int:
    """Put the ended entry in the instance's place; how many bytes it takes."""
    value = codec.encode(ended_entry(instance, at, client, reason))
    changes.puts[keys.instance(instance.id)] = value
    return len(value)
