"""A stream with `snapshot=true` begins with exactly what is there at the rev it goes on from."""

from tests.fault.judges.filters import wanted_object
from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import SNAPSHOT_END, Call, Evidence, Session


def judge(evidence: Evidence, world: World) -> Verdict:
    """Each snapshot that came to its end."""
    verdict = Verdict()
    ended: dict[int, Session] = {}
    calls = []
    for session in evidence.sessions:
        if any(index == SNAPSHOT_END for _, index, _ in session.frames):
            call = Call(session.subscriber, session.replica, "snapshot", "GET", "/events", rev=session.rev)
            ended[id(call)] = session
            calls.append(call)
    for call, state in world.in_order(calls):
        session = ended[id(call)]
        there = sorted(
            event.object
            for of_kind in state.values()
            for event in of_kind.values()
            if wanted_object(session, event)
        )
        shown = sorted(data.partition(b',"object":')[2][:-1] for data in session.objects)
        verdict.check(
            shown == there,
            lambda s=session, t=there, w=shown: (
                f"at {s.rev} it shows {len(w)}, there are {len(t)}; {str(set(w) ^ set(t))[:300]}: {s}"
            ),
        )
    return verdict
