"""Scale is exact: when it is answered there are as many as were asked for, and two never add up to a third
number."""

from typing import Any

from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import Call, Evidence, Key, Outcome, Told

COUNTED = ("pending", "claimed", "running")
BATCH = 100
"""Instances that a commit starts or stops at most. A scale of more is several commits, and others may come
between them: also such as leave nothing to do for its last."""


def judge(evidence: Evidence, world: World) -> Verdict:
    """Each scale that was answered, and each that happened in one commit though it was not."""
    verdict = Verdict()
    asked: list[Call] = []
    for call in evidence.calls:
        if call.op != "scale" or not call.writes:
            continue
        if call.outcome is Outcome.OK:
            asked.append(call)
        elif call.outcome is Outcome.UNKNOWN:
            revs = world.deeds.get(call.deed, [])
            if len(revs) == 1 and sum(event.key[0] == "instance" for event in _of(world, revs[0])) < BATCH:
                asked.append(
                    Call(call.client, call.replica, call.op, call.method, call.path, call.body, call.about)
                )
                asked[-1].rev, asked[-1].actor = revs[0], call.actor
    for call, state in world.in_order(asked):
        there = _counted(call, state.get("instance", {}))
        verdict.check(
            len(there) == call.body["count"], lambda c=call, t=there: f"there are {len(t)} ({t[:20]}): {c}"
        )
        if call.outcome is Outcome.OK:
            _judge_answer(verdict, world, call, len(there))
    return verdict


def in_one_commit(call: Call) -> bool:
    """Whether an answered scale cannot have taken more than one."""
    return len(call.said["started"]) + len(call.said["stopped"]) < BATCH


def _of(world: World, rev: int) -> list[Told]:
    return [event for event in world.told if event.rev == rev]


def _counted(call: Call, instances: dict[Key, Told]) -> list[int]:
    assert call.about is not None
    wanted = (call.about[1], call.about[2], call.body["revision"], call.body.get("env"))
    return [
        int(key[1])
        for key, event in instances.items()
        if _names(event.said) == wanted and event.said["status"] in COUNTED
    ]


def _names(said: dict[str, Any]) -> tuple[Any, ...]:
    return said["app"], said["proctype"], said["revision"], said["env"]


def _judge_answer(verdict: Verdict, world: World, call: Call, count: int) -> None:
    said = call.said
    verdict.check(said["count"] == count, lambda: f"it says {said}: {call}")
    revs = world.deeds.get(call.deed, [])
    started, stopped = [], []
    for rev in revs:
        for id in said["started"] + said["stopped"]:
            event = world.chains.get(("instance", str(id)), [])
            for one in event:
                if one.rev == rev:
                    (started if one.type == "instance-register" else stopped).append(id)
    verdict.check(
        (sorted(started), sorted(stopped)) == (sorted(said["started"]), sorted(said["stopped"])),
        lambda: f"it says {said}, the history {started} and {stopped}: {call}",
    )
    if in_one_commit(call):
        verdict.check(
            said["previous"] == count - len(started) + len(stopped),
            lambda: f"it says {said['previous']}: {call}",
        )
