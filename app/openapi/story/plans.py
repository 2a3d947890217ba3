"""Many changes as one: rev 47 on, after the ending."""

from typing import Any

from app.openapi.story.telling import Step, resource

_ABOUT: dict[str, Any] = {
    "name": "rocket",
    "repo_url": "https://git.example.com/rocket.git",
    "stack": "lenny",
}
_MADE = resource(47, 47, **_ABOUT, deploy_type="lxc", head=None, env={"cow": "moo"})


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
            _change("create", None, _MADE),
        ),
        operation="apply_document",
    ),
)
