"""A registry with something of everything and an instance in every state, and made so again when calls have
worn it out: what is not there cannot be got wrong."""

from collections.abc import Callable
from typing import Any, NamedTuple

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


class Ticket(NamedTuple):
    """An instance, and the token of its claim; None before it is claimed."""

    id: int
    claim_rev: int | None


def fill(ask: Ask) -> dict[str, Ticket]:
    """Make what is not there; new instances, one in each state."""
    for method, path, body in _OBJECTS:
        ask(method, path, body)
    made = {}
    for goal in STEPS:
        ticket = ask("POST", "/instances", TICKET)
        if ticket is None:
            break
        made[goal] = _lead(ask, int(ticket["id"]), goal)
    return made


def _lead(ask: Ask, id: int, goal: str) -> Ticket:
    """Take an instance to a state, as its claimer does."""
    claim_rev = None
    for state, steps in STEPS.items():
        for method, verb, body in steps:
            token = {"claim_rev": claim_rev} if claim_rev and body and "host" in body else {}
            said = ask(method, f"/instances/{id}{verb}", {**body, **token} if body else body)
            if verb == "/claim" and said is not None:
                claim_rev = int(said["claim_rev"])
        if state == goal:
            break
    return Ticket(id, claim_rev)
