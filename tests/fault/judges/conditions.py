"""If-Match: a write is made only while the resource is still at the rev that it names."""

from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import Evidence


def judge(evidence: Evidence, world: World) -> Verdict:
    """Each conditional write that has happened, answered or not; so no count is lost."""
    verdict = Verdict()
    for call in evidence.calls:
        if call.if_match is None or call.about is None:
            continue
        for rev in world.deeds.get(call.deed, ()):
            before = world.get(call.about, rev - 1)
            verdict.check(
                before is not None and before.rev == call.if_match,
                lambda c=call, b=before: f"made though it was at {b.rev if b else None}: {c}",
            )
    return verdict
