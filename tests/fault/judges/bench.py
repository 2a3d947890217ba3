"""All judges, and their common hearing."""

import time
from dataclasses import dataclass

from tests.fault.judges import (
    acknowledged,
    answers,
    conditions,
    differences,
    events,
    fencing,
    forward,
    history,
    linearizable,
    members,
    racing,
    replicas,
    reverts,
    scale,
    snapshots,
    starts,
    times,
    unique,
    whole,
)
from tests.fault.judges.verdict import Judge, Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import Evidence

JUDGES = [
    Judge(
        "acknowledged",
        "No acknowledged write is lost, none is made twice, none that was refused is made",
        acknowledged.judge,
    ),
    Judge("linearizable", "Writes and default reads behave as one copy, in real time", linearizable.judge),
    Judge(
        "racing",
        "Creates and claims of unknown outcome have an order that explains every answer",
        racing.judge,
    ),
    Judge("answers", "What an answer says is so: of what was made, and of why it was refused", answers.judge),
    Judge("conditions", "If-Match: no update is lost", conditions.judge),
    Judge("snapshots", "A read is of one snapshot, and a snapshot does not change", snapshots.judge),
    Judge("history", "Each event follows from those before it", history.judge),
    Judge(
        "events",
        "Events are ordered, unique, complete, atomic per rev, resumable, bookmarked, filtered",
        events.judge,
    ),
    Judge("starts", "A stream's snapshot is what is there at the rev it goes on from", starts.judge),
    Judge("replicas", "The same rev is the same bytes on every replica", replicas.judge),
    Judge("unique", "Ids are unique and ascending, ports are held once", unique.judge),
    Judge("scale", "Scale is exact", scale.judge),
    Judge(
        "fencing",
        "One claimer for a token, the oldest ticket first, an old token is not heard",
        fencing.judge,
    ),
    Judge("forward", "The rev never goes back", forward.judge),
    Judge("whole", "Nothing is half done at any rev", whole.judge),
    Judge("reverts", "A document, a revert and an undo are whole: one commit, all or nothing", reverts.judge),
    Judge("differences", "A diff and the commits tell what the events told", differences.judge),
    Judge("times", "A time is that of one rev, the same for ever and on every replica", times.judge),
    Judge("members", "A member that renews stays, one that does not goes", members.judge),
]


@dataclass(frozen=True)
class Heard:
    """A judge, what it said, and the seconds that it took."""

    judge: Judge
    verdict: Verdict
    seconds: float


def hear(evidence: Evidence) -> list[Heard]:
    """What each judge says."""
    world = World(evidence.told)
    found = []
    for judge in JUDGES:
        began = time.monotonic()
        verdict = judge.judge(evidence, world)
        found.append(Heard(judge, verdict, time.monotonic() - began))
    return found
