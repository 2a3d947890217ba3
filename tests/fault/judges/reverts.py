"""A document, a revert and an undo are whole: one commit, after which all is as it was to be."""

from collections.abc import Mapping
from typing import Any

from tests.fault.judges.scale import COUNTED
from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.judges.world_paths import content
from tests.fault.traffic.record import Call, Evidence, Key, Outcome, Told

State = Mapping[str, Mapping[Key, Told]]


def judge(evidence: Evidence, world: World) -> Verdict:
    """Each that has happened, answered or not, at its rev; and each that found nothing to do."""
    verdict = Verdict()
    moments: list[Call] = []
    for call in evidence.calls:
        if call.op not in _JUDGES or not call.writes:
            continue
        revs = set(world.deeds.get(call.deed, ()))
        if call.outcome is Outcome.OK and not call.replayed and call.rev is not None:
            revs.add(call.rev)
        moments += (
            Call(call.client, call.replica, call.op, call.method, call.path, call, rev=rev) for rev in revs
        )
    for moment, state in world.in_order(moments):
        assert moment.rev is not None
        _JUDGES[moment.op](verdict, world, moment.body, moment.rev, state)
    return verdict


def _same(verdict: Verdict, call: Call, rev: int, what: str, there: Any, wanted: Any) -> None:
    verdict.check(there == wanted, lambda: f"{what} at {rev} is {there}, not {wanted}: {call}")


def _judge_revert(verdict: Verdict, world: World, call: Call, rev: int, state: State) -> None:
    """All that is declared of the app is as it was at the rev, or the parts that were named; with `scale` as
    many run as were to run then."""
    name, then = call.body["path"].rpartition("/")[2], call.body["to_rev"]
    app: Key = ("app", name)
    if call.body.get("only") == ["env"]:
        was, before, now = (content(world.get(app, at)) or {} for at in (then, rev - 1, rev))
        _same(verdict, call, rev, "the app", now, {**before, "env": was.get("env")})
        return
    for key in world.below(name):
        if key[0] != "scale" or call.body["scale"]:
            was_there = content(world.get(key, then))
            _same(verdict, call, rev, f"{key}", content(world.get(key, rev)), was_there)
    for key, event in state.get("scale", {}).items():
        if call.body["scale"] and key[1] == name:
            _same(verdict, call, rev, f"the count of {key}", _count(state, key), event.said["target"])


def _count(state: State, scale: Key) -> int:
    names = tuple(name or None for name in scale[1:])
    return sum(
        event.said["status"] in COUNTED
        and tuple(event.said[name] for name in ("app", "proctype", "revision", "env")) == names
        for event in state.get("instance", {}).values()
    )


def _judge_undo(verdict: Verdict, world: World, call: Call, rev: int, state: State) -> None:
    """What the commit had changed is as it was before it; all else is as it was before the undoing."""
    undone = int(call.path.split("/")[2])
    for key in {event.key for event in world.at(undone)}:
        before, after = (_flat(content(world.get(key, at))) for at in (undone - 1, undone))
        was, now = (_flat(content(world.get(key, at))) for at in (rev - 1, rev))
        if not before or not after:
            _same(verdict, call, rev, f"{key}", now, before)
            continue
        changed = {field for field in before.keys() | after.keys() if before.get(field) != after.get(field)}
        wanted = {field: value for field, value in was.items() if field not in changed}
        wanted |= {field: before[field] for field in changed & before.keys()}
        _same(verdict, call, rev, f"{key}", now, wanted)


def _flat(said: dict[str, Any] | None) -> dict[tuple[str, ...], Any]:
    """Each field by its place."""
    found: dict[tuple[str, ...], Any] = {}
    for name, value in (said or {}).items():
        if isinstance(value, dict):
            found[name,] = {}
            found |= {(name, *inside): one for inside, one in _flat(value).items()}
        else:
            found[name,] = value
    return found


def _judge_document(verdict: Verdict, world: World, call: Call, rev: int, state: State) -> None:
    """All that the document names is there as it says, and nothing else of what is to be exact."""
    for app in call.body.get("apps", ()):
        _judge_app(verdict, world, call, rev, state, app)
    for service in call.body.get("services", ()):
        addresses = {
            (event.said["addr"], event.said["port"])
            for key, event in state.get("endpoint", {}).items()
            if key[1] == service["name"]
        }
        wanted = {(endpoint["addr"], endpoint["port"]) for endpoint in service["endpoints"]}
        _same(verdict, call, rev, f"the endpoints of {service['name']}", addresses, wanted)


def _judge_app(
    verdict: Verdict, world: World, call: Call, rev: int, state: State, app: dict[str, Any]
) -> None:
    name = app["name"]
    there = content(world.get(("app", name), rev))
    if app.get("absent"):
        left = [key for key in world.below(name) if world.get(key, rev) is not None]
        _same(verdict, call, rev, name, left, [])
        return
    verdict.check(there is not None, lambda: f"{name} is not there at {rev}: {call}")
    for field in ("repo_url", "stack", "head"):
        if there is not None and field in app:
            _same(verdict, call, rev, f"the {field} of {name}", there[field], app[field])
    if there is not None and "env" in app:
        _same(verdict, call, rev, f"the env of {name}", there["env"], app["env"])
    if "env_sets" in app:
        sets = {
            key[2]: event.said["vars"] for key, event in state.get("envset", {}).items() if key[1] == name
        }
        _same(
            verdict,
            call,
            rev,
            f"the env sets of {name}",
            sets,
            {s["ref"]: s["vars"] for s in app["env_sets"]},
        )
    for revision in app.get("revisions", ()):
        found = content(world.get(("revision", name, revision["ref"]), rev)) or {}
        _same(verdict, call, rev, f"{name}'s {revision['ref']}", found.get("state"), "accepted")
    for proctype in app.get("proctypes", ()):
        for scale in proctype.get("scale", ()):
            key = ("scale", name, proctype["name"], scale["revision"], scale.get("env") or "")
            target = (content(world.get(key, rev)) or {"target": 0})["target"]
            counts = (target, _count(state, key))
            _same(verdict, call, rev, f"the target and count of {key}", counts, (scale["count"],) * 2)


_JUDGES = {"revert": _judge_revert, "undo": _judge_undo, "apply": _judge_document}
