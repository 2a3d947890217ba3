"""The same rev gives the same bytes on every replica."""

from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import Evidence


def judge(evidence: Evidence, world: World) -> Verdict:
    """What all were asked at the end; what they said on the way is compared by `snapshots`."""
    verdict = Verdict()
    if not evidence.pages:
        return verdict
    first = evidence.pages[0]
    for number, pages in enumerate(evidence.pages):
        for path, said in pages.items():
            verdict.check(
                said == first[path],
                lambda p=path, n=number, s=said: f"{p}: 0 says {first[p]!r}, {n} says {s!r}",
            )
    return verdict
