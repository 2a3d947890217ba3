"""Whether an instance still needs something."""

from collections.abc import Collection

from app.models import codec, keys
from app.models.instance import ACTIVE, Instance, Status
from app.store.contract import Snapshot


def active_instance(snapshot: Snapshot, term: str, statuses: Collection[Status] = ACTIVE) -> Instance | None:
    """An instance with the term that is in one of the statuses (not in a final state), if there is one."""
    # By index: what has ended may be ten thousand, and is not gone through.
    for record in snapshot.find([[term], sorted(map(keys.instances_in, statuses))], limit=1):
        return codec.decode(record, Instance)
    return None
