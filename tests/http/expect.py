"""What every refusal looks like, and the words of paths that no URL library may tidy up."""

import http.client
import json
import re
from typing import Any

import httpx2

from tests.serving import Service

FIELDS = {"type", "title", "status", "detail", "code"}
_INTERNALS = re.compile(r"Traceback|File \"|\.py\b|app\.|pydantic|sqlite|0x[0-9a-f]{6}")


def refused(answer: httpx2.Response, status: int, code: str, **members: Any) -> dict[str, Any]:
    """The problem that an answer has to be: its form, status, code and members. The body, for more."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Visor-Rev"].isdigit()
    said: dict[str, Any] = answer.json()
    assert said.keys() >= FIELDS
    assert (said["status"], said["code"], said["type"]) == (status, code, f"/problems/{code}")
    assert said["title"]
    assert said["detail"].endswith(".")
    assert not _INTERNALS.search(answer.text), answer.text
    for name, value in members.items():
        assert said[name] == value, said
    return said


def invalid(answer: httpx2.Response, *loc: str | int) -> dict[str, Any]:
    """A 422 that names the field at `loc`, or one below it. The first such entry."""
    said = refused(answer, 422, "invalid-request")
    found = [one for one in said["errors"] if tuple(one["loc"][: len(loc)]) == loc]
    assert found, f"nothing is said of {loc}: {said['errors']}"
    # A document's places are told as a JSON pointer too.
    assert found[0].keys() - {"pointer"} == {"loc", "msg", "type"}
    entry: dict[str, Any] = found[0]
    return entry


def raw(visor: Service, method: str, target: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    """Status and JSON for a request target that goes out exactly as it is written."""
    connection = http.client.HTTPConnection("127.0.0.1", visor.port, timeout=30)
    try:
        headers = {} if body is None else {"Content-Type": "application/json"}
        connection.request(method, target, None if body is None else json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()
