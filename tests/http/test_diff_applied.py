"""A diff says all that is needed: applied as a document it makes the one state of the other, and the diff the
other way round takes it back."""

import os
import random
from collections.abc import Iterable
from typing import Any

from tests.http.test_diff import _all, _declared, _history, _plain
from tests.serving import Service

PAIRS = int(os.environ.get("VISOR_TEST_DIFFS", "6"))
"""Pairs of revs that are tried on each store."""

Items = Iterable[dict[str, Any]]

LISTS = {"envset": ("env_sets", "ref"), "revision": ("revisions", "ref"), "proctype": ("proctypes", "name")}
"""Where a document has what is below an app, and what names it there."""


def removals(items: Items) -> dict[str, Any]:
    """What is to be gone: what the other state has not, and what never changes and is another there."""
    document: dict[str, Any] = {"apps": []}
    gone = [one for one in items if one["before"] and (one["after"] is None or _is_made_anew(one))]
    apps = {one["before"]["name"] for one in gone if one["kind"] == "app"}
    document["apps"] += [{"name": name, "absent": True} for name in sorted(apps)]
    below: dict[str, dict[str, Any]] = {}
    for one in gone:
        if one["kind"] in LISTS and one["before"]["app"] not in apps:
            entries, name = LISTS[one["kind"]]
            app = below.setdefault(one["before"]["app"], {"name": one["before"]["app"]})
            app.setdefault(entries, []).append({name: one["before"][name], "absent": True})
    document["apps"] += below.values()
    return document


def creations(items: Items) -> dict[str, Any]:
    """What is to be there, as it is in the other state."""
    apps: dict[str, dict[str, Any]] = {}
    for one in items:
        after = one["after"]
        if after is None:
            continue
        name = after["name"] if one["kind"] == "app" else after["app"]
        app = apps.setdefault(name, {"name": name})
        if one["kind"] == "app":
            app |= {part: after[part] for part in ("repo_url", "stack", "deploy_type", "head", "env")}
            app["exact"] = ["env"]
        elif one["kind"] == "envset":
            app.setdefault("env_sets", []).append({"ref": after["ref"], "vars": after["vars"]})
        elif one["kind"] == "revision":
            made = {"ref": after["ref"], "archive_url": after["archive_url"]}
            app.setdefault("revisions", []).append(made)
        else:
            made = {"name": after["name"], "limits": after["limits"]}
            app.setdefault("proctypes", []).append(made)
    return {"apps": list(apps.values())}


def _is_made_anew(item: dict[str, Any]) -> bool:
    return item["kind"] in LISTS and item["action"] in ("replace", "update")


def _without_ports(state: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Ports are given out in their order: a proctype that comes back has another."""
    return {
        path: {name: value for name, value in _plain(one).items() if name != "port"}
        for path, one in state.items()
    }


def _apply(visor: Service, items: list[dict[str, Any]]) -> None:
    for document in (removals(items), creations(items)):
        answer = visor.post("/apply", document)
        assert answer.status_code == 200, (answer.text, document)


def test_a_diff_that_is_applied_makes_the_one_state_of_the_other_and_back(visor):
    """Over random histories: revert to one, apply the difference to another, and then the difference back."""
    dice = random.Random(23)
    revs = _history(visor, dice, 60)
    done = 0
    for _ in range(PAIRS):
        a, b = dice.sample(revs, 2)
        there, back = (_all(visor, from_=low, to=high, path="/") for low, high in ((a, b), (b, a)))
        assert {one["path"]: (one["before"], one["after"]) for one in there} == {
            one["path"]: (one["after"], one["before"]) for one in back
        }
        reverted = visor.post("/revert", {"path": "/", "to_rev": a, "delete": True, "ports": "new"})
        assert reverted.status_code == 200, reverted.text
        start = _without_ports(_declared(visor, a))
        assert _without_ports(_declared(visor, visor.rev)) == start
        _apply(visor, there)
        assert _without_ports(_declared(visor, visor.rev)) == _without_ports(_declared(visor, b))
        _apply(visor, back)
        assert _without_ports(_declared(visor, visor.rev)) == start
        done += bool(there)
    assert done > PAIRS // 2
