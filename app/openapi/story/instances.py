"""Instances: scaled up, claimed, run, and ended: revs 16 to 33."""

from typing import Any

from app.openapi.story.telling import HOST, REF, Step, at, page, resource

_SCALE = "/apps/rocket/proctypes/web/scale"


def _instance(id: int, rev: int, created_rev: int, env: str | None = "prod-7", **more: Any) -> dict[str, Any]:
    """A pending ticket, but for what is said."""
    pending = {
        "id": id,
        "app": "rocket",
        "revision": REF,
        "proctype": "web",
        "env": env,
        "status": "pending",
        "host": None,
        "ip": None,
        "hostname": None,
        "port": None,
        "tele_port": None,
        "claims": [],
        "restarts": {"fail": 0, "oom": 0},
        "lock": None,
        "reason": None,
        "lost_by": None,
        "claim_rev": None,
        "registered_at": at(created_rev),
        "claimed_at": None,
        "started_at": None,
        "stopped_at": None,
        "ended_at": None,
    }
    return resource(rev, created_rev, **{**pending, **more})


def _claimed(rev: int) -> dict[str, Any]:
    return {
        "status": "claimed",
        "host": HOST,
        "ip": HOST,
        "claims": [{"host": HOST, "at": at(rev), "error": None}],
        "claim_rev": rev,
        "claimed_at": at(rev),
    }


_STARTED: dict[str, Any] = {"hostname": "box7.example.com", "port": 8001, "tele_port": 9001}
_RUNNING: dict[str, Any] = {**_claimed(18), **_STARTED, "status": "running", "started_at": at(19)}
_FENCED = {"host": HOST, "claim_rev": 18}
_OOM = {"restarts": {"fail": 0, "oom": 1}}
_LOCK = {"client": "ops", "reason": "being looked at"}
_GIVEN_BACK: dict[str, Any] = {"claims": [{"host": HOST, "at": at(23), "error": "no room"}]}
_FAILED: dict[str, Any] = {
    **_claimed(27),
    "claims": _GIVEN_BACK["claims"] + _claimed(27)["claims"],
    "status": "failed",
    "reason": "the archive is damaged",
    "ended_at": at(28),
}
_STOPPED: dict[str, Any] = {**_RUNNING, **_OOM, "stopped_at": at(25)}

SEVENTEEN = _instance(17, 19, 16, **_RUNNING)
"""Instance 17 while it runs."""


def _named(rev: int, type_: str, object: dict[str, Any]) -> dict[str, Any]:
    return {
        "rev": rev,
        "index": 0,
        "type": type_,
        "at": at(rev),
        "actor": "anonymous",
        "app": "rocket",
        "proctype": "web",
        "revision": REF,
        "instance": object["id"],
        "object": object,
    }


CLAIM_EVENT = _named(18, "instance-claim", _instance(17, 18, 16, **_claimed(18)))
START_EVENT = _named(19, "instance-start", SEVENTEEN)
_HISTORY = {"rev": 19, "items": [START_EVENT], "next": "19"}

