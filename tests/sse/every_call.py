"""Every call that makes an event, once, in an order in which each succeeds."""

from dataclasses import dataclass, field
from typing import Any

from tests.serving import APP, ARCHIVE, Service

HOST = "10.0.0.7"
_CAT = {"app": "cat"}
_ONE = {"app": "cat", "proctype": "web", "revision": "128af9", "instance": 1}
_TWO = {**_ONE, "instance": 2}
_SRV = {"service": "memcached"}
_WEB = "/apps/cat/proctypes/web"
_ENDPOINT = "10-0-0-9-11211"


@dataclass(frozen=True)
class Call:
    """A request, the type of the one event it makes, what names its object, and where that is read."""

    type: str
    method: str
    path: str
    body: Any
    names: dict[str, Any]
    object: str
    query: dict[str, str] = field(default_factory=dict)
    more: int = 0
    """Events that follow in the same commit."""


CALLS = [
    Call("app-register", "POST", "/apps", APP, _CAT, "/apps/cat"),
    Call("app-update", "PATCH", "/apps/cat", {"stack": "squeeze"}, _CAT, "/apps/cat"),
    Call("app-update", "PUT", "/apps/cat/env/cow", {"value": "moo"}, _CAT, "/apps/cat"),
    Call("app-update", "PATCH", "/apps/cat/env", {"cow": None, "cat": "meow"}, _CAT, "/apps/cat"),
    Call("app-update", "DELETE", "/apps/cat/env/cat", None, _CAT, "/apps/cat"),
    Call(
        "rev-register",
        "POST",
        "/apps/cat/revisions",
        {"ref": "128af9"},
        {**_CAT, "revision": "128af9"},
        "/apps/cat/revisions/128af9",
    ),
    Call(
        "rev-update",
        "POST",
        "/apps/cat/revisions/128af9/ratify",
        {"archive_url": ARCHIVE},
        {**_CAT, "revision": "128af9"},
        "/apps/cat/revisions/128af9",
    ),
    Call("app-update", "PATCH", "/apps/cat", {"head": "128af9"}, _CAT, "/apps/cat"),
    Call(
        "env-register",
        "POST",
        "/apps/cat/envs",
        {"ref": "blue", "vars": {"a": "1"}},
        {**_CAT, "env": "blue"},
        "/apps/cat/envs/blue",
    ),
    Call("proc-register", "POST", "/apps/cat/proctypes", {"name": "web"}, {**_CAT, "proctype": "web"}, _WEB),
    Call(
        "proc-update",
        "PATCH",
        _WEB,
        {"limits": {"memory_limit_mb": 64}},
        {**_CAT, "proctype": "web"},
        _WEB,
    ),
    Call(
        "instance-register",
        "POST",
        "/instances",
        {"app": "cat", "revision": "128af9", "proctype": "web", "env": "blue"},
        _ONE,
        "/instances/1",
    ),
    Call(
        "instance-lock", "PUT", "/instances/1/lock", {"client": "ops", "reason": "look"}, _ONE, "/instances/1"
    ),
    Call("instance-unlock", "DELETE", "/instances/1/lock", None, _ONE, "/instances/1"),
    Call("instance-claim", "POST", "/instances/1/claim", {"host": HOST}, _ONE, "/instances/1"),
    Call(
        "instance-unclaim",
        "POST",
        "/instances/1/unclaim",
        {"host": HOST, "error": "no disk"},
        _ONE,
        "/instances/1",
    ),
    Call("instance-claim", "POST", "/instances/claim", {"host": HOST}, _ONE, "/instances/1"),
    Call(
        "instance-start",
        "POST",
        "/instances/1/start",
        {"host": HOST, "hostname": "box7.example.com", "port": 8000},
        _ONE,
        "/instances/1",
    ),
    Call("instance-restart", "POST", "/instances/1/restart", {"reason": "oom"}, _ONE, "/instances/1"),
    Call("instance-stop", "POST", "/instances/1/stop", None, _ONE, "/instances/1"),
    Call(
        "instance-fail",
        "POST",
        "/instances/1/fail",
        {"host": HOST, "reason": "died"},
        _ONE,
        "/instances/1",
    ),
    Call(
        "instance-lost",
        "POST",
        "/instances/1/lost",
        {"client": "watchdog", "reason": "silent"},
        _ONE,
        "/instances/1",
    ),
    Call("instance-exit", "POST", "/instances/1/exit", {"host": HOST}, _ONE, "/instances/1"),
    Call(
        "instance-unregister",
        "DELETE",
        "/instances/1",
        None,
        _ONE,
        "/instances/1",
        {"client": "ops", "reason": "done"},
    ),
    Call(
        "instance-register",
        "PUT",
        f"{_WEB}/scale",
        {"revision": "128af9", "count": 1},
        _TWO,
        "/instances/2",
        more=1,
    ),
    Call(
        "instance-unregister",
        "PUT",
        f"{_WEB}/scale",
        {"revision": "128af9", "count": 0},
        _TWO,
        "/instances/2",
        more=1,
    ),
    Call("service-register", "POST", "/services", {"name": "memcached"}, _SRV, "/services/memcached"),
    Call(
        "endpoint-register",
        "POST",
        "/services/memcached/endpoints",
        {"addr": "10.0.0.9", "port": 11211},
        {**_SRV, "endpoint": _ENDPOINT},
        f"/services/memcached/endpoints/{_ENDPOINT}",
    ),
    Call(
        "endpoint-unregister",
        "DELETE",
        f"/services/memcached/endpoints/{_ENDPOINT}",
        None,
        {**_SRV, "endpoint": _ENDPOINT},
        f"/services/memcached/endpoints/{_ENDPOINT}",
    ),
    Call("service-unregister", "DELETE", "/services/memcached", None, _SRV, "/services/memcached"),
    Call(
        "runner-register",
        "POST",
        "/runners",
        {"addr": "10.0.0.7:9000", "instance_id": 1},
        {"runner": "10.0.0.7:9000", "host": HOST},
        "/runners/10.0.0.7:9000",
    ),
    Call(
        "runner-unregister",
        "DELETE",
        "/runners/10.0.0.7:9000",
        None,
        {"runner": "10.0.0.7:9000", "host": HOST},
        "/runners/10.0.0.7:9000",
    ),
    Call(
        "member-register",
        "PUT",
        "/members/pms/10.0.0.7",
        {"version": "1"},
        {"member": "10.0.0.7"},
        "/members/pms/10.0.0.7",
    ),
    Call(
        "member-update",
        "PUT",
        "/members/pms/10.0.0.7",
        {"version": "2"},
        {"member": "10.0.0.7"},
        "/members/pms/10.0.0.7",
    ),
    Call(
        "member-unregister",
        "DELETE",
        "/members/pms/10.0.0.7",
        None,
        {"member": "10.0.0.7"},
        "/members/pms/10.0.0.7",
    ),
    Call("proc-unregister", "DELETE", _WEB, None, {**_CAT, "proctype": "web"}, _WEB),
    Call(
        "env-unregister",
        "DELETE",
        "/apps/cat/envs/blue",
        None,
        {**_CAT, "env": "blue"},
        "/apps/cat/envs/blue",
    ),
    Call("app-update", "PATCH", "/apps/cat", {"head": None}, _CAT, "/apps/cat"),
    Call(
        "rev-unregister",
        "DELETE",
        "/apps/cat/revisions/128af9",
        None,
        {**_CAT, "revision": "128af9"},
        "/apps/cat/revisions/128af9",
    ),
    Call("app-unregister", "DELETE", "/apps/cat", None, _CAT, "/apps/cat"),
]


def make(visor: Service, call: Call, actor: str = "anonymous") -> int:
    """Make the call; the rev of its commit."""
    answer = visor.client.request(
        call.method, call.path, json=call.body, params=call.query, headers={"Visor-Actor": actor}
    )
    assert answer.is_success, f"{call}: {answer.text}"
    return int(answer.headers["Visor-Rev"])


def make_all(visor: Service) -> None:
    """Make every call."""
    for call in CALLS:
        make(visor, call)
