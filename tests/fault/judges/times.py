"""The registry at a time is that at the newest rev whose time is not after it: for ever, on every replica."""

from bisect import bisect_right
from datetime import datetime
from itertools import accumulate
from urllib.parse import parse_qs, urlsplit

from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import Evidence


def judge(evidence: Evidence, world: World) -> Verdict:
    """Each read at a time against the times of the commits. Where several clocks write, a commit may be a
    little earlier than one before it: what counts is the greatest time so far."""
    verdict = Verdict()
    dated = [
        (event.rev, datetime.fromisoformat(event.at))
        for event in evidence.told
        # Another hand's write has no time, nor has the end of a lease where it is etcd's own.
        if event.type != "unknown" and (event.actor != "visor" or evidence.replicas == 1)
    ]
    revs = [rev for rev, _ in dated]
    times = list(accumulate((at for _, at in dated), max))
    answered: dict[str, int] = {}
    for call in evidence.calls:
        asked = parse_qs(urlsplit(call.path).query).get("at")
        if call.writes or call.status != 200 or not asked or call.rev is None:
            continue
        at = datetime.fromisoformat(asked[0])
        verdict.check(
            answered.setdefault(asked[0], call.rev) == call.rev,
            lambda c=call, a=asked[0]: f"rev {c.rev}, it was {answered[a]} before: {c}",
        )
        upto = bisect_right(revs, call.rev)
        verdict.check(
            upto == 0 or times[upto - 1] <= at,
            lambda c=call, u=upto: f"rev {revs[u - 1]} is of {times[u - 1]}: {c}",
        )
        verdict.check(
            upto == len(revs) or times[upto] > at,
            lambda c=call, u=upto: f"rev {revs[u]} is of {times[u]}, and not shown: {c}",
        )
    return verdict
