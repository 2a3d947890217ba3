"""Writes and default reads behave as one copy: the order of revs is one that real time allows."""

from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import NEVER, Call, Evidence, Outcome

Seen = tuple[int, int, object]
"""When somebody had learnt that a rev is there, the rev, and how."""


def judge(evidence: Evidence, world: World) -> Verdict:
    """Whatever has shown a rev to anybody binds what begins afterwards: a read or a refusal has to be judged
    by that rev or a later one, and a commit gets a later one."""
    verdict = Verdict()
    begun = sorted(_begun(evidence, world), key=lambda item: item[0])
    seen = sorted(_seen(evidence, world), key=lambda item: item[0])
    highest, how, at = 0, None, 0
    for start, rev, strictly, call in begun:
        while at < len(seen) and seen[at][0] < start:
            if seen[at][1] > highest:
                highest, how = seen[at][1], seen[at][2]
            at += 1
        verdict.check(
            rev > highest if strictly else rev >= highest,
            lambda r=rev, c=call, h=highest, by=how: (
                f"rev {r}, though {h} was known before it began: {c}; by {by}"
            ),
        )
    return verdict


def _begun(evidence: Evidence, world: World) -> list[tuple[int, int, bool, Call]]:
    """When a call began, the rev it took effect at, and whether that was a commit of its own."""
    found: list[tuple[int, int, bool, Call]] = []
    first: dict[str, Call] = {}
    for call in evidence.calls:
        if call.writes:
            first.setdefault(call.deed, call)
        if call.outcome is Outcome.UNKNOWN or call.rev is None or call.status >= 500:
            continue
        if call.is_default_read or (call.writes and not call.replayed and call.rev not in _of(world, call)):
            found.append((call.start, call.rev, False, call))
    for deed, call in first.items():
        found += [(call.start, rev, True, call) for rev in world.deeds.get(deed, ())]
    return found


def _of(world: World, call: Call) -> list[int]:
    return world.deeds.get(call.deed, [])


def _seen(evidence: Evidence, world: World) -> list[Seen]:
    found: list[Seen] = [
        (call.end, world.written_by(call.rev), call)
        for call in evidence.calls
        if call.rev is not None and call.end != NEVER
    ]
    found += [(event.seen, world.written_by(event.rev), f"event {event}") for event in evidence.told]
    return found
