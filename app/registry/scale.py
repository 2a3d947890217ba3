"""Scale: registers, unregisters and stops instances until there are as many as wanted.

One commit changes at most `BATCH` instances, of some `BATCH_BYTES` together. A target further away
takes several, each of which counts anew. Between them a note under `scaling/` says whose turn it is, so
that of two that scale the same thing at a time the later one wins, and the earlier stops instead of
pulling back.

The target is kept (`scale/`), from the first of these commits on. Nothing else moves it: where instances
are lost, it says how many are missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.errors import Conflict, InUse, InvalidRequest, InvalidState
from app.models import codec, keys
from app.models.instance import Instance, Status
from app.models.revision import Revision, RevisionState
from app.models.scale import ScaleRecord, ScaleTarget
from app.registry import counters
from app.registry.batch import BATCH, BATCH_BYTES
from app.registry.state import exists, find, new, update
from app.registry.tickets import FIRST_ID, ended_entry, pending
from app.store.contract import Changes, Snapshot
from app.store.records import Record
from app.store.snapshots import scan

SCALED_DOWN = "scaled down"
_TURNS = tuple(keys.instances_in(status) for status in (Status.PENDING, Status.CLAIMED, Status.RUNNING))
"""Who goes first when it goes down."""


@dataclass(frozen=True, slots=True)
class ScaleStep:
    """What one commit did. `done` where the target is reached."""

    previous: int
    started: list[int]
    stopped: list[int]
    done: bool


def _check(snapshot: Snapshot, app: str, proctype: str, target: ScaleTarget) -> None:
    exists(snapshot, keys.app(app), f"app {app}")
    exists(snapshot, keys.proctype(app, proctype), f"proctype {proctype} of app {app}")
    revision = find(snapshot, keys.revision(app, target.revision), Revision)
    if revision is None:
        raise InvalidRequest.of(["body", "revision"], f"there is no revision {target.revision} of {app}")
    if target.env is not None and snapshot.get(keys.envset(app, target.env)) is None:
        raise InvalidRequest.of(["body", "env"], f"there is no env set {target.env} of {app}")
    if revision.state is not RevisionState.ACCEPTED:
        raise InvalidState(
            f"Revision {target.revision} of {app} is {revision.state}: ratify it before it is scaled.",
            state=revision.state,
        )


# up:   + instance/{id} (pending), at most 100
#       - counter/instance = n
#       + counter/instance = n + started
# down: - instance/{id} (pending)            + instance/{id} (its ended entry)
#       - instance/{id} (claimed or running) + instance/{id} (stopping)
# more: + scaling/{app},{proctype},{revision},{env} = run
# first: - scale/{app},{proctype},{revision},{env} (old target)
#        + scale/{app},{proctype},{revision},{env} (target)
# none left: - scale/{app},{proctype},{revision},{env} (target 0)
def step(
    snapshot: Snapshot, at: datetime, app: str, proctype: str, target: ScaleTarget, run: str, first: bool
) -> Changes:
    """One step towards the target; its `result` is a Step. `run` names the call that the step belongs
    to, `first` is true for its first one. Raises NotFound, InvalidRequest, InvalidState, Conflict where
    another call has begun to scale the same since the first step."""
    _check(snapshot, app, proctype, target)
    note = keys.scaling(app, proctype, target.revision, target.env)
    noted = snapshot.get(note)
    if not first and (noted is None or noted.value != b'"%s"' % run.encode()):
        raise Conflict(
            f"{app} {proctype} was scaled by another request meanwhile: this one stopped half way."
        )
    term = keys.instances_of_scale(app, proctype, target.revision, target.env)
    counted = snapshot.count(term)
    changes = Changes()
    started: list[int] = []
    stopped: list[int] = []
    difference = target.count - counted
    if difference > 0:
        started = _up(snapshot, changes, at, app, proctype, target, min(difference, BATCH))
    elif difference < 0:
        stopped = _down(changes, at, _first_to_go(snapshot, term, min(-difference, BATCH)))
    left = counted + len(started) - len(stopped)
    done = left == target.count
    if not done:
        changes.puts[note] = b'"%s"' % run.encode()
    elif noted is not None:
        changes.deletes.add(note)
    _keep_target(snapshot, changes, at, app, proctype, target, first, left)
    changes.result = ScaleStep(counted, started, stopped, done)
    return changes


def _keep_target(
    snapshot: Snapshot,
    changes: Changes,
    at: datetime,
    app: str,
    proctype: str,
    target: ScaleTarget,
    first: bool,
    left: int,
) -> None:
    key = keys.scale(app, proctype, target.revision, target.env)
    record = find(snapshot, key, ScaleRecord)
    if target.count == 0 and left == 0:
        if record is not None:
            changes.deletes.add(key)
    elif not first:
        return
    elif record is None:
        kept = ScaleRecord(
            **new(at),
            app=app,
            proctype=proctype,
            revision=target.revision,
            env=target.env,
            target=target.count,
        )
        changes.puts[key] = codec.encode(kept)
    else:
        changes.puts.update(update(key, record, at, target=target.count).puts)


# - scale/{app},*,{ref},* or scale/{app},*,*,{ref}: all that carry the term
def forget_targets(snapshot: Snapshot, changes: Changes, term: str, what: str) -> None:
    """The targets of a revision or an env set go with it. Raises InUse where these are more than one
    commit can remove."""
    records = scan(snapshot, term, limit=BATCH + 1)
    if len(records) > BATCH:
        raise InUse(f"{what} has more than {BATCH} targets of scales: scale some of them to 0 first.")
    changes.deletes.update(record.key for record in records)


# - scale/{app},{proctype},{revision},{env} (target 0, nothing left), at most 100 of the keys
def forget_ended(snapshot: Snapshot, at: datetime, over: Sequence[str]) -> Changes:
    """Targets of 0 whose last instances ended otherwise."""
    changes = Changes()
    for key in over[:BATCH]:
        record = find(snapshot, key, ScaleRecord)
        if record is not None and record.target == 0:
            term = keys.instances_of_scale(record.app, record.proctype, record.revision, record.env)
            if snapshot.count(term) == 0:
                changes.deletes.add(key)
    return changes


def _up(
    snapshot: Snapshot, changes: Changes, at: datetime, app: str, proctype: str, target: ScaleTarget, by: int
) -> list[int]:
    first = counters.read(snapshot, keys.INSTANCE_COUNTER, FIRST_ID)
    ids = list(range(first, first + by))
    for id in ids:
        ticket = pending(at, id, app, proctype, target.revision, target.env)
        changes.puts[keys.instance(id)] = codec.encode(ticket)
    counters.write(changes, keys.INSTANCE_COUNTER, first + by)
    return ids


def _first_to_go(snapshot: Snapshot, term: str, by: int) -> list[Record]:
    """Of ten thousand only those that go are looked at."""
    records: list[Record] = []
    for turn in _TURNS:
        if len(records) < by:
            records += snapshot.find(((term,), (turn,)), limit=by - len(records))
    return records


def _down(changes: Changes, at: datetime, going: list[Record]) -> list[int]:
    """The ids of those that are taken back or stopped: as many as one commit may hold."""
    ids: list[int] = []
    size = 0
    for record in going:
        instance = codec.decode(record, Instance)
        if instance.status is Status.PENDING:
            kept = codec.encode(ended_entry(instance, at, None, SCALED_DOWN))
        else:
            kept = codec.encode(
                instance.model_copy(
                    update={
                        "status": Status.STOPPING,
                        "stopped_at": at,
                        "updated_at": at,
                        "reason": SCALED_DOWN,
                    }
                )
            )
        changes.puts[keys.instance(instance.id)] = kept
        ids.append(instance.id)
        size += len(kept)
        if size >= BATCH_BYTES:
            break
    return ids
