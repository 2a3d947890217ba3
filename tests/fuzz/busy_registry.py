"""A registry with something of everything and an instance in every state, and made so again when calls have
worn it out: what is not there cannot be got wrong."""

from collections.abc import Callable
from typing import Any

from tests.http.every_route import FILL, HOST, START, WHY, path_of
from tests.serving import ARCHIVE

Ask = Callable[[str, str, Any], Any]
"""(method, path, JSON body) -> the JSON of the answer, or None where it was refused."""

_DB = {"addr": "db.example.com", "ip": "10.0.0.9", "port": 5432, "target": "db"}
_MORE: list[tuple[str, str, Any]] = [
    ("POST", "/apps", {"name": "dog", "repo_url": "ssh://git.example.com/dog", "stack": "lenny"}),
    ("POST", "/apps/dog/revisions", {"ref": "v2.0", "archive_url": ARCHIVE}),
    ("POST", "/apps/dog/proctypes", {"name": "worker"}),
    ("DELETE", "/apps/cat/revisions/next", None),  # for it may be accepted by now
    ("POST", "/apps/cat/revisions", {"ref": "next"}),
    ("PATCH", "/apps/cat", {"head": "128af9"}),
    ("POST", "/services", {"name": "db"}),
    ("POST", "/services/db/endpoints", _DB),
    ("PUT", "/members/proxies/10.0.0.8", {"version": "1"}),
    ("PUT", "/members/loggers/10.0.0.8:514", {"version": "1", "ttl": 3600}),
]


def _objects(app: str) -> list[tuple[str, str, Any]]:
    return [
        (method, path_of(template, app=app), {**body, "name": app} if template == "/apps" else body)
        for method, template, body in FILL
        if "/instances" not in template and not template.endswith("/scale") and not isinstance(body, bytes)
    ]


_OBJECTS = [*_objects("cat"), *_objects("rocket"), *_MORE]
"""Rocket is what the examples of the schema are about."""

TICKET = {"app": "cat", "revision": "128af9", "proctype": "web", "env": "128af9"}

STEPS: dict[str, list[tuple[str, str, Any]]] = {
    "pending": [],
    "claimed": [("POST", "/claim", {"host": HOST})],
    "running": [("POST", "/start", START)],
    "locked": [("PUT", "/lock", WHY)],
    "stopping": [("DELETE", "/lock", None), ("POST", "/stop", None)],
    "failed": [("POST", "/fail", {"host": HOST, "reason": "exit code 1"})],
    "lost": [("POST", "/lost", WHY)],
    "exited": [("POST", "/exit", {"host": HOST})],
    "done": [("DELETE", "", None)],
}
"""What takes an instance from each state to the next."""


def fill(ask: Ask) -> dict[str, int]:
    """Make what is not there; the ids of new instances, one in each state."""
    for method, path, body in _OBJECTS:
        ask(method, path, body)
    ids = {}
    for goal in STEPS:
        made = ask("POST", "/instances", TICKET)
        if made is None:
            break
        ids[goal] = int(made["id"])
        for state, steps in STEPS.items():
            for method, verb, body in steps:
                ask(method, f"/instances/{made['id']}{verb}", body)
            if state == goal:
                break
    return ids
