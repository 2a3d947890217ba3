"""Many changes as one: rev 49 on, after the ending."""

import json
from hashlib import sha256
from typing import Any

from app.openapi.story.telling import Step, at, resource

_ABOUT: dict[str, Any] = {
    "name": "rocket",
    "repo_url": "https://git.example.com/rocket.git",
    "stack": "lenny",
}


def _at(rev: int, cow: str) -> dict[str, Any]:
    return resource(rev, 49, **_ABOUT, deploy_type="lxc", head=None, env={"cow": cow}, secrets={})


def _cow(before: str, after: str) -> dict[str, Any]:
    return {"path": "/env/cow", "before": before, "after": after}


def _change(action: str, before: Any, after: Any, *fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "path": "/apps/rocket",
        "kind": "app",
        "action": action,
        "rev_before": None if before is None else before["rev"],
        "rev_after": after["rev"],
        "guard": None if before is None else before["rev"],
        "before": before,
        "after": after,
        "fields": list(fields),
    }


def _planned(rev: int, plan: str, change: dict[str, Any], *undoes: int) -> dict[str, Any]:
    counts = {"create": 0, "update": 0, "delete": 0, "start": 0, "stop": 0, "keys": 1}
    return {
        "rev": rev,
        "plan": plan,
        "changes": [change],
        "counts": {**counts, change["action"]: 1},
        "started": [],
        "stopped": [],
        "undoes": list(undoes),
        "warnings": [],
    }


def _exported(rev: int, **objects: Any) -> str:
    """The lines of an export."""
    lines: list[Any] = [{"visor": 1, "rev": rev, "at": at(rev), "schema": 3}]
    lines += [{"path": path, "object": content} for path, content in objects.items()]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    end = {"end": True, "objects": len(objects), "sha256": sha256(text.encode()).hexdigest()}
    return text + json.dumps(end, separators=(",", ":")) + "\n"


EXPORT = _exported(31, **{"/services/search": resource(31, 31, name="search")})
"""Of one service."""

PLANS = (
    Step(
        "POST /apply",
        {"apps": [{**_ABOUT, "env": {"cow": "moo"}}]},
        _planned(
            49,
            "742111b591b109e38a4af488350e7e45f67bc74df2440a7ea40d3b01168fff3a",
            _change("create", None, _at(49, "moo")),
        ),
        operation="apply_document",
    ),
    Step("PUT /apps/rocket/env/cow", {"value": "MOO"}, {"rev": 50, "key": "cow", "value": "MOO"}),
    Step(
        "POST /revert",
        {"path": "/apps/rocket", "to_rev": 49},
        _planned(
            51,
            "cc28bb168934ffc2ddfcb9b4a02dbd00f848b94db19c9a72b80d56f25888f26e",
            _change("update", _at(50, "MOO"), _at(51, "moo"), _cow("MOO", "moo")),
            50,
        ),
        operation="revert_subtree",
    ),
    Step(
        "POST /commits/51/undo",
        {},
        _planned(
            52,
            "58ad3071ef36fffbd90bf555af2a2d1d1289ce861d949a20a533923e56004d00",
            _change("update", _at(51, "moo"), _at(52, "MOO"), _cow("moo", "MOO")),
            51,
        ),
        operation="undo_commit",
    ),
    Step(
        "POST /import?mode=merge",
        EXPORT,
        {
            "rev": 53,
            "objects": 1,
            "imported": 1,
            "unchanged": 0,
            "left": 0,
            "commits": 1,
            "secrets": 0,
            "ports": [],
        },
        operation="import_objects",
    ),
)
