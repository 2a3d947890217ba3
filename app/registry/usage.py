"""Whether an instance still needs something."""

from collections.abc import Container

from app.models import codec
from app.models.instance import ACTIVE, Instance, Status
from app.store.contract import Snapshot


def active_instance(snapshot: Snapshot, term: str, statuses: Container[Status] = ACTIVE) -> Instance | None:
    """An instance with the term that is in one of the statuses (not in a final state), if there is one."""
    for record in snapshot.scan(term):
        instance = codec.decode(record, Instance)
        if instance.status in statuses:
            return instance
    return None
