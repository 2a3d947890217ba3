"""The app, its variables, env sets, revisions and process types: revs 7 to 15."""

from typing import Any

from app.openapi.story.telling import ARCHIVE, REF, Step, at, page, resource

_ABOUT: dict[str, Any] = {
    "name": "rocket",
    "repo_url": "https://git.example.com/rocket.git",
    "stack": "lenny",
}
_DB = "postgres://db.example.com/rocket"
_VARS = {"DB": _DB, "cat": "meow"}
_NEW = {**_ABOUT, "deploy_type": "lxc", "head": None, "secrets": {}}
_APP = resource(13, 7, **_ABOUT, deploy_type="lxc", head=REF, env=_VARS, secrets={})

_ENVSET = resource(10, 10, app="rocket", ref="prod-7", vars={"DB": _DB, "WORKERS": "4"})
_PROPOSED = resource(11, 11, app="rocket", ref=REF, state="proposed", archive_url=None)
_ACCEPTED = resource(12, 11, app="rocket", ref=REF, state="accepted", archive_url=ARCHIVE)


def _proctype(rev: int, memory: int) -> dict[str, Any]:
    return resource(rev, 14, app="rocket", name="web", port=8001, limits={"memory_limit_mb": memory})


APPS = (
    Step(
        "POST /apps",
        {**_ABOUT, "env": {"cow": "moo"}},
        resource(7, 7, **_ABOUT, deploy_type="lxc", head=None, env={"cow": "moo"}, secrets={}),
        201,
        "register_app",
    ),
    Step(
        "PUT /apps/rocket/env/cat",
        {"value": "meow"},
        {"rev": 8, "key": "cat", "value": "meow"},
        operation="set_env_var",
    ),
    Step(
        "GET /apps/rocket/env/cat",
        answer={"rev": 8, "key": "cat", "value": "meow"},
        operation="get_env_var",
    ),
    Step(
        "PATCH /apps/rocket/env",
        {"cow": None, "DB": _DB},
        {"rev": 9, "vars": _VARS},
        operation="patch_env",
    ),
    Step("GET /apps/rocket/env", answer={"rev": 9, "vars": _VARS}, operation="get_env"),
    Step(
        "GET /diff?from=8&to=9&path=/apps/rocket",
        answer={
            "rev": 9,
            "from": 8,
            "to": 9,
            "items": [
                {
                    "path": "/apps/rocket",
                    "kind": "app",
                    "action": "update",
                    "rev_before": 8,
                    "rev_after": 9,
                    "by": {"rev": 9, "at": at(9), "actor": "anonymous", "reason": None},
                    "before": resource(8, 7, **_NEW, env={"cow": "moo", "cat": "meow"}),
                    "after": resource(9, 7, **_NEW, env=_VARS),
                    "fields": [{"path": "/env/DB", "after": _DB}, {"path": "/env/cow", "before": "moo"}],
                }
            ],
            "next": None,
            "counts": None,
        },
        operation="get_diff",
    ),
    Step(
        "POST /apps/rocket/envs",
        {"ref": "prod-7", "vars": _ENVSET["vars"]},
        _ENVSET,
        201,
        "register_envset",
    ),
    Step("GET /apps/rocket/envs", answer=page(10, _ENVSET), operation="list_envsets"),
    Step("GET /apps/rocket/envs/prod-7", answer=_ENVSET, operation="get_envset"),
    Step("POST /apps/rocket/revisions", {"ref": REF}, _PROPOSED, 201, "register_revision"),
    Step(
        f"POST /apps/rocket/revisions/{REF}/ratify",
        {"archive_url": ARCHIVE},
        _ACCEPTED,
        operation="ratify_revision",
    ),
    Step("GET /apps/rocket/revisions", answer=page(12, _ACCEPTED), operation="list_revisions"),
    Step("GET /revisions", answer=page(12, _ACCEPTED), operation="list_all_revisions"),
    Step(f"GET /apps/rocket/revisions/{REF}", answer=_ACCEPTED, operation="get_revision"),
    Step("PATCH /apps/rocket", {"head": REF}, _APP, operation="patch_app"),
    Step("GET /apps/rocket", answer=_APP, operation="get_app"),
    Step("GET /apps", answer=page(13, _APP), operation="list_apps"),
    Step(
        "POST /apps/rocket/proctypes",
        {"name": "web", "limits": {"memory_limit_mb": 512}},
        _proctype(14, 512),
        201,
        "register_proctype",
    ),
    Step(
        "PATCH /apps/rocket/proctypes/web",
        {"limits": {"memory_limit_mb": 1024}},
        _proctype(15, 1024),
        operation="patch_proctype",
    ),
    Step("GET /apps/rocket/proctypes/web", answer=_proctype(15, 1024), operation="get_proctype"),
    Step("GET /apps/rocket/proctypes", answer=page(15, _proctype(15, 1024)), operation="list_proctypes"),
)
