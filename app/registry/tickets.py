"""Tickets: instances registered to be claimed, and unregistered when they are done."""

from datetime import datetime

from app.errors import InvalidRequest, InvalidState
from app.models import codec, keys
from app.models.instance import Ended, Instance, InstanceCreate, Restarts, Status
from app.models.revision import Revision, RevisionState
from app.registry import counters
from app.registry.cut_text import cut
from app.registry.live_instance import live_record
from app.registry.readable import readable
from app.registry.state import find, missing, new
from app.store.contract import Changes, Snapshot
from app.store.snapshots import scan

FIRST_ID = 1

MAX_ENDED_REASON = 1024
"""Bytes of an ended entry's reason, as it is kept: a thousand entries of each proctype stay for a month."""


def find_live(snapshot: Snapshot, id: int) -> Instance | None:
    """The instance, unless it was never registered or is done."""
    record = snapshot.get(keys.instance(id))
    if record is None or not readable(record) or keys.is_ended(record.value):
        return None
    return codec.decode(record, Instance)


def need_live(snapshot: Snapshot, id: int) -> Instance:
    """As `live`, as a model."""
    return codec.decode(live_record(snapshot, id), Instance)


def check_runnable(snapshot: Snapshot, app: str, proctype: str, revision: str, env: str | None) -> None:
    """What an instance is made of has to be there. Raises InvalidRequest that names the field,
    InvalidState where the revision is not accepted."""
    if snapshot.get(keys.app(app)) is None:
        raise InvalidRequest.of(["body", "app"], f"there is no app {app}")
    if snapshot.get(keys.proctype(app, proctype)) is None:
        raise InvalidRequest.of(["body", "proctype"], f"there is no proctype {proctype} of {app}")
    registered = find(snapshot, keys.revision(app, revision), Revision)
    if registered is None:
        raise InvalidRequest.of(["body", "revision"], f"there is no revision {revision} of {app}")
    if env is not None and snapshot.get(keys.envset(app, env)) is None:
        raise InvalidRequest.of(["body", "env"], f"there is no env set {env} of {app}")
    if registered.state is not RevisionState.ACCEPTED:
        raise InvalidState(
            f"Revision {revision} of {app} is {registered.state}: ratify it before it is run.",
            state=registered.state,
        )


def pending(at: datetime, id: int, app: str, proctype: str, revision: str, env: str | None) -> Instance:
    """A new ticket."""
    return Instance(
        **new(at),
        id=id,
        app=app,
        revision=revision,
        proctype=proctype,
        env=env,
        status=Status.PENDING,
        host=None,
        ip=None,
        hostname=None,
        port=None,
        tele_port=None,
        claims=[],
        restarts=Restarts(fail=0, oom=0),
        lock=None,
        reason=None,
        lost_by=None,
        claim_rev=None,
        registered_at=at,
        claimed_at=None,
        started_at=None,
        stopped_at=None,
        ended_at=None,
    )


# + instance/{id} (pending)
# - counter/instance = n
# + counter/instance = n + 1
def register(snapshot: Snapshot, at: datetime, body: InstanceCreate) -> Changes:
    """Raises InvalidRequest, InvalidState where the revision is not accepted."""
    check_runnable(snapshot, body.app, body.proctype, body.revision, body.env)
    id = counters.read(snapshot, keys.INSTANCE_COUNTER, FIRST_ID)
    key = keys.instance(id)
    ticket = pending(at, id, body.app, body.proctype, body.revision, body.env)
    changes = Changes(puts={key: codec.encode(ticket)}, answer=key)
    counters.write(changes, keys.INSTANCE_COUNTER, id + 1)
    return changes


def ended_entry(instance: Instance, at: datetime, client: str | None, reason: str | None) -> Ended:
    """What is kept of an instance that is done: why it was unregistered, or else why it had failed or was
    lost. A long reason is cut."""
    why = instance.reason if reason is None else reason
    return Ended(
        **{**new(at), "created_at": instance.created_at},
        id=instance.id,
        app=instance.app,
        proctype=instance.proctype,
        revision=instance.revision,
        env=instance.env,
        status=instance.status,
        client=client,
        reason=None if why is None else cut(why, MAX_ENDED_REASON),
        at=at,
    )


# - instance/{id} (live)
# + instance/{id} (its ended entry)
def unregister(snapshot: Snapshot, at: datetime, id: int, client: str | None, reason: str | None) -> Changes:
    """Raises NotFound, for one that is done already too. One that cannot be read leaves no entry."""
    record = snapshot.get(keys.instance(id))
    if record is not None and not readable(record):
        return Changes(deletes={record.key})
    instance = find_live(snapshot, id)
    if instance is None:
        raise missing(f"instance {id}", snapshot)
    return Changes(puts={keys.instance(id): codec.encode(ended_entry(instance, at, client, reason))})


def oldest_pending(snapshot: Snapshot) -> datetime | None:
    """When the oldest pending ticket was registered; None where none is pending."""
    for record in scan(snapshot, keys.pending(), limit=1):
        return codec.decode(record, Instance).registered_at
    return None
