"""Every error is problem+json, says what to do, and tells nothing it should not (traps 11, 36)."""

import logging

import pytest

from app.errors import RequestError, request_errors
from app.http.responses import MAX_ERRORS, problem_response

JSON = {"Content-Type": "application/json"}


def problem(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["type"] == f"/problems/{code}"
    assert (body["status"], body["code"]) == (status, code)
    assert body["title"]
    assert body["detail"].endswith(".")
    return body


def test_an_error_of_the_domain_is_answered_as_it_is_with_its_rev(edge):
    response = edge.client.get("/things/none")
    assert problem(response, 404, "not-found")["detail"] == "There is no such thing at rev 5."
    assert response.headers["visor-rev"] == "5"


def test_an_unknown_path_is_a_problem(edge):
    problem(edge.client.get("/nowhere"), 404, "not-found")
    problem(edge.client.get("/things/"), 404, "not-found")


def test_405_lists_all_methods_of_the_path_over_all_routes(edge):
    for method in ("PUT", "POST", "PATCH", "TRACE"):
        response = edge.client.request(method, "/things/a")
        problem(response, 405, "method-not-allowed")
        assert response.headers["allow"] == "DELETE, GET, HEAD"


def test_405_for_a_head_where_there_is_no_get(edge):
    response = edge.client.head("/things")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


def test_422_names_the_field_and_echoes_nothing_of_the_body(edge):
    body = b'{"name": 12345, "size": "hunter2", "more": {"password": "hunter2"}}'
    response = edge.client.post("/things", content=body, headers=JSON)
    found = problem(response, 422, "invalid-request")
    assert "hunter2" not in response.text
    assert "12345" not in response.text
    assert [entry["loc"] for entry in found["errors"]] == [
        ["body", "name"],
        ["body", "size"],
        ["body", "more"],
    ]
    assert all(set(entry) == {"loc", "msg", "type"} for entry in found["errors"])
    assert found["detail"].startswith("body.name: ")
    assert "(and 2 more)" in found["detail"]


def test_422_stays_small_whatever_the_body(edge):
    body = b'{"name": "a", ' + b",".join(b'"%d%s": 1' % (n, b"x" * 500) for n in range(1000)) + b"}"
    response = edge.client.post("/things", content=body, headers=JSON)
    found = problem(response, 422, "invalid-request")
    assert len(found["errors"]) == MAX_ERRORS
    assert len(response.content) < 50_000


def test_a_fault_is_a_500_without_internals_and_its_traceback_is_logged(edge, caplog):
    response = edge.client.get("/fault")
    problem(response, 500, "internal-error")
    assert "secret" not in response.text
    assert response.headers["visor-rev"] == "42"
    faults = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(faults) == 1, "logged once"
    assert faults[0].exc_info is not None
    assert "secret internals" in caplog.text


@pytest.mark.parametrize("kind", request_errors(), ids=lambda kind: kind.code)
def test_every_error_class_has_an_answer(kind: type[RequestError]):
    error = kind("Do this.", limit=5)
    error.rev = 7
    error.headers["Retry-After"] = "3"
    response = problem_response(error)
    assert response.status_code == kind.status
    assert response.headers["visor-rev"] == "7"
    assert response.headers["retry-after"] == "3"
    assert b'"limit":5' in response.body
