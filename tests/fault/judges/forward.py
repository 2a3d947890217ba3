"""The rev never goes back: not for one who reads what a replica holds, again and again."""

from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import Evidence


def judge(evidence: Evidence, world: World) -> Verdict:
    """All answers that came over one connection, so from one life of one replica, but for those that name
    a rev, or are an old answer given again. And the history's own clock. A 503 says what the replica holds:
    where its watch is cut, it may not hold yet what etcd has said of a write before."""
    verdict = Verdict()
    last: dict[int, int] = {}
    for call in sorted(evidence.calls, key=lambda call: call.start):
        if call.rev is None or call.names_rev or call.replayed or not call.connection or call.status == 503:
            continue
        before = last.get(call.connection, 0)
        verdict.check(call.rev >= before, lambda c=call, b=before: f"after {b} on the same connection: {c}")
        last[call.connection] = max(before, call.rev)
    for session in evidence.sessions:
        verdict.check(session.status != 400, lambda s=session: f"what it was told is not there yet: {s}")
    at = ""
    # Replicas that write at the same moment do not know each other's times.
    for event in evidence.told if evidence.replicas == 1 else ():
        if not event.type.endswith("-unregister") and event.type != "unknown":
            now = event.said["updated_at"]
            verdict.check(now >= at, lambda e=event, b=at: f"{e} is at {e.said['updated_at']}, after {b}")
            at = max(at, now)
    return verdict
