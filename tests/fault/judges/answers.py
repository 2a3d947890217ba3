"""An answer is true: what a write shows is what it made, and what it was refused for was so."""

from collections.abc import Callable
from typing import Any

from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import Call, Evidence, Outcome, Told

_CLAIMED = ("claimed", "running", "stopping")
_ALLOWED = {
    "claim": ("pending",),
    "unclaim": ("claimed",),
    "start": ("claimed",),
    "stop": ("claimed", "running"),
    "exit": ("claimed", "running", "stopping", "failed", "lost"),
    "fail": _CLAIMED,
    "lost": ("pending", *_CLAIMED, "failed", "lost"),
    "restart": ("running",),
}
"""In which states a call is taken."""


def judge(evidence: Evidence, world: World) -> Verdict:
    """Each answered write against the state at the rev that it names."""
    verdict = Verdict()
    for call in evidence.calls:
        if call.status == 500 or (call.status >= 500 and call.status not in (503, 507)):
            verdict.violate(f"a fault: {call}: {call.answer[:300]!r}")
        elif call.status in (400, 405, 413, 415, 422):
            verdict.violate(f"the suite asks for what is never taken: {call}: {call.answer[:300]!r}")
        elif call.writes and call.outcome is Outcome.OK:
            _made(verdict, world, call)
        elif call.writes and call.outcome is Outcome.REFUSED and call.rev is not None:
            _refused(verdict, world, call)
    return verdict


def _made(verdict: Verdict, world: World, call: Call) -> None:
    assert call.rev is not None
    if call.status == 204 or call.op in ("scale", "apply", "revert", "undo"):
        return  # judged by `fencing`, `scale` and `reverts`
    if call.method == "DELETE":
        verdict.check(call.said == {"rev": call.rev}, lambda: f"not the rev: {call}: {call.answer!r}")
        return
    about = call.about or ("instance", str(call.said.get("id")))
    event = world.get(about, call.rev)
    if not verdict.check(event is not None, lambda: f"it shows what is not there: {call}"):
        return
    assert event is not None
    if call.op in ("env", "count"):
        _made_variables(verdict, call, event)
        return
    verdict.check(
        call.answer == event.object, lambda: f"it shows {call.answer!r}, there is {event.object!r}: {call}"
    )


def _made_variables(verdict: Verdict, call: Call, event: Told) -> None:
    env = event.said["env"]
    if call.method == "PATCH":
        wanted: Any = {"rev": event.rev, "vars": env}
        kept = all(env.get(name) == value for name, value in call.body.items())
    else:
        name = call.path.rpartition("/")[2]
        wanted = {"rev": event.rev, "key": name, "value": env.get(name)}
        kept = env.get(name) == call.body["value"]
    verdict.check(call.said == wanted, lambda: f"it shows {call.said}, there is {wanted}: {call}")
    verdict.check(kept, lambda: f"it was answered and is not so: {env}: {call}")


def _refused(verdict: Verdict, world: World, call: Call) -> None:
    assert call.rev is not None
    reason = _REASONS.get(call.code)
    if reason is None or call.about is None:
        return
    event = world.get(call.about, call.rev)
    verdict.check(
        reason(call, event), lambda: f"{call.code} though there was {_text(event)}: {call}: {call.answer!r}"
    )


def _text(event: Told | None) -> str:
    return "nothing" if event is None else event.object.decode()


def _is_missing(call: Call, event: Told | None) -> bool:
    if event is None:
        return True
    if call.op == "unlock":
        return event.said["lock"] is None
    # Of what is below it: a variable, or an instance that the history has and that is done.
    return call.op == "env-remove" and call.path.rpartition("/")[2] not in event.said["env"]


def _is_in_no_state(call: Call, event: Told | None) -> bool:
    if call.op == "ratify":
        return event is not None and event.said["state"] == "accepted"
    # One that is done is gone from the history of what lives.
    if event is None or event.said["status"] not in _ALLOWED.get(call.op, ()):
        return True
    # Said again with other values while it runs; or spoken for where no host holds it.
    return event.said["host"] is None


def _is_not_claimer(call: Call, event: Told | None) -> bool:
    if event is None:
        return False
    return (event.said["host"], event.said["claim_rev"]) != (
        call.body["host"],
        call.body.get("claim_rev", event.said["claim_rev"]),
    )


_REASONS: dict[str, Callable[[Call, Told | None], bool]] = {
    "already-exists": lambda call, event: event is not None,
    "not-found": _is_missing,
    "already-claimed": lambda call, event: event is not None and event.said["status"] in _CLAIMED,
    "invalid-state": _is_in_no_state,
    "not-claimer": _is_not_claimer,
    "locked": lambda call, event: event is not None and event.said["lock"] is not None,
    "rev-mismatch": lambda call, event: event is None or event.rev != call.if_match,
}
