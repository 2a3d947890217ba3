"""Every operation of the service, once: a session that fills a registry and one that empties it again."""

from collections.abc import Callable
from typing import Any

import httpx2
from fastapi.routing import iter_route_contexts

from app.main import create_app
from app.settings import Settings
from tests.http.import_files import MEMBER, file_of
from tests.serving import APP, ARCHIVE, Service

HOST = "10.0.0.7"
CLAIM = {"host": HOST}
START = {"host": HOST, "hostname": "box7.example.com", "port": 20001}
WHY = {"client": "tests", "reason": "to see"}

_WEB = "/apps/{app}/proctypes/{proctype}"
_LIFE = "/instances/{id}"

FILL: list[tuple[str, str, Any]] = [
    ("POST", "/apps", {**APP, "env": {"cow": "moo"}}),
    ("PATCH", "/apps/{app}", {"stack": "buster"}),
    ("PATCH", "/apps/{app}/env", {"DOG": "woof", "COW_BELL": "ding"}),
    ("PUT", "/apps/{app}/env/{key}", {"value": "moo, moo"}),
    ("PUT", "/apps/{app}/secrets/{key}", {"value": "moo in private"}),
    ("POST", "/keys/rewrite", None),
    ("POST", "/apps/{app}/envs", {"ref": "128af9", "vars": {"DB": "db"}}),
    ("POST", "/apps/{app}/revisions", {"ref": "128af9"}),
    ("POST", "/apps/{app}/revisions/{ref}/ratify", {"archive_url": ARCHIVE}),
    ("POST", "/apps/{app}/proctypes", {"name": "web"}),
    ("PATCH", _WEB, {"limits": {"memory_limit_mb": 512}}),
    ("POST", "/instances", {"app": "cat", "revision": "128af9", "proctype": "web", "env": "128af9"}),
    ("POST", _LIFE + "/claim", CLAIM),
    ("POST", _LIFE + "/unclaim", {**CLAIM, "error": "no room"}),
    ("POST", "/instances/claim", CLAIM),
    ("POST", _LIFE + "/start", START),
    ("POST", _LIFE + "/restart", {"reason": "oom"}),
    ("PUT", _LIFE + "/lock", WHY),
    ("DELETE", _LIFE + "/lock", None),
    ("POST", _LIFE + "/stop", None),
    ("POST", _LIFE + "/fail", {**CLAIM, "reason": "exit code 1"}),
    ("POST", _LIFE + "/lost", WHY),
    ("POST", _LIFE + "/exit", CLAIM),
    ("PUT", _WEB + "/scale", {"revision": "128af9", "count": 1}),
    ("PUT", _WEB + "/scale", {"revision": "128af9", "count": 0}),
    ("POST", "/services", {"name": "memcached"}),
    ("POST", "/services/{service}/endpoints", {"addr": HOST, "port": 11211}),
    ("POST", "/runners", {"addr": "10.0.0.7:9000", "instance_id": 1}),
    ("POST", "/import", file_of(("/members/pms/10.0.0.7", MEMBER))),
    ("PUT", "/members/{kind}/{addr}", {"version": "1.4.2"}),
    ("POST", "/apply", {"apps": [{"name": "cat", "env": {"calf": "muh"}}]}),
    ("POST", "/commits/{rev}/undo", {}),
    ("POST", "/revert", {"path": "/apps/cat", "to_rev": 1}),
]
"""One of everything: app cat with variables, env set and revision 128af9, proctype web, instance 1 (and an
ended 2), service memcached with an endpoint, a runner and a member."""

EMPTY: list[tuple[str, str, Any]] = [
    ("DELETE", "/instances", None),
    ("DELETE", _LIFE, None),
    ("DELETE", "/apps/{app}/env/{key}", None),
    ("DELETE", "/apps/{app}/secrets/{key}", None),
    ("DELETE", "/apps/{app}/envs/{ref}", None),
    ("DELETE", "/apps/{app}/revisions/{ref}", None),
    ("DELETE", _WEB, None),
    ("DELETE", "/apps/{app}", None),
    ("DELETE", "/services/{service}/endpoints/{id}", None),
    ("DELETE", "/services/{service}", None),
    ("DELETE", "/runners/{addr}", None),
    ("DELETE", "/members/{kind}/{addr}", None),
]

# Tokens have suites of their own, tests/access: the first of them would end what follows.
BODIES = {(method, template): body for method, template, body in FILL if not isinstance(body, bytes)}
"""Those that are JSON."""

OPERATIONS = sorted(
    (method, route.path_format)
    for route in iter_route_contexts(create_app(Settings(store="memory:")).api.routes)
    if route.include_in_schema and "tokens" not in route.tags
    for method in route.methods
)
READS = [template for method, template in OPERATIONS if method == "GET"]
READING_POSTS = [("POST", "/instances/{id}/env")]
"""They change nothing, and their answer is not to be kept: no preconditions, no Idempotency-Key."""

