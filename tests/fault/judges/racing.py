"""Creates, removals and claims whose outcome may be unknown have an order that explains all answers.

The search of Wing and Gong, with Lowe's memory of where it has been: it knows nothing of revs, so that what
it finds is found without believing the service's own numbers.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import NEVER, Call, Evidence, Key, Outcome

STEPS = 200_000
"""States looked at before one history is given up as undecided."""


@dataclass(frozen=True)
class Step:
    """One call on one object, between two times. `apply(state)` gives the states it can lead to: none where
    its answer cannot come from that state. One that is `open` was not answered: it may come at any time
    after its start, or never."""

    start: int
    end: int
    apply: Callable[[Hashable], list[Hashable]]
    open: bool
    call: Call | None = None


def linearizable(steps: list[Step], initial: Hashable, limit: int = STEPS) -> bool | None:
    """Whether there is such an order; None where it was not found out.

    Two kinds of orders need no look, as another one does where they do: one in which a call without an answer
    changes nothing (it may as well come later, or never), and one in which a call that fits here and changes
    nothing comes later than here."""
    steps = sorted(steps, key=lambda step: step.start)
    answered = sum(1 << n for n, step in enumerate(steps) if not step.open)
    seen: set[tuple[int, Hashable]] = set()
    stack: list[tuple[int, Hashable]] = [(0, initial)]
    while stack:
        done, state = stack.pop()
        if (done, state) in seen:
            continue
        seen.add((done, state))
        if len(seen) > limit:
            return None
        if done & answered == answered:
            return True
        # What has ended first, of those that are left, binds: nothing that began after its end comes before.
        until = min(step.end for n, step in enumerate(steps) if not done >> n & 1)
        nexts: list[tuple[int, Hashable]] = []
        for n, step in enumerate(steps):
            if step.start > until:
                break
            if done >> n & 1:
                continue
            states = step.apply(state)
            if not step.open and states == [state]:
                nexts = [(done | 1 << n, state)]
                break
            nexts += [(done | 1 << n, after) for after in states if not step.open or after != state]
        stack += nexts
    return False


def judge(evidence: Evidence, world: World) -> Verdict:
    """Each service that several clients made and took away, and each ticket that several wanted."""
    verdict = Verdict()
    calls: dict[Key, list[Call]] = {}
    arena = {e.key for e in evidence.told if e.type == "instance-register" and e.said["app"] == "arena"}
    for call in evidence.calls:
        about = call.about
        if about is None or (call.outcome is Outcome.REFUSED and (call.status == 0 or call.status >= 429)):
            continue
        if (about[0] == "service" and about[1].startswith("race")) or about in arena:
            calls.setdefault(about, []).append(call)
    for key, mine in calls.items():
        model = _service if key[0] == "service" else _ticket
        initial: Hashable = False if key[0] == "service" else ("pending", None)
        steps = [step for call in _one_a_deed(mine) if (step := model(call)) is not None]
        found = linearizable(steps, initial)
        if found is None:
            verdict.undecided += 1
            verdict.shown.append(f"{key}: {len(steps)} calls, undecided")
        else:
            verdict.check(found, lambda k=key, m=mine: f"{k}: no order explains {[str(c) for c in m]}")
    return verdict


def _one_a_deed(calls: list[Call]) -> list[Call]:
    """All tries with one Idempotency-Key do a thing once: where one of them was answered, they are one call,
    from the start of the first to the end of that one."""
    found: list[Call] = []
    tries: dict[str, list[Call]] = {}
    for call in calls:
        if call.key is None:
            found.append(call)
        else:
            tries.setdefault(call.key, []).append(call)
    for mine in tries.values():
        done = next((call for call in mine if call.outcome is Outcome.OK), None)
        found += mine if done is None else [replace(done, start=min(call.start for call in mine))]
    return found


def _step(
    call: Call, known: Callable[[Hashable], list[Hashable]], may: Callable[[Hashable], list[Hashable]]
) -> Step:
    unknown = call.outcome is Outcome.UNKNOWN
    return Step(call.start, NEVER if unknown else call.end, may if unknown else known, unknown, call)


def _service(call: Call) -> Step | None:
    """A name is there or not."""
    if call.op == "create":
        made = call.status == 201
        return _step(call, lambda there: [True] if there != made else [], lambda there: [True])
    if call.op == "delete":
        gone = call.status == 200
        return _step(call, lambda there: [False] if there == gone else [], lambda there: [False])
    if call.status in (200, 404):
        found = call.status == 200
        return _step(call, lambda there: [there] if there == found else [], lambda there: [there])
    return None


def _ticket(call: Call) -> Step | None:
    """Who holds a ticket: ("pending", None), ("claimed", host), ("exited", None) or ("done", None)."""
    host = call.body.get("host") if isinstance(call.body, dict) else None
    if not call.writes:
        return _read_ticket(call)
    moves: dict[str, tuple[Hashable, Hashable]] = {
        "claim": (("pending", None), ("claimed", host)),
        "unclaim": (("claimed", host), ("pending", None)),
        "exit": (("claimed", host), ("exited", None)),
    }
    if call.op == "delete":
        return _step(
            call,
            lambda s: [("done", None)] if (s[0] != "done") == (call.status == 200) else [],  # type: ignore[index]
            lambda s: [("done", None)],
        )
    if call.op not in moves:
        return None
    before, after = moves[call.op]
    return _step(
        call,
        lambda s: ([after] if s == before else []) if call.status == 200 else ([s] if s != before else []),
        lambda s: [after] if s == before else [s],
    )


def _read_ticket(call: Call) -> Step | None:
    if call.op != "one" or call.status not in (200, 404) or not call.is_default_read:
        return None
    if call.status == 404:
        return _step(call, lambda s: [s] if s == ("done", None) else [], lambda s: [s])
    said = call.said
    shown = (said["status"], said["host"] if said["status"] == "claimed" else None)
    return _step(call, lambda s: [s] if s == shown else [], lambda s: [s])
