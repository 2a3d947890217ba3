"""Claims: a host takes an instance, or gives it back. The rev of the claim is its fencing token."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from app.errors import AlreadyClaimed, InvalidState, NotClaimer
from app.models import codec, keys
from app.models.base import rfc3339
from app.models.hosts import is_ip
from app.models.instance import ACTIVE, Claimer, Status, Unclaim
from app.registry import counters
from app.registry.cut_text import cut, kept_size
from app.registry.live_instance import LiveInstance, live
from app.registry.tickets import find_live
from app.store.contract import Changes, Snapshot
from app.store.snapshots import scan

RELEASED = 20
"""Claims that one commit gives back: each may have a hundred entries to write."""

MAX_CLAIMS = 100
"""Claims that are remembered of one instance: a ticket that no host can run must not grow for ever."""

MAX_ERRORS = 8 * 1024
"""Bytes that the errors of these claims take together, as they are kept: each claim writes them all again."""


def _remembered(claims: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The newest claims, as they are kept. Of their errors the newest are kept whole, the one that does not
    fit is cut, and those before it are dropped."""
    left = MAX_ERRORS
    kept: list[dict[str, Any]] = []
    for entry in reversed(claims[-MAX_CLAIMS:]):
        error = entry["error"]
        if error:
            shown = cut(error, left)
            if shown == error:
                left -= kept_size(error)
            else:
                left = 0  # so that no older error outlives a newer one
                entry = {**entry, "error": shown or None}
        kept.append(entry)
    return kept[::-1]


# - instance/{id} (pending)
# + instance/{id} (claimed by host, claim_rev the rev of this commit)
def claim(snapshot: Snapshot, at: datetime, id: int, host: str) -> Changes:
    """Raises NotFound, AlreadyClaimed, InvalidState where the instance is final or done."""
    return _claimed(live(snapshot, id), at, host)


def _claimed(instance: LiveInstance, at: datetime, host: str) -> Changes:
    if instance.status not in ACTIVE:
        raise InvalidState(
            f"Instance {instance.id} is {instance.status}: it cannot be claimed.", state=instance.status
        )
    if instance.status is not Status.PENDING:
        raise AlreadyClaimed(f"Instance {instance.id} is claimed by {instance.host}.", host=instance.host)
    now = rfc3339(at)
    return instance.changed(
        at,
        status=Status.CLAIMED,
        host=host,
        ip=host if is_ip(host) else None,
        claims=_remembered([*instance.kept["claims"], {"host": host, "at": now, "error": None}]),
        claim_rev=codec.THIS_REV,
        claimed_at=now,
    )


# - instance/{the oldest pending id} (pending)
# + instance/{the oldest pending id} (claimed by host)
def claim_next(snapshot: Snapshot, at: datetime, host: str, app: str | None, proctype: str | None) -> Changes:
    """Claim the oldest ticket that fits. No changes and no answer where there is none."""
    for record in scan(snapshot, keys.pending(app, proctype), limit=1):
        return _claimed(LiveInstance(record), at, host)
    return Changes()


def held(snapshot: Snapshot, id: int, claimer: Claimer) -> LiveInstance:
    """The instance, if the caller holds its present claim. Raises NotFound, InvalidState where nobody
    holds it, NotClaimer where another does, or where the token is not the present claim's."""
    instance = live(snapshot, id)
    # Absent is pydantic's MISSING, which is no int.
    fenced = isinstance(claimer.claim_rev, int) and claimer.claim_rev != instance.claim_rev
    if instance.host is None and not fenced:
        raise InvalidState(f"Instance {id} is {instance.status}: no host holds it.", state=instance.status)
    if instance.host is not None and instance.host != claimer.host:
        raise NotClaimer(f"Instance {id} is claimed by another host than {claimer.host}.")
    check_fence(instance, claimer.claim_rev)
    return instance


def check_fence(instance: LiveInstance, claim_rev: object) -> None:
    """Raises NotClaimer where a claim is named that is not the present one."""
    # Absent is pydantic's MISSING, which is no int.
    if isinstance(claim_rev, int) and claim_rev != instance.claim_rev:
        raise NotClaimer(
            f"Instance {instance.id} is no longer held by the claim of rev {claim_rev}: claim it anew.",
            claim_rev=instance.claim_rev,
        )


# - instance/{id} (claimed)
# + instance/{id} (pending, the claim's error kept in claims)
# - counter/return = n
# + counter/return = n + 1
def unclaim(snapshot: Snapshot, at: datetime, id: int, body: Unclaim) -> Changes:
    """Raises NotFound, NotClaimer, InvalidState where it is not merely claimed."""
    instance = held(snapshot, id, body)
    if instance.status is not Status.CLAIMED:
        raise InvalidState(
            f"Instance {id} is {instance.status}: only a claimed one is given back.", state=instance.status
        )
    changes = _given_back(instance, at, body.error)
    note_return(snapshot, changes)
    return changes


def _given_back(instance: LiveInstance, at: datetime, error: str | None) -> Changes:
    claims = instance.kept["claims"]
    last = [{**entry, "error": error} for entry in claims[-1:]]
    return instance.changed(
        at,
        status=Status.PENDING,
        host=None,
        ip=None,
        claims=_remembered([*claims[:-1], *last]),
        claim_rev=None,
        claimed_at=None,
    )


def note_return(snapshot: Snapshot, changes: Changes) -> None:
    """Have it known that a ticket with an old id is pending: who took another for the oldest looks again."""
    counters.write(changes, keys.RETURN_COUNTER, counters.read(snapshot, keys.RETURN_COUNTER, 0, lost=0) + 1)


# - instance/{id} (claimed since `timeout` or longer), those of the keys
# + instance/{id} (pending, the claim's error says that it was not started)
# - counter/return = n
# + counter/return = n + 1
def release(snapshot: Snapshot, at: datetime, over: Sequence[str], timeout: timedelta) -> Changes:
    """Give claims back whose host has not started in time; one that has changed since it was looked at
    stays."""
    changes = Changes()
    for key in over[:RELEASED]:
        instance = find_live(snapshot, keys.instance_id(key))
        if (
            instance is not None
            and instance.status is Status.CLAIMED
            and instance.claimed_at is not None
            and at - instance.claimed_at >= timeout
        ):
            error = f"not started within {timeout.total_seconds():g} seconds"
            changes.puts.update(_given_back(live(snapshot, instance.id), at, error).puts)
    if changes.puts:
        note_return(snapshot, changes)
    return changes
