"""A member that says in time that it is there stays; one that does not goes, with an event."""

from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import Evidence, Key, Outcome

GRACE = 60
"""Seconds after its time that a member may still be there: a restart, or a new leader, gives it its whole
time again."""


def judge(evidence: Evidence, world: World) -> Verdict:
    """Each end of a lease against the renewals that were answered before; and each lease that never ended."""
    verdict = Verdict()
    renewed: dict[Key, list[tuple[int, int, int]]] = {}
    for call in evidence.calls:
        if (
            call.op == "member"
            and call.outcome is Outcome.OK
            and call.body.get("ttl")
            and call.rev is not None
        ):
            assert call.about is not None
            renewed.setdefault(call.about, []).append((call.start, call.rev, call.body["ttl"]))
    # What is known of the history ends with the last write. What is read of that rev afterwards may take a
    # busy machine a minute, in which leases end that nobody is told of.
    end = max((call.start for call in evidence.calls if call.writes), default=0)
    for key, renewals in renewed.items():
        ends = [event for event in world.chains.get(key, []) if event.type == "member-unregister"]
        for event in ends:
            for start, rev, ttl in renewals:
                if rev < event.rev:
                    verdict.check(
                        event.seen >= start + ttl * 10**9,
                        lambda e=event, s=start: (
                            f"{e} though it was renewed {(e.seen - s) / 1e9:.2f} s before"
                        ),
                    )
        last, _, ttl = max(renewals)
        if not ends:
            verdict.check(end < last + (ttl + GRACE) * 10**9, lambda k=key: f"{k} has never gone")
    return verdict
