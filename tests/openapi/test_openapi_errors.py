"""Errors of a running service are those that their operations document."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.openapi.documented import Document
from tests.serving import APP, ARCHIVE, Service, serving

Call = Callable[[Service], Any]

CLAIM = {"host": "10.0.0.7"}
OTHER = {"host": "10.0.0.8"}

CALLS: list[tuple[int, str, Call]] = [
    (304, "", lambda s: s.get("/apps/cat", headers={"If-None-Match": '"1"'})),
    (204, "", lambda s: s.post("/instances/claim", {**CLAIM, "app": "dog"})),
    (
        400,
        "malformed-request",
        lambda s: s.client.post("/apps", content=b"{", headers={"Content-Type": "application/json"}),
    ),
    (400, "invalid-cursor", lambda s: s.get("/apps?cursor=made-up")),
    (400, "rev-in-future", lambda s: s.get("/apps/cat?rev=999")),
    (400, "rev-in-future", lambda s: s.get("/events?rev=999")),
    (400, "malformed-request", lambda s: s.get("/events", headers={"Last-Event-ID": "x"})),
    (403, "not-claimer", lambda s: s.post("/instances/1/start", {**OTHER, "hostname": "box", "port": 80})),
    (404, "not-found", lambda s: s.get("/apps/dog")),
    (404, "not-found", lambda s: s.delete("/instances/99")),
    (404, "not-found", lambda s: s.get("/problems/none")),
    (409, "already-exists", lambda s: s.post("/apps", APP)),
    (409, "already-claimed", lambda s: s.post("/instances/1/claim", OTHER)),
    (409, "invalid-state", lambda s: s.post("/instances/2/unclaim", CLAIM)),
    (409, "in-use", lambda s: s.delete("/apps/cat")),
    (409, "locked", lambda s: s.put("/instances/1/lock", {"client": "b", "reason": "r"})),
    (412, "rev-mismatch", lambda s: s.patch("/apps/cat", {"stack": "x"}, headers={"If-Match": '"99"'})),
    (412, "rev-mismatch", lambda s: s.patch("/apps/dog", {"stack": "x"}, headers={"If-Match": "*"})),
    (413, "body-too-large", lambda s: s.put("/apps/cat/env/x", {"value": "x" * 2_000_000})),
    (415, "unsupported-media-type", lambda s: s.client.post("/apps", content=b"{}")),
    (422, "invalid-request", lambda s: s.post("/apps", {"name": "-", "colour": "blue"})),
    (422, "invalid-request", lambda s: s.get("/apps?limit=0&rev=5_0")),
    (422, "invalid-request", lambda s: s.get("/instances/%2B5")),
    (422, "invalid-request", lambda s: s.get("/apps?rev=%205")),
    (422, "invalid-request", lambda s: s.patch("/apps/cat", {"head": "none"})),
    (
        422,
        "idempotency-key-reused",
        lambda s: s.post("/services", {"name": "y"}, headers={"Idempotency-Key": "k"}),
    ),
    (201, "", lambda s: s.post("/services", {"name": "x"}, headers={"Idempotency-Key": "k"})),
]


@pytest.fixture(scope="module")
def busy() -> Any:
    """A service with an app, a claimed and locked instance, a pending one, and an idempotency record."""
    with serving() as service:
        service.runnable()
        service.ticket()
        service.ticket()
        service.made("/instances/1/claim", CLAIM)
        service.put("/instances/1/lock", {"client": "a", "reason": "r"})
        service.post("/services", {"name": "x"}, headers={"Idempotency-Key": "k"})
        yield service


@pytest.mark.parametrize(("status", "code", "call"), CALLS)
def test_the_answer_is_documented(
    busy: Service, document: Document, status: int, code: str, call: Call
) -> None:
    answer = call(busy)
    assert answer.status_code == status, answer.text
    document.check(answer)
    if code:
        assert answer.json()["code"] == code


def test_so_is_the_answer_to_a_read_of_what_is_compacted(document: Document) -> None:
    with serving(history=2) as service:
        service.runnable()
        service.made("/apps/cat/revisions", {"ref": "next", "archive_url": ARCHIVE})
        while (answer := service.get("/apps/cat?rev=1")).status_code == 200:
            service.put("/apps/cat/env/n", {"value": str(service.rev)})
        assert answer.status_code == 410
        document.check(answer)
        assert answer.json()["oldest_rev"] > 1


def test_so_are_refusals_of_requests_and_subscribers_over_the_limit(document: Document) -> None:
    with serving(max_subscribers=0) as service:
        answer = service.get("/events?rev=0")
        assert answer.status_code == 429
        document.check(answer)
