"""Many changes as one: rev 47 on, after the ending."""

from typing import Any

from app.openapi.story.telling import Step, resource

_ABOUT: dict[str, Any] = {
    "name": "rocket",
    "repo_url": "https://git.example.com/rocket.git",
    "stack": "lenny",
}


def _at(rev: int, cow: str) -> dict[str, Any]:
    return resource(rev, 47, **_ABOUT, deploy_type="lxc", head=None, env={"cow": cow})


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


PLANS = (
    Step(
        "POST /apply",
        {"apps": [{**_ABOUT, "env": {"cow": "moo"}}]},
        _planned(
            47,
            "138e790203607cabd42eeb1bf626d893fa3a5fc9e670efeb85f4e3d5fdf44b63",
            _change("create", None, _at(47, "moo")),
        ),
        operation="apply_document",
    ),
    Step("PUT /apps/rocket/env/cow", {"value": "MOO"}, {"rev": 48, "key": "cow", "value": "MOO"}),
    Step(
        "POST /revert",
        {"path": "/apps/rocket", "to_rev": 47},
        _planned(
            49,
            "b9dc3de6c3729b1684854be186ed28f94792a935ccb45250cea272bd9d9f3920",
            _change("update", _at(48, "MOO"), _at(49, "moo"), _cow("MOO", "moo")),
            48,
        ),
        operation="revert_subtree",
    ),
    Step(
        "POST /commits/49/undo",
        {},
        _planned(
            50,
            "0003ea45da00ae9c6dca1b1fa054a34deec7a2509115b7e330834e41cd1e564a",
            _change("update", _at(49, "moo"), _at(50, "MOO"), _cow("moo", "MOO")),
            49,
        ),
        operation="undo_commit",
    ),
)
