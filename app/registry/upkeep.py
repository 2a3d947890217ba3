"""Removes ended entries and kept answers when their time is over, in commits of their own without events.
They are found page by page; a rule then removes fifty keys at a time and checks each one again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from heapq import nsmallest
from operator import itemgetter

from app.models import codec, keys
from app.models.instance import Ended
from app.registry import idempotency
from app.store.contract import Changes, Snapshot
from app.store.records import Record
from app.store.snapshots import scan

BATCH = 50
"""Keys of one commit: each may take a look at a proctype of its own, and a store guards what was read."""
ENDED_LIFETIME = timedelta(days=30)
ENDED_KEPT = 1000
"""Ended entries of a proctype."""


def ended_of(snapshot: Snapshot, app: str, proctype: str) -> list[Record]:
    """The ended entries of a proctype, by id, the newest 1,000. Entries of an earlier proctype of the
    same name are not its own."""
    registered = snapshot.get(keys.proctype(app, proctype))
    if registered is None:
        return []
    entries = scan(snapshot, keys.ended_of(app, proctype), limit=ENDED_KEPT, reverse=True)
    return [record for record in reversed(entries) if record.created_rev >= registered.created_rev]


def too_many(snapshot: Snapshot) -> list[str]:
    """Keys of ended entries beyond the newest 1,000 of their proctype, at most a batch."""
    old: list[str] = []
    for record in scan(snapshot, keys.PROCTYPES):
        app, _, name = record.key.removeprefix(keys.PROCTYPES).partition(",")
        term = keys.ended_of(app, name)
        over = snapshot.count(term) - ENDED_KEPT
        if over > 0:
            old += (r.key for r in scan(snapshot, term, limit=min(over, BATCH - len(old))))
        if len(old) >= BATCH:
            break
    return old


def _over(snapshot: Snapshot, record: Record, at: datetime) -> bool:
    if record.key.startswith(keys.IDEMPOTENCY):
        return idempotency.expired(record, at)
    if not keys.is_ended(record.value):
        return False
    entry = codec.decode(record, Ended)
    proctype = snapshot.get(keys.proctype(entry.app, entry.proctype))
    return at - entry.at >= ENDED_LIFETIME or proctype is None or proctype.created_rev > record.created_rev


def page_of_old(snapshot: Snapshot, at: datetime, term: str, after: str) -> tuple[list[str], str | None]:
    """Look at the next page of `keys.ENDED` or `keys.IDEMPOTENCY`: the keys whose time is over (an ended
    entry's is also when its proctype is gone), and where the next page begins."""
    page = scan(snapshot, term, after=after, limit=BATCH)
    old = [record.key for record in page if _over(snapshot, record, at)]
    return old, page[-1].key if len(page) == BATCH else None


# - instance/{id} (ended entry) or idempotency/{digest}, those of the keys whose time is over
def drop(snapshot: Snapshot, at: datetime, old: Sequence[str]) -> Changes:
    """Drop what is still over: a key that was used again since stays."""
    surplus = frozenset(too_many(snapshot))
    changes = Changes()
    for key in old[:BATCH]:
        record = snapshot.get(key)
        if record is not None and (key in surplus or _over(snapshot, record, at)):
            changes.deletes.add(key)
    return changes


def keys_too_many(seen: Mapping[str, int]) -> dict[str, int]:
    """Of the idempotency records that were seen (key -> rev), the oldest that are too many."""
    over = max(len(seen) - idempotency.MAX_RECORDS, 0)
    return dict(nsmallest(over, seen.items(), key=itemgetter(1)))


# - idempotency/{digest} of each that is still at the rev
def drop_keys(snapshot: Snapshot, at: datetime, old: Mapping[str, int]) -> Changes:
    """Drop idempotency records before their time: those that were not written anew since they were seen."""
    records = {key: snapshot.get(key) for key in old}
    return Changes(deletes={key for key, record in records.items() if record and record.rev == old[key]})
