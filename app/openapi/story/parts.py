"""Services, runners and members, and what the service says of itself: revs 31 to 36."""

from typing import Any

from app.openapi.story.telling import HOST, Step, at, page, resource

_SERVICE = resource(31, 31, name="memcached")
_ENDPOINT = resource(
    32,
    32,
    service="memcached",
    id="10-0-0-7-11211",
    addr=HOST,
    ip=HOST,
    port=11211,
    priority=0,
    weight=10,
    target=None,
)
_RUNNER = resource(33, 33, addr="10.0.0.7:9000", host=HOST, instance_id=20)
_MEMBER = resource(34, 34, kind="pms", addr=HOST, version="1.4.2", ttl=300)
_COMMIT = {
    "rev": 34,
    "at": at(34),
    "actor": "anonymous",
    "request": f"PUT /members/pms/{HOST}",
    "reason": None,
    "trace": None,
    "on_behalf_of": None,
}
_SET = {"path": f"/members/pms/{HOST}", "kind": "member", "action": "create"}


def _bucket(start: int, end: int, **counts: int) -> dict[str, Any]:
    return {"from_at": at(start), "to_at": at(end), "total": sum(counts.values()), "counts": counts}


PARTS = (
    Step("POST /services", {"name": "memcached"}, _SERVICE, 201, "register_service"),
    Step("GET /services/memcached", answer=_SERVICE, operation="get_service"),
    Step("GET /services", answer=page(31, _SERVICE), operation="list_services"),
    Step(
        "POST /services/memcached/endpoints",
        {"addr": HOST, "port": 11211, "weight": 10},
        _ENDPOINT,
        201,
        "register_endpoint",
    ),
    Step("GET /services/memcached/endpoints/10-0-0-7-11211", answer=_ENDPOINT, operation="get_endpoint"),
    Step("GET /services/memcached/endpoints", answer=page(32, _ENDPOINT), operation="list_endpoints"),
    Step(
        "POST /runners",
        {"addr": "10.0.0.7:9000", "instance_id": 20},
        _RUNNER,
        201,
        "register_runner",
    ),
    Step("GET /runners/10.0.0.7:9000", answer=_RUNNER, operation="get_runner"),
    Step(f"GET /runners?host={HOST}", answer=page(33, _RUNNER), operation="list_runners"),
    Step(f"PUT /members/pms/{HOST}", {"version": "1.4.2", "ttl": 300}, _MEMBER, operation="set_member"),
    Step(f"GET /members/pms/{HOST}", answer=_MEMBER, operation="get_member"),
    Step("GET /members/pms", answer=page(34, _MEMBER), operation="list_members"),
    Step("GET /rev", answer={"rev": 34, "oldest_rev": 0, "at": at(34)}, operation="get_rev"),
    Step(
        "GET /commits?path=/members/pms&limit=1",
        answer={
            "rev": 34,
            "items": [{**_COMMIT, "changes": [_SET], "total": 1}],
            "next": None,
            "oldest_rev": 0,
        },
        operation="list_commits",
    ),
    Step(
        "GET /commits/34",
        answer={
            **_COMMIT,
            "changes": [{**_SET, "before": None, "after": _MEMBER}],
            "total": 1,
            "next": None,
        },
        operation="get_commit",
    ),
    Step(
        "GET /timeline?buckets=2",
        answer={"rev": 34, "items": [_bucket(6, 20, app=6, instance=8), _bucket(20, 34, instance=14)]},
        operation="get_timeline",
        like=True,
    ),
    Step(
        "PUT /apps/rocket/secrets/DB_PASSWORD",
        {"value": "correct horse"},
        {"rev": 35, "key": "DB_PASSWORD", "fingerprint": "d6e6514d"},
        operation="set_secret",
    ),
    Step(
        "GET /apps/rocket/secrets",
        answer={"rev": 35, "secrets": {"DB_PASSWORD": {"rev": 35, "fingerprint": "d6e6514d"}}},
        operation="get_secrets",
    ),
    Step("POST /keys/rewrite", answer={"rev": 35, "rewritten": 0, "left": 0}, operation="rewrite_secrets"),
    Step("DELETE /apps/rocket/secrets/DB_PASSWORD", answer={"rev": 36}, operation="remove_secret"),
    Step("GET /schema", answer={"version": 3}, operation="get_schema"),
    Step("GET /livez", answer={"status": "ok"}, operation="livez"),
    Step("GET /readyz", answer={"status": "ok"}, operation="readyz"),
)
