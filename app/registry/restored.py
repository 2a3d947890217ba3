"""Corrects the counters of a restored registry, so that ids given after the backup are not given again."""

from datetime import datetime

from app.models import keys
from app.registry import counters
from app.registry.tickets import FIRST_ID
from app.store.contract import Changes, Snapshot


# - counter/instance = n
# + counter/instance = the restore's rev, which is above every number given before
def adjust(snapshot: Snapshot, at: datetime, rev: int) -> Changes:
    """The changes of the commit with which a restored store starts, at `rev`."""
    changes = Changes()
    following = max(counters.read(snapshot, keys.INSTANCE_COUNTER, FIRST_ID, lost=FIRST_ID), rev)
    counters.write(changes, keys.INSTANCE_COUNTER, following)
    return changes
