"""Durable, and never partly so: what was acknowledged has happened, once; what was refused has not."""

from tests.fault.judges.scale import in_one_commit
from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import Call, Evidence, Outcome


def judge(evidence: Evidence, world: World) -> Verdict:
    """Every deed against the revs that the history has for it."""
    verdict = Verdict()
    deeds: dict[str, list[Call]] = {}
    for call in evidence.calls:
        if call.writes:
            deeds.setdefault(call.deed, []).append(call)
    for deed, calls in deeds.items():
        revs = world.deeds.get(deed, [])
        outcomes = {call.outcome for call in calls}
        if outcomes == {Outcome.REFUSED} and calls[0].op != "scale":
            verdict.check(not revs, lambda c=calls[0], r=revs: f"refused, and yet made at {r}: {c}")
        if calls[0].op != "scale":
            verdict.check(
                len(revs) <= 1, lambda c=calls, r=revs: f"done {len(r)} times, at {r}: {c[0]} .. {c[-1]}"
            )
        for call in calls:
            if call.outcome is Outcome.OK and commits(call):
                verdict.check(
                    call.rev in revs, lambda c=call, r=revs: f"acknowledged, and not there (but at {r}): {c}"
                )
    for deed in world.deeds.keys() - deeds.keys() - {"visor"}:
        verdict.violate(f"nobody has asked for what {deed} did at {world.deeds[deed][:5]}")
    return verdict


def commits(call: Call) -> bool:
    """Whether an answered write says that it has made a commit of its own: that the rev it answers is the
    one of what it shows, or that something is gone. A write may find all as it should be."""
    if call.status == 204:
        return False
    if call.op == "scale":
        # Of several commits the last may find all as it should be: `scale` looks at each instance.
        return bool(call.said["started"] or call.said["stopped"]) and in_one_commit(call)
    if call.op in _MANY_OBJECTS:
        return bool(call.said["changes"]) or call.replayed
    if call.method == "DELETE":
        return True
    return bool(call.said["rev"] == call.rev) and call.op not in _MAY_CHANGE_NOTHING


_MANY_OBJECTS = {"apply", "revert", "undo"}

_MAY_CHANGE_NOTHING = {"start", "lost", "member", "patch", "env"}
"""Such a write of what is there already answers the rev of the snapshot, and that may be just the rev at
which another write made it so: whether it was this one is told by `answers`."""
