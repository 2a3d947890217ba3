"""Scale: instances are registered, taken back and stopped until there are as many as wanted.

One commit changes at most `BATCH` instances. A target further away takes several, each of which
counts anew; between them a note under `scaling/` says whose turn it is, so that of two that scale
the same thing at a time the later one wins, and the earlier stops instead of pulling back.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from app.errors import Conflict, InvalidRequest, InvalidState
from app.models import codec, keys
from app.models.instance import SCALED, Instance, Status
from app.models.revision import Revision, RevisionState
from app.models.scale import ScaleCount, ScaleTarget, Statuses
from app.registry import counters
from app.registry.state import exists, find
from app.registry.tickets import FIRST_ID, ended_entry, pending
from app.store.contract import Changes, Record, Snapshot

BATCH = 100
SCALED_DOWN = "scaled down"
_TURNS = tuple(keys.instances_in(status) for status in (Status.PENDING, Status.CLAIMED, Status.RUNNING))
"""Who goes first when it goes down."""


@dataclass(frozen=True, slots=True)
class Step:
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
        stopped = _down(changes, at, snapshot.scan(term), min(-difference, BATCH))
    done = abs(difference) <= BATCH
    if not done:
        changes.puts[note] = b'"%s"' % run.encode()
    elif noted is not None:
        changes.deletes.add(note)
    changes.result = Step(counted, started, stopped, done)
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


def _down(changes: Changes, at: datetime, counted: list[Record], by: int) -> list[int]:
    # By their terms: of ten thousand only those that go are read.
    order = sorted(counted, key=lambda record: (_turn(record), record.key))
    taken = [codec.decode(record, Instance) for record in order[:by]]
    for instance in taken:
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
    return [instance.id for instance in taken]


def _turn(record: Record) -> int:
    return next(turn for turn, term in enumerate(_TURNS) if term in record.terms)


def _instances(snapshot: Snapshot, term: str) -> list[Instance]:
    return [codec.decode(record, Instance) for record in snapshot.scan(term)]


ANY = object()
"""Stands for an env set that was not asked for: null asks for instances without one."""


def counts(
    snapshot: Snapshot, app: str, proctype: str, revision: str | None = None, env: object = ANY
) -> list[ScaleCount]:
    """Counts by revision and env set, by their names. What was asked for and is not there counts 0.
    Raises NotFound."""
    exists(snapshot, keys.app(app), f"app {app}")
    exists(snapshot, keys.proctype(app, proctype), f"proctype {proctype} of app {app}")
    term = keys.instances_of_proctype(app, proctype)
    tally: Counter[tuple[str, str | None, Status]] = Counter()
    for instance in _instances(snapshot, term):
        if revision in (None, instance.revision) and (env is ANY or env == instance.env):
            tally[instance.revision, instance.env, instance.status] += 1
    groups = {(ref, envset) for ref, envset, _ in tally}
    if not groups and revision is not None:
        groups = {(revision, env if isinstance(env, str) else None)}
    return [
        ScaleCount(
            revision=ref,
            env=envset,
            count=sum(tally[ref, envset, status] for status in SCALED),
            statuses=Statuses(**{status.value: tally[ref, envset, status] for status in Status}),
        )
        for ref, envset in sorted(groups, key=lambda group: (group[0], group[1] or ""))
    ]
