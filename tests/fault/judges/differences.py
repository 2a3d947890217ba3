"""What /diff, /commits and /commits/{rev} tell is what the events told."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.judges.world_paths import content, path_of
from tests.fault.traffic.record import Call, Evidence, Key, Told

UNREADABLE = {"unreadable": True}
SHOWN = 20
"""Changes that a list shows of a commit."""

_DECLARED = ("app", "revision", "envset", "proctype")


def judge(evidence: Evidence, world: World) -> Verdict:
    """Each answer against the replay at the two revs, or commit by commit."""
    verdict = Verdict()
    for call in evidence.calls:
        if call.op in _JUDGES and call.status == 200:
            _JUDGES[call.op](verdict, world, call)
    return verdict


def _asked(call: Call) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(call.path).query))


def _judge_diff(verdict: Verdict, world: World, call: Call) -> None:
    asked, said = _asked(call), call.said
    start, end = int(asked["from"]), int(asked["to"])
    keys = _compared(world, call)
    wanted = {}
    for key in keys:
        before, after = world.get(key, start), world.get(key, end)
        if content(before) != content(after):
            wanted[path_of(before or after or world.chains[key][-1])] = (key, before, after)
    shown = [item for item in said["items"] if UNREADABLE not in (item["before"], item["after"])]
    for item in shown:
        # Targets and the schema are of no use here: a target of 0 is kept for a while, and no event says so.
        if item["kind"] in ("scale", "schema"):
            continue
        found = wanted.pop(item["path"], None)
        if verdict.check(
            found is not None, lambda i=item: f"{i['path']} has not changed, or not again: {i}: {call}"
        ):
            assert found is not None
            _judge_item(verdict, world, call, item, *found)
    if said["next"] is None:
        left = {path: one for path, one in wanted.items() if one[0][0] != "scale"}
        verdict.check(not left, lambda: f"it does not tell of {list(left.values())[:3]}: {call}")


def _compared(world: World, call: Call) -> Iterable[Key]:
    assert call.about is not None
    if call.about[0] == "below":
        return [key for key in world.below(call.about[1]) if key[0] in _DECLARED]
    return [key for key in world.chains if key[0] != "unknown"]


def _judge_item(
    verdict: Verdict,
    world: World,
    call: Call,
    item: dict[str, Any],
    key: Key,
    before: Told | None,
    after: Told | None,
) -> None:
    low, high = sorted(int(_asked(call)[end]) for end in ("from", "to"))
    told = {
        "action": _action(before, after),
        "rev_before": before and before.rev,
        "rev_after": after and after.rev,
        "before": before and before.said,
        "after": after and after.said,
    }
    shown = {name: item[name] for name in told}
    verdict.check(shown == told, lambda: f"it tells {shown}, the events {told}: {call}")
    changes = [event for event in world.chains[key] if low < event.rev <= high]
    by = item["by"] or {}
    # Of one that is gone an earlier end may be named, where there were several.
    named = [event for event in changes[-1:] if not event.gone] or changes
    verdict.check(
        (by.get("rev"), by.get("actor")) in {(event.rev, event.actor) for event in named},
        lambda: f"it names {by}, the events {[str(event) for event in named]}: {call}",
    )


def _action(before: Told | None, after: Told | None) -> str:
    if before is None or after is None:
        return "create" if before is None else "delete"
    return "update" if before.said["created_rev"] == after.said["created_rev"] else "replace"


def _judge_commits(verdict: Verdict, world: World, call: Call) -> None:
    asked, said = _asked(call), call.said
    wanted = {
        rev: events
        for rev, events in world.between(int(asked["from"]), int(asked["to"]))
        # Upkeep is not shown, and what another hand writes is no commit.
        if events[0].actor != "visor" and all(event.type != "unknown" for event in events)
    }
    last = said["items"][-1]["rev"] if said["next"] is not None and said["items"] else int(asked["to"])
    for item in said["items"]:
        events = wanted.pop(item["rev"], None)
        if verdict.check(events is not None, lambda i=item: f"no event tells of {i}: {call}"):
            assert events is not None
            _judge_commit_item(verdict, call, item, events)
    left = [str(events[0]) for rev, events in wanted.items() if rev <= last]
    verdict.check(not left, lambda: f"it leaves out {left[:3]}: {call}")


def _judge_commit_item(verdict: Verdict, call: Call, item: dict[str, Any], events: list[Told]) -> None:
    paths = sorted(map(path_of, events))
    shown = sorted(change["path"] for change in item["changes"])
    whole = item["total"] <= SHOWN
    verdict.check(
        (item["actor"], item["total"]) == (events[0].actor, len(paths))
        and (shown == paths if whole else set(shown) <= set(paths)),
        lambda: f"it tells {item}, the events {[str(event) for event in events]}: {call}",
    )


def _judge_commit(verdict: Verdict, world: World, call: Call) -> None:
    said = call.said
    told = {path_of(event): event for event in world.at(said["rev"])}
    for change in said["changes"]:
        event = told.pop(change["path"], None)
        if verdict.check(event is not None, lambda c=change: f"no event tells of {c}: {call}"):
            assert event is not None
            sides = [world.get(event.key, rev) for rev in (said["rev"] - 1, said["rev"])]
            wanted = [side and side.said for side in sides]
            shown = [change["before"], change["after"]]
            if event.key[0] != "scale":
                verdict.check(shown == wanted, lambda s=shown, w=wanted: f"it shows {s}, not {w}: {call}")
    if said["next"] is None:
        verdict.check(not told, lambda: f"it leaves out {list(told)[:3]}: {call}")


_JUDGES = {"diff": _judge_diff, "commits": _judge_commits, "commit": _judge_commit}
