"""Locks of instances: who asks that one be left alone, and why."""

from datetime import datetime

from app.errors import Locked
from app.models import keys
from app.models.instance import Lock, LockRequest
from app.registry.state import missing, update
from app.registry.tickets import need_live
from app.store.contract import Changes, Snapshot


# - instance/{id} (lock null)
# + instance/{id} (lock)
def lock(snapshot: Snapshot, at: datetime, id: int, body: LockRequest) -> Changes:
    """Raises NotFound, InvalidState where the instance is done, Locked."""
    instance = need_live(snapshot, id)
    if instance.lock is not None:
        raise Locked(
            f"Instance {id} is locked by {instance.lock.client}.", lock=instance.lock.model_dump(mode="json")
        )
    return update(keys.instance(id), instance, at, lock=Lock(client=body.client, reason=body.reason, at=at))


# - instance/{id} (lock)
# + instance/{id} (lock null)
def unlock(snapshot: Snapshot, at: datetime, id: int) -> Changes:
    """Raises NotFound where the instance, or a lock on it, is not there."""
    instance = need_live(snapshot, id)
    if instance.lock is None:
        raise missing(f"lock of instance {id}", snapshot)
    return update(keys.instance(id), instance, at, lock=None)
