"""The life of an instance after its claim: started, stopped, ended, restarted.

pending --claim--> claimed --start--> running --stop--> stopping
   ^------unclaim------'                 |                  |
claimed, running, stopping --exit--> exited        --fail--> failed
any but exited --lost--> lost          any --unregister--> done
"""

from collections.abc import Collection
from datetime import datetime

from app.errors import InvalidState
from app.models import keys
from app.models.base import rfc3339
from app.models.instance import Claimer, Failure, Instance, Loss, Restart, Start, Status
from app.registry.claims import check_fence, held
from app.registry.live_instance import LiveInstance, live
from app.store.contract import Changes, Snapshot

_REACHABLE: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset(Status),
    Status.CLAIMED: frozenset(Status),
    Status.RUNNING: frozenset({Status.RUNNING, Status.STOPPING, Status.EXITED, Status.FAILED, Status.LOST}),
    Status.STOPPING: frozenset({Status.STOPPING, Status.EXITED, Status.FAILED, Status.LOST}),
    Status.FAILED: frozenset({Status.FAILED, Status.LOST, Status.EXITED}),
    Status.LOST: frozenset({Status.LOST, Status.EXITED}),
    Status.EXITED: frozenset({Status.EXITED}),
}


def reachable(instance: Instance) -> frozenset[Status]:
    """The statuses that it can still have. Where a ticket was lost that nobody held, nobody can say that
    it has exited."""
    if instance.status is Status.LOST and instance.host is None:
        return frozenset({Status.LOST})
    return _REACHABLE[instance.status]


def _allow(instance: LiveInstance, statuses: Collection[Status], call: str) -> None:
    if instance.status not in statuses:
        raise InvalidState(
            f"Instance {instance.id} is {instance.status}: {call} is for {', '.join(sorted(statuses))}.",
            state=instance.status,
        )


# - instance/{id} (claimed)
# + instance/{id} (running)
def start(snapshot: Snapshot, at: datetime, id: int, body: Start) -> Changes:
    """Said again with the same values while it runs, it changes nothing. Raises NotFound, NotClaimer,
    InvalidState."""
    instance = held(snapshot, id, body)
    place = {"hostname": body.hostname, "port": body.port, "tele_port": body.tele_port}
    same = all(instance.kept[name] == value for name, value in place.items())
    if same and instance.status is Status.RUNNING:
        return Changes(answer=keys.instance(id))
    _allow(instance, {Status.CLAIMED}, "start")
    return instance.changed(at, status=Status.RUNNING, started_at=rfc3339(at), **place)


# - instance/{id} (claimed or running)
# + instance/{id} (stopping)
def stop(snapshot: Snapshot, at: datetime, id: int) -> Changes:
    """Raises NotFound, InvalidState."""
    instance = live(snapshot, id)
    _allow(instance, {Status.CLAIMED, Status.RUNNING}, "stop")
    return instance.changed(at, status=Status.STOPPING, stopped_at=rfc3339(at))


# - instance/{id} (claimed, running, stopping; lost or failed: a late truth wins)
# + instance/{id} (exited)
def exit(snapshot: Snapshot, at: datetime, id: int, body: Claimer) -> Changes:
    """Raises NotFound, NotClaimer, InvalidState where it has exited already."""
    instance = held(snapshot, id, body)
    _allow(instance, set(Status) - {Status.PENDING, Status.EXITED}, "exit")
    # What was said of its failure or loss turned out not to be so.
    reason = None if instance.status in (Status.FAILED, Status.LOST) else instance.kept["reason"]
    return instance.changed(at, status=Status.EXITED, ended_at=rfc3339(at), reason=reason, lost_by=None)


# - instance/{id} (claimed, running, stopping)
# + instance/{id} (failed)
def fail(snapshot: Snapshot, at: datetime, id: int, body: Failure) -> Changes:
    """Raises NotFound, NotClaimer, InvalidState."""
    instance = held(snapshot, id, body)
    _allow(instance, {Status.CLAIMED, Status.RUNNING, Status.STOPPING}, "fail")
    return instance.changed(at, status=Status.FAILED, ended_at=rfc3339(at), reason=body.reason)


# - instance/{id} (any but exited)
# + instance/{id} (lost)
def lose(snapshot: Snapshot, at: datetime, id: int, body: Loss) -> Changes:
    """One that is lost already stays as it is. Raises NotFound, InvalidState where it has exited."""
    instance = live(snapshot, id)
    _allow(instance, set(Status) - {Status.EXITED}, "lost")
    if instance.status is Status.LOST:
        return Changes(answer=keys.instance(id))
    return instance.changed(
        at,
        status=Status.LOST,
        ended_at=rfc3339(at),
        reason=body.reason,
        lost_by=body.client,
    )


# - instance/{id} (running, n restarts)
# + instance/{id} (running, n + count restarts)
def restart(snapshot: Snapshot, at: datetime, id: int, body: Restart) -> Changes:
    """Raises NotFound, InvalidState where it does not run, NotClaimer where `claim_rev` is given and not
    that of the present claim."""
    instance = live(snapshot, id)
    check_fence(instance, body.claim_rev)
    _allow(instance, {Status.RUNNING}, "restart")
    restarts = dict(instance.kept["restarts"])
    restarts[body.reason.value] += body.count
    return instance.changed(at, restarts=restarts)
