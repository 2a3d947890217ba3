"""openapi.yaml is valid, complete, and what the service says of itself."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.http.access_table import TABLE
from app.main import create_app
from app.models.grants import Role
from app.settings import Settings
from tests.openapi.documented import Document
from tests.serving import serving


def test_the_committed_document_is_the_one_that_the_command_prints(committed: str) -> None:
    visor = Path(sys.executable).with_name("visor")
    printed = subprocess.run([visor, "openapi"], capture_output=True, text=True, check=True, timeout=300)
    assert printed.stdout == committed, "write it anew: .venv/bin/visor openapi > openapi.yaml"


def test_a_running_service_serves_the_same_document(document: Document) -> None:
    with serving() as service:
        assert service.get("/openapi.json").json() == document.content


def test_it_is_valid_openapi_3_1_0(document: Document) -> None:
    assert document.content["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document.content).iter_errors()) == []


def test_it_reads_well(committed: str) -> None:
    """Text of several lines stands as it reads, nothing is an anchor, and it stays a document of a size
    that can be reviewed."""
    assert not re.search(r"^\s*(- )?[\w$-]+: [&*]\w+", committed, re.MULTILINE)
    assert "description: |" in committed
    assert not re.search(r"^\s*description: ['\"].*\n\n", committed, re.MULTILINE)
    assert len(committed.splitlines()) < 14_000


def test_every_route_is_documented_and_nothing_else(document: Document) -> None:
    app = create_app(Settings(store="memory:")).api
    routes = {
        (method.lower(), route.path, route.name)
        for route in app.routes
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in route.methods
    }
    said = {(method, path, name) for name, (method, path, _) in document.operations.items()}
    assert said == routes


def test_operation_ids_are_unique(document: Document) -> None:
    ids = [one["operationId"] for path in document.content["paths"].values() for one in path.values()]
    assert len(ids) == len(set(ids)) == len(document.operations)


def test_every_operation_says_what_it_is_for(document: Document) -> None:
    tags = {tag["name"] for tag in document.content["tags"]}
    assert all(tag["description"] for tag in document.content["tags"])
    for name, (_, _, operation) in document.operations.items():
        assert operation["summary"], name
        assert operation["description"], name
        [tag] = operation["tags"]
        assert tag in tags, name
        for _, response in document.responses(operation):
            assert response["description"] not in ("", "Successful Response", "Validation Error"), name


def test_every_parameter_says_what_it_is_for_and_headers_are_spelled_as_in_their_rfcs(
    document: Document,
) -> None:
    names = set()
    for name, (_, _, operation) in document.operations.items():
        for parameter in map(document.resolve, operation.get("parameters", ())):
            said = parameter.get("description") or document.resolve(parameter["schema"]).get("description")
            assert said, (name, parameter)
            if parameter["in"] == "header":
                names.add(parameter["name"])
    # Accept is not among them: OpenAPI has it ignored, the media types of the answers say it.
    ours, preconditions = {"Visor-Actor", "Visor-Reason"}, {"If-Match", "If-None-Match"}
    assert names == ours | preconditions | {"Idempotency-Key", "Last-Event-ID", "traceparent"}


def test_every_error_is_a_problem(document: Document) -> None:
    for name, (_, _, operation) in document.operations.items():
        errors = {status: one for status, one in document.responses(operation) if status >= 400}
        assert 500 in errors, name
        assert any(status < 500 for status in errors), name
        for status, response in errors.items():
            [(media_type, media)] = response["content"].items()
            assert media_type == "application/problem+json", (name, status)
            assert media["schema"] == {"$ref": "#/components/schemas/Problem"}, (name, status)
            assert "Visor-Rev" in response["headers"], (name, status)
            assert ("Retry-After" in response["headers"]) == (status in (429, 503)), (name, status)


def test_the_calls_that_need_a_token_say_so(document: Document) -> None:
    """By the table: all but those that are open, with the answers where there is none that will do."""
    assert document.content["security"] == [{"token": []}]
    assert document.content["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert document.content["components"]["securitySchemes"]["certificate"]["type"] == "mutualTLS"
    for name, (_, _, operation) in document.operations.items():
        row = TABLE[name]
        by_certificate = Role.HOST in row.all | row.own
        said = [] if row.open else [{"token": []}, {"certificate": []}] if by_certificate else None
        assert operation.get("security") == said, name
        if not row.open:
            assert {"401", "403"} <= set(operation["responses"]), name


def test_merge_patches_are_declared_as_such(document: Document) -> None:
    """Declared is the one media type, so that SDKs have one method; plain JSON is taken as the same."""
    patches = [one for method, _, one in document.operations.values() if method == "patch"]
    assert len(patches) == 3
    for operation in patches:
        assert list(operation["requestBody"]["content"]) == ["application/merge-patch+json"]


def test_reads_of_one_resource_know_304_and_a_claim_from_the_queue_204(document: Document) -> None:
    for name, (method, _, operation) in document.operations.items():
        answers = dict(document.responses(operation))
        tagged = "ETag" in answers.get(200, {}).get("headers", {})
        assert (304 in answers) == (method == "get" and tagged), name
        assert (204 in answers) == (name in {"claim_next", "begin_session", "end_session"}), name


def test_every_write_can_be_tried(document: Document) -> None:
    """With `dry_run`, answered 200 and marked, whatever the call itself answers; no read can, nor a session,
    which commits nothing."""
    for name, (method, path, operation) in document.operations.items():
        if path == "/session":
            continue
        parameters = {document.resolve(one)["name"] for one in operation.get("parameters", ())}
        reads = method == "get" or name == "read_environment"
        assert ("dry_run" in parameters) == (not reads), name
        tried = dict(document.responses(operation)).get(200, {})
        assert ("Visor-Dry-Run" in tried.get("headers", {})) == (not reads), name


def test_a_read_that_looks_at_if_none_match_has_a_tag_and_no_other_says_it_does(document: Document) -> None:
    for name, (method, _, operation) in document.operations.items():
        if method == "get":
            parameters = {document.resolve(one)["name"] for one in operation.get("parameters", ())}
            assert ("If-None-Match" in parameters) == ("304" in operation["responses"]), name


def test_headers_that_every_such_answer_carries_are_said_to_be_required(document: Document) -> None:
    headers = document.content["components"]["headers"]
    always = {name for name, header in headers.items() if header.get("required")}
    optional = {"Idempotency-Replayed", "OptionalETag", "Visor-Age", "Visor-Dry-Run"}
    assert set(headers) - always == optional


def _bounded(schema: Any) -> dict[str, Any]:
    return {key: schema.get(key) for key in ("type", "minimum", "maximum", "format")}


def test_numbers_in_urls_show_their_bounds(document: Document) -> None:
    parameters = document.content["components"]["parameters"]
    for name, expected in {
        "query.rev": {"type": "integer", "minimum": 0, "maximum": None, "format": "int64"},
        "query.limit": {"type": "integer", "minimum": 1, "maximum": 1000, "format": None},
        "query.wait": {"type": "integer", "minimum": 0, "maximum": 60, "format": None},
        "path.id": {"type": "integer", "minimum": 1, "maximum": None, "format": "int64"},
    }.items():
        schema = parameters[name]["schema"]
        assert _bounded(schema) == expected, name
        assert not {"ge", "gt", "le", "lt"} & set(schema), name
