"""Events are ordered, complete, atomic per rev and resumable: every subscriber gets exactly what it asked
for of the one history, once, over all connections."""

from bisect import bisect_right

from tests.fault.judges.filters import tell_hosts, wanted
from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import BOOKMARK, SNAPSHOT_END, Call, Evidence, Outcome, Session, Told

Place = tuple[int, int]
ALL = 10**9
"""The index after all events of a rev."""


def judge(evidence: Evidence, world: World) -> Verdict:
    """Each stream against the history, and the history against what was acknowledged."""
    verdict = Verdict()
    places = [(event.rev, event.index) for event in evidence.told]
    tell_hosts(evidence.told)
    for session in evidence.sessions:
        if session.status == 200:
            _judge_session(verdict, session, evidence.told, places)
    _judge_resumes(verdict, evidence.sessions)
    revs = {event.rev for event in evidence.told}
    for call in evidence.calls:
        if _has_event(call):
            verdict.check(call.rev in revs, lambda c=call: f"no event tells of it: {c}")
    return verdict


def _has_event(call: Call) -> bool:
    if not call.writes or call.outcome is not Outcome.OK or call.status == 204 or call.replayed:
        return False
    return call.method == "DELETE" or (call.op in ("create", "ticket", "claim", "claim-next"))


def start_of(session: Session) -> Place:
    """After which event it began."""
    if session.start is None:
        return session.rev or 0, ALL
    rev, dash, index = session.start.partition("-")
    return int(rev), int(index) if dash else ALL


def _judge_session(verdict: Verdict, session: Session, told: list[Told], places: list[Place]) -> None:
    start = start_of(session)
    first = bisect_right(places, start)
    at = first
    received: Place = start
    for rev, index, digest in session.frames:
        if index == SNAPSHOT_END:
            verdict.check(
                rev == start[0],
                lambda r=rev: f"the snapshot is of {r}, the stream after {start[0]}: {session}",
            )
            continue
        place = (rev, ALL) if index == BOOKMARK else (rev, index)
        if not verdict.check(
            place > received or (index == BOOKMARK and place == received),
            lambda p=place, r=received: f"{p[0]}-{p[1]} comes after {r[0]}-{r[1]}: {session}",
        ):
            continue
        received = place
        # All of the history up to this frame that it asked for has to have come before it.
        while at < len(places) and places[at] < place:
            missed = told[at]
            if index == BOOKMARK or places[at] != place:
                verdict.check(
                    not wanted(session, missed),
                    lambda m=missed, p=place: f"{m} is missing before {p}: {session}",
                )
            at += 1
        if index == BOOKMARK:
            while at < len(places) and places[at] <= place:
                verdict.check(not wanted(session, told[at]), lambda m=told[at]: f"{m} is missing: {session}")
                at += 1
            continue
        found = at < len(places) and places[at] == place
        if verdict.check(found, lambda p=place: f"{p[0]}-{p[1]} is no event of the history: {session}"):
            event = told[at]
            at += 1
            verdict.check(event.digest == digest, lambda e=event: f"{e} has other bytes here: {session}")
            verdict.check(wanted(session, event), lambda e=event: f"{e} was not asked for: {session}")


def _judge_resumes(verdict: Verdict, sessions: list[Session]) -> None:
    """What one has received on one connection does not come again on the next."""
    reached: dict[str, Place] = {}
    for session in sessions:
        if session.status != 200:
            continue
        events = [(rev, index) for rev, index, _ in session.frames if index >= 0]
        before = reached.get(session.subscriber, (0, 0))
        if events and session.start is not None:
            verdict.check(
                events[0] > before,
                lambda e=events[0], b=before, s=session: f"{e} comes again after {b}: {s}",
            )
        marks = [(rev, ALL) for rev, index, _ in session.frames if index < 0]
        reached[session.subscriber] = max([before, *events, *marks])
