"""Snapshots do not change: a read shows the registry as the history says it was at its rev, whenever and
wherever it is read."""

import json
from hashlib import sha256
from typing import Any

from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import Call, Evidence, Key, Outcome, Told

_MAY_GROW = ("rev", "commits")
"""Of a moment in the past these say as well what has come since, or what is kept."""


def judge(evidence: Evidence, world: World) -> Verdict:
    """Every read that was answered, against the replay; and the same read at the same rev against itself."""
    verdict = Verdict()
    reads = [call for call in evidence.calls if not call.writes and call.status in (200, 404)]
    first: dict[str, Call] = {}
    for call in reads:
        if call.names_rev and call.outcome is Outcome.OK and call.op not in _MAY_GROW:
            before = first.setdefault(call.path, call)
            verdict.check(
                before.answer == call.answer, lambda b=before, c=call: f"it has changed since {b}: {c}"
            )
    for call, state in world.in_order(reads):
        assert call.about is not None
        found = _expected(call, state)
        if found is not None:
            verdict.check(
                _same(call, found),
                lambda c=call, f=found: f"the history says {f[:600]!r}, it showed {c.answer[:600]!r}: {c}",
            )
    return verdict


def _same(call: Call, expected: bytes) -> bool:
    if call.status == 404:
        return expected == b"nothing"
    if call.op == "list":
        # Where the list goes on is the service's own affair.
        return call.answer.rpartition(b',"next":')[0] == expected
    if call.op == "export":
        return _is_export(call, expected)
    if call.op == "scale" and expected != b"nothing":
        return bool(_ended_targets(call.said) == json.loads(expected))
    if call.op in ("vars", "scale"):
        return bool(call.said == json.loads(expected)) if expected != b"nothing" else False
    return call.answer == expected


def _expected(call: Call, state: dict[str, dict[Key, Told]]) -> bytes | None:
    """The body that the state makes; None where it is not for us to say."""
    about = call.about
    assert about is not None
    if call.op == "list":
        return _list(call, state)
    if call.op == "export":
        return b"\n".join(_declared(about[1], state))
    there = state.get(about[0], {}).get(about)
    if call.op == "one":
        return b"nothing" if there is None else there.object
    if call.op == "vars":
        said = None if there is None else {"rev": there.rev, "vars": there.said["env"]}
    elif call.op == "scale":
        said = None if there is None else _scale(call, state, about)
    else:
        return None
    return b"nothing" if said is None else json.dumps(said).encode()


def _declared(app: str, state: dict[str, dict[Key, Told]]) -> list[bytes]:
    """The objects of an app, sorted."""
    return sorted(
        event.object
        for kind in ("app", "revision", "envset", "proctype")
        for key, event in state.get(kind, {}).items()
        if key[1] == app
    )


def _is_export(call: Call, expected: bytes) -> bool:
    """Whether all lines are there, and are those of the objects."""
    first, *lines, last = call.answer.splitlines()
    end, whole = json.loads(last), call.answer[: -len(last) - 1]
    return bool(
        json.loads(first)["rev"] == call.rev
        and b"\n".join(sorted(line.partition(b',"object":')[2][:-1] for line in lines)) == expected
        and (end["end"], end["objects"], end["sha256"]) == (True, len(lines), sha256(whole).hexdigest())
    )


def _list(call: Call, state: dict[str, dict[Key, Told]]) -> bytes:
    about = call.about
    assert about is not None
    _, kind, *wanted = about
    found = list(state.get(kind, {}).values())
    if kind == "instance":
        if wanted == ["arena"]:
            found = [e for e in found if e.said["app"] == "arena"]
        elif wanted:
            status, *app = wanted
            found = [
                e for e in found if e.said["status"] == status and e.said["app"] in (app or [e.said["app"]])
            ]
        found.sort(key=lambda event: int(event.key[1]))
    else:
        if kind == "member":
            found = [event for event in found if event.said["kind"] == wanted[0]]
        found.sort(key=lambda event: event.key)
    limit = int(call.path.partition("limit=")[2].partition("&")[0])
    return b'{"rev":%d,"items":[%b]' % (call.rev, b",".join(event.object for event in found[:limit]))


def _scale(call: Call, state: dict[str, dict[Key, Told]], about: Key) -> dict[str, Any]:
    """Of one revision, as `GET scale?revision=` counts it."""
    revision = call.path.partition("revision=")[2].partition("&")[0]
    names = ("pending", "claimed", "running", "stopping", "exited", "failed", "lost")
    tally: dict[str | None, dict[str, int]] = {}
    for event in state.get("instance", {}).values():
        said = event.said
        if (said["app"], said["proctype"], said["revision"]) == (about[1], about[2], revision):
            tally.setdefault(said["env"], dict.fromkeys(names, 0))[said["status"]] += 1
    targets = {
        event.said["env"]: event
        for event in state.get("scale", {}).values()
        if event.key[:4] == ("scale", about[1], about[2], revision)
    }
    for env in targets:
        tally.setdefault(env, dict.fromkeys(names, 0))
    items = [
        {
            "revision": revision,
            "env": env,
            "count": statuses["pending"] + statuses["claimed"] + statuses["running"],
            "target": targets[env].said["target"] if env in targets else None,
            "rev": targets[env].rev if env in targets else None,
            "statuses": statuses,
        }
        for env, statuses in sorted(tally.items(), key=lambda item: item[0] or "")
    ]
    if not items:
        none = {"revision": revision, "env": None, "count": 0, "target": None, "rev": None}
        items = [{**none, "statuses": dict.fromkeys(names, 0)}]
    return {"rev": call.rev, "items": items, "next": None}


def _ended_targets(said: dict[str, Any]) -> dict[str, Any]:
    """A target of 0 has ended for those who follow events; it is shown for as long as a scale that takes
    several commits has something left to stop."""
    ended = {"target": None, "rev": None}
    return {**said, "items": [item if item["target"] else {**item, **ended} for item in said["items"]]}
