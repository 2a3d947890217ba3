"""Whatever is answered: a rev, JSON in snake_case, times in UTC, full 405s, HEAD as GET."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.http.every_route import (
    CLAIM,
    EMPTY,
    FILL,
    OPERATIONS,
    READS,
    WRITES,
    accepting,
    path_of,
    play,
    url_of,
)
from tests.http.expect import refused
from tests.serving import serving

PAGES = {
    "/problems": "text/html",
    "/problems/{code}": "text/html",
    "/metrics": "text/plain",
    "/export": "application/x-ndjson",
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")
NAMED_BY_USERS = ("env", "vars")


@pytest.fixture(scope="module")
def session() -> Iterator[dict[tuple[str, str], tuple[int, httpx2.Response]]]:
    """Of each operation: the latest rev after it, and its answer."""
    seen: dict[tuple[str, str], tuple[int, httpx2.Response]] = {}

    def note(steps: list[tuple[str, str, Any]]) -> None:
        for step in steps:
            [answer] = play(visor, [step])
            seen[step[:2]] = visor.rev, answer

    with serving() as visor:
        note(FILL)
        for template in READS:
            seen["GET", template] = visor.rev, visor.get(url_of("GET", template), headers=accepting(template))
        id = visor.ticket()
        claim_rev = visor.made(f"/instances/{id}/claim", CLAIM)["claim_rev"]
        read = visor.post(f"/instances/{id}/env", {**CLAIM, "claim_rev": claim_rev})
        seen["POST", "/instances/{id}/env"] = visor.rev, read
        visor.delete(f"/instances/{id}")
        note(EMPTY)
        yield seen


def test_the_session_has_every_operation(session):
    """A route that is added has to be added to the sessions too."""
    assert sorted(session) == OPERATIONS


@pytest.mark.parametrize(("method", "template"), OPERATIONS)
def test_a_success_carries_the_rev_it_is_of(session, method, template):
    rev, answer = session[method, template]
    assert answer.is_success, answer.text
    # A commit is told as of its own rev, whatever came after it.
    assert answer.headers["Visor-Rev"] == ("1" if template == "/commits/{rev}" else str(rev))


def _strings(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every field of a JSON value with its name; what users name is left out."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield key, one
            if not (key in NAMED_BY_USERS and isinstance(one, dict)):
                yield from _strings(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one, name)


@pytest.mark.parametrize(("method", "template"), OPERATIONS)
def test_a_success_is_json_in_snake_case_with_times_in_utc(session, method, template):
    _, answer = session[method, template]
    if template in PAGES:
        assert answer.headers["Content-Type"].startswith(PAGES[template])
        return
    assert answer.headers["Content-Type"] == "application/json"
    for name, value in _strings(answer.json()):
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name), name
        if (name.endswith("_at") or name == "at") and value is not None:
            assert TIME.match(value), (name, value)


@pytest.mark.parametrize("template", READS)
def test_head_is_get_without_a_body(full, template):
    headers = accepting(template)
    got = full.get(url_of("GET", template), headers=headers)
    head = full.client.head(url_of("GET", template), headers=headers)
    assert head.status_code == 200
    assert head.content == b""
    # The length of the metrics page changes with what it counts, and the timeline's axis ends now. What is
    # sent while it is read says with its body how.
    apart = {"date", "transfer-encoding"}
    if template in ("/metrics", "/timeline"):
        apart.add("content-length")
    assert [h for h in head.headers.multi_items() if h[0] not in apart] == [
        h for h in got.headers.multi_items() if h[0] not in apart
    ]


@pytest.mark.parametrize("template", READS)
def test_head_of_what_is_refused_is_refused_without_a_body(full, template):
    headers = accepting(template)
    got = full.get(path_of(template), params={"no-such": "1"}, headers=headers)
    head = full.client.head(path_of(template), params={"no-such": "1"}, headers=headers)
    assert (head.status_code, head.content) == (422, b"")
    assert head.headers["Visor-Rev"] == got.headers["Visor-Rev"]
    assert head.headers["Content-Length"] == got.headers["Content-Length"]


@pytest.mark.parametrize("template", sorted({template for _, template in OPERATIONS}))
def test_405_lists_every_method_of_the_path(full, template):
    # `/instances/claim` reads as `/instances/{id}` too: with a GET it is an id that is not a number.
    also = [("GET", template), ("DELETE", template)] if template == "/instances/claim" else []
    known = {method for method, one in [*OPERATIONS, *also] if one == template}
    known |= {"HEAD"} if "GET" in known else set()
    path = path_of(template)
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - known:
        answer = full.client.request(method, path)
        refused(answer, 405, "method-not-allowed")
        assert answer.headers["Allow"] == ", ".join(sorted(known))
        assert (
            answer.json()["detail"] == f"{method} is not allowed here; allowed: {', '.join(sorted(known))}."
        )
    options = full.client.options(path)
    assert (options.status_code, options.content) == (204, b"")
    assert options.headers["Allow"] == ", ".join(sorted(known))
    assert options.headers["Visor-Rev"] == str(full.rev)


@pytest.mark.parametrize("path", ["/nowhere", "/apps/", "/apps/cat/env/cow/moo"])
def test_options_of_a_path_that_is_not_there_is_answered_too(full, path):
    """As `OPTIONS /` is, which a load balancer asks to see whether the service is there."""
    answer = full.client.options(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "OPTIONS" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/app", "/apps/", "/apps/cat/", "/apps/cat/env/cow/moo"])
def test_a_path_that_is_not_there_is_a_problem_too(full, path):
    refused(full.get(path), 404, "not-found")


@pytest.mark.parametrize(("method", "template"), WRITES)
def test_a_refused_write_carries_the_rev_that_it_was_judged_by(full, method, template):
    """Refused before it is judged (a bad query) or by its precondition: both say the latest rev."""
    now = str(full.rev)
    path = path_of(template)
    bad = full.client.request(method, path, params={"no-such": "1"})
    refused(bad, 422, "invalid-request")
    assert bad.headers["Visor-Rev"] == now


def test_a_read_at_a_rev_says_that_rev_and_not_the_latest(full):
    assert full.get("/apps/cat", params={"rev": 2}).headers["Visor-Rev"] == "2"
    missing = full.get("/services/memcached", params={"rev": 2})
    refused(missing, 404, "not-found", rev=2)
    assert missing.headers["Visor-Rev"] == "2"
    assert "service memcached" in missing.json()["detail"]