IDEMPOTENT_POSTS = ["/import", "/keys/rewrite"]
"""To do them again does what is left, and nothing twice: they take no Idempotency-Key."""

WRITES = [call for call in OPERATIONS if call[0] != "GET" and call not in READING_POSTS]

STREAMS = ["/apps/{app}/events", "/events"]
HISTORY = ["/apps/{app}/events/list", "/events/list"]
COMMITS = ["/commits", "/commits/{rev}", "/timeline"]
NOT_STATE = [
    *(*COMMITS, "/diff", "/livez", "/readyz", "/metrics", "/problems", "/problems/{code}"),
    *(*STREAMS, *HISTORY),
]
STATE = [template for template in READS if template not in NOT_STATE]
"""The GETs of state: those that read a snapshot."""

LISTS = [
    "/apps",
    "/apps/{app}/envs",
    "/apps/{app}/instances",
    "/apps/{app}/proctypes",
    "/apps/{app}/proctypes/{proctype}/ended",
    "/apps/{app}/proctypes/{proctype}/instances",
    "/apps/{app}/proctypes/{proctype}/scale",
    "/apps/{app}/revisions",
    "/instances",
    "/members/{kind}",
    "/revisions",
    "/runners",
    "/services",
    "/services/{service}/endpoints",
]
DISCOVERY = "/discovery/prometheus"
SINGLE = [
    "/apps/{app}",
    "/apps/{app}/env",
    "/apps/{app}/env/{key}",
    "/apps/{app}/envs/{ref}",
    "/apps/{app}/proctypes/{proctype}",
    "/apps/{app}/revisions/{ref}",
    "/apps/{app}/secrets",
    "/instances/{id}",
    "/members/{kind}/{addr}",
    "/runners/{addr}",
    "/services/{service}",
    "/services/{service}/endpoints/{id}",
]
"""Of the GETs of state: the lists, and the single resources. The rest are /rev, /schema, and the discovery,
which answers in the form that Prometheus takes."""

_NAMES = {
    "app": "cat",
    "key": "cow",
    "ref": "128af9",
    "proctype": "web",
    "service": "memcached",
    "kind": "pms",
    "code": "not-found",
    "rev": "1",
}


_QUERIES = {
    ("DELETE", "/instances"): "?status=lost",
    ("GET", "/diff"): "?from=0",
    ("POST", "/import"): "?mode=merge",
}


def url_of(method: str, template: str) -> str:
    """The path, with the query that the operation has to have."""
    return path_of(template) + _QUERIES.get((method, template), "")


def call_of(visor: Service, method: str, template: str, body: Any) -> tuple[str, dict[str, Any]]:
    """The URL of a call and what it sends. A rev in the URL is the latest, in the body the one before."""
    rev = visor.rev if "{rev}" in template or (isinstance(body, dict) and "to_rev" in body) else 0
    url = path_of(template, rev=str(rev)) + _QUERIES.get((method, template), "")
    if isinstance(body, bytes):
        return url, {"content": body}
    if body and "to_rev" in body:
        body = {**body, "to_rev": rev - 1}
    return url, {} if body is None else {"json": body}


def path_of(template: str, **other: str) -> str:
    """A template with the names that the filled registry has, or others."""
    names = {
        **_NAMES,
        "id": "10-0-0-7-11211" if template.startswith("/services") else "1",
        "addr": "10.0.0.7:9000" if template.startswith("/runners") else HOST,
        **other,
    }
    return template.format(**names)


def accepting(template: str) -> dict[str, str]:
    """The headers with which a GET ends."""
    return {"Accept": "application/json"} if template in STREAMS else {}


def play(
    visor: Service,
    session: list[tuple[str, str, Any]],
    more: Callable[[int], dict[str, str]] = lambda step: {},
) -> list[httpx2.Response]:
    """The answers to a session, each of which has to succeed. `more` gives a step's own headers."""
    answers = []
    for step, (method, template, body) in enumerate(session):
        url, content = call_of(visor, method, template, body)
        answer = visor.client.request(method, url, headers=more(step), **content)
        assert answer.is_success, f"{method} {template}: {answer.status_code} {answer.text}"
        answers.append(answer)
    return answers


def read_all(visor: Service, templates: list[str], rev: int) -> dict[str, tuple[int, bytes]]:
    """Status and bytes of GETs of state at a rev."""
    answers = {t: visor.get(path_of(t), params={"rev": rev}) for t in templates}
    return {t: (answer.status_code, answer.content) for t, answer in answers.items()}
