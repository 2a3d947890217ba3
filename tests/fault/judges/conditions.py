"""If-Match: a write is made only while the resource is still at the rev that it names."""

from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import Call, Evidence, Outcome


def judge(evidence: Evidence, world: World) -> Verdict:
    """Each conditional write that has happened, answered or not; so no count is lost. Of the tries of one
    deed that were not answered one may have been made, at the rev that it named."""
    verdict = Verdict()
    deeds: dict[str, list[Call]] = {}
    for call in evidence.calls:
        if call.if_match is not None and call.about is not None:
            deeds.setdefault(call.deed, []).append(call)
    for deed, calls in deeds.items():
        for rev in world.deeds.get(deed, ()):
            answered = [call for call in calls if call.outcome is Outcome.OK and call.rev == rev]
            named = {call.if_match for call in answered or calls}
            before = world.get(calls[0].about or (), rev - 1)
            verdict.check(
                before is not None and before.rev in named,
                lambda c=calls, b=before: f"made though it was at {b.rev if b else None}: {c[0]} .. {c[-1]}",
            )
    return verdict