INSTANCES = (
    Step(
        f"PUT {_SCALE}",
        {"revision": REF, "env": "prod-7", "count": 3},
        {"rev": 16, "previous": 0, "count": 3, "started": [17, 18, 19], "stopped": []},
        operation="set_scale",
    ),
    Step(
        "POST /instances",
        {"app": "rocket", "revision": REF, "proctype": "web", "env": None},
        _instance(20, 17, 17, None),
        201,
        "register_instance",
    ),
    Step(
        "POST /instances/claim",
        {"host": HOST, "app": "rocket", "wait": 30},
        _instance(17, 18, 16, **_claimed(18)),
        operation="claim_next",
    ),
    Step("POST /instances/17/start", {**_FENCED, **_STARTED}, SEVENTEEN, operation="start_instance"),
    Step(
        "POST /instances/17/env",
        _FENCED,
        {"rev": 19, "vars": {"DB": "postgres://db.example.com/rocket", "cat": "meow", "WORKERS": "4"}},
        operation="read_environment",
    ),
    Step("GET /events/list?rev=18", answer=_HISTORY, operation="list_events"),
    Step("GET /apps/rocket/events/list?rev=18", answer=_HISTORY, operation="list_app_events"),
    Step("GET /instances/17?status=running&wait=30", answer=SEVENTEEN, operation="get_instance"),
    Step(f"GET /instances?host={HOST}", answer=page(19, SEVENTEEN), operation="list_instances"),
    Step(
        "GET /apps/rocket/instances?status=running",
        answer=page(19, SEVENTEEN),
        operation="list_app_instances",
    ),
    Step(
        "GET /apps/rocket/proctypes/web/instances?status=running",
        answer=page(19, SEVENTEEN),
        operation="list_proctype_instances",
    ),
    Step(
        f"GET {_SCALE}?revision={REF}&env=prod-7",
        answer={
            "rev": 19,
            "items": [
                {
                    "revision": REF,
                    "env": "prod-7",
                    "count": 3,
                    "target": 3,
                    "rev": 16,
                    "statuses": {
                        "pending": 2,
                        "claimed": 0,
                        "running": 1,
                        "stopping": 0,
                        "exited": 0,
                        "failed": 0,
                        "lost": 0,
                    },
                }
            ],
            "next": None,
        },
        operation="get_scale",
    ),
    Step(
        "GET /discovery/prometheus?app=rocket&port=tele",
        answer=[
            {
                "targets": ["box7.example.com:9001"],
                "labels": {
                    "__meta_visor_app": "rocket",
                    "__meta_visor_proctype": "web",
                    "__meta_visor_revision": REF,
                    "__meta_visor_env": "prod-7",
                    "__meta_visor_host": HOST,
                    "__meta_visor_ip": HOST,
                    "__meta_visor_hostname": "box7.example.com",
                    "__meta_visor_instance": "17",
                    "__meta_visor_port": "tele",
                },
            }
        ],
        operation="list_prometheus_targets",
    ),
    Step(
        "POST /instances/17/restart",
        {"reason": "oom", "count": 1},
        _instance(17, 20, 16, **_RUNNING | _OOM),
        operation="restart_instance",
    ),
    Step(
        "PUT /instances/17/lock",
        _LOCK,
        _instance(17, 21, 16, **_RUNNING | _OOM, lock={**_LOCK, "at": at(21)}),
        operation="lock_instance",
    ),
    Step("DELETE /instances/17/lock", answer={"rev": 22}, operation="unlock_instance"),
    Step(
        "POST /instances/18/claim",
        {"host": HOST},
        _instance(18, 23, 16, **_claimed(23)),
        operation="claim_instance",
    ),
    Step(
        "POST /instances/18/unclaim",
        {"host": HOST, "claim_rev": 23, "error": "no room"},
        _instance(18, 24, 16, **_GIVEN_BACK),
        operation="unclaim_instance",
    ),
    Step(
        "POST /instances/17/stop",
        answer=_instance(17, 25, 16, **_STOPPED | {"status": "stopping"}),
        operation="stop_instance",
    ),
    Step(
        "POST /instances/17/exit",
        _FENCED,
        _instance(17, 26, 16, **_STOPPED | {"status": "exited", "ended_at": at(26)}),
        operation="exit_instance",
    ),
    Step("POST /instances/18/claim", {"host": HOST}),
    Step(
        "POST /instances/18/fail",
        {"host": HOST, "claim_rev": 27, "reason": "the archive is damaged"},
        _instance(18, 28, 16, **_FAILED),
        operation="fail_instance",
    ),
    Step(
        "POST /instances/19/lost",
        {"client": "ops", "reason": "the host is gone"},
        _instance(19, 29, 16, status="lost", reason="the host is gone", lost_by="ops", ended_at=at(29)),
        operation="lose_instance",
    ),
    Step(
        "DELETE /instances/17?client=ops&reason=replaced",
        answer={"rev": 30},
        operation="unregister_instance",
    ),
    Step(
        "GET /apps/rocket/proctypes/web/ended",
        answer=page(
            30,
            resource(
                30,
                16,
                id=17,
                app="rocket",
                proctype="web",
                revision=REF,
                env="prod-7",
                status="exited",
                client="ops",
                reason="replaced",
                at=at(30),
            ),
        ),
        operation="list_ended",
    ),
)
