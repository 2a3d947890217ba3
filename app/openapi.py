"""openapi.yaml: the schema that FastAPI makes, brought into the form that SDK generators read."""

from typing import Any

import yaml
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from app import __version__
from app.models.event import BaseEvent, GoneEvent, MarkEvent, SnapshotEvent

TAGS = {
    "apps": "Apps and their variables.",
    "env sets": "Immutable, named sets of variables.",
    "revisions": "Versions of an app's code: proposed, then accepted.",
    "proctypes": "Process types of an app, each with a port of its own.",
    "scale": "How many instances there are to be.",
    "instances": "Tickets to run one process, and what became of them.",
    "life of an instance": "What hosts and operators say of an instance.",
    "services": "Names and the endpoints at which they answer.",
    "runners": "Which process runs which instance.",
    "members": "The platform's own parts.",
    "events": "Everything that happens, in order.",
    "time": "The rev, and the stored layout.",
    "operations": "Health, metrics, and what errors mean.",
}

DESCRIPTION = """The registry of what runs on a platform: apps, their revisions, env sets and process
types, and the instances that hosts claim and run.

The one idea is time. Every commit has a **rev**; every read is of one snapshot (`?rev=N` names it);
every write is one commit; `GET /events` streams everything after a rev, gap-free and exactly
resumable."""

HEADERS: dict[str, Any] = {
    "Visor-Rev": {
        "description": "The rev of the snapshot that the answer is from, or of the commit it made.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 42,
    },
    "ETag": {
        "description": "The resource's rev, as a strong tag.",
        "schema": {"type": "string"},
        "example": '"42"',
    },
    "Location": {"description": "Where the new resource is.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "`true` where this is a repeated answer to the same Idempotency-Key.",
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
}

PROBLEM = "application/problem+json"


def install(app: FastAPI) -> None:
    """Have the application serve this schema."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = build(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def to_yaml(schema: dict[str, Any]) -> str:
    """The text of openapi.yaml."""
    text: str = yaml.safe_dump(schema, sort_keys=False, allow_unicode=True, width=110)
    return text


def build(app: FastAPI) -> dict[str, Any]:
    """The schema of the application, OpenAPI 3.1.0."""
    schema = get_openapi(
        title="Visor",
        version=__version__,
        openapi_version="3.1.0",
        description=DESCRIPTION,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        servers=[{"url": "/", "description": "This service."}],
        contact={"name": "Visor maintainers"},
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    schemas = schema["components"]["schemas"]
    _add_event_schemas(schemas)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schema["components"]["headers"] = HEADERS
    shared: dict[str, Any] = {}
    for path in schema["paths"].values():
        for method, operation in path.items():
            _amend(method, operation, shared)
    schema["components"]["responses"] = dict(sorted(shared.items()))
    # No call asks for credentials yet: said outright, so that no generator asks either.
    schema["security"] = []
    return schema


def _add_event_schemas(schemas: dict[str, Any]) -> None:
    """What a stream carries beside the events of the list: documented, though no answer refers to it."""
    models = [(model, "serialization") for model in (SnapshotEvent, MarkEvent, GoneEvent)]
    _, made = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    for name, one in made["$defs"].items():
        schemas.setdefault(name, one)
    schemas.pop(BaseEvent.__name__, None)


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _amend(method: str, operation: dict[str, Any], shared: dict[str, Any]) -> None:
    responses = operation["responses"]
    for status, response in responses.items():
        if status >= "400":
            # The same for every operation: said once.
            name = f"Problem{status}"
            content = {PROBLEM: response["content"]["application/json"]}
            more = ("Retry-After",) if status in ("429", "503") else ()
            shared[name] = {**response, "headers": _headers("Visor-Rev", *more), "content": content}
            responses[status] = {"$ref": f"#/components/responses/{name}"}
            continue
        names = ["Visor-Rev"]
        if status == "201":
            names += ["ETag", "Location"]
        if method == "post":
            names.append("Idempotency-Replayed")
        response["headers"] = _headers(*names)
    body = operation.get("requestBody")
    if method == "patch" and body is not None:
        content = body["content"]
        content["application/merge-patch+json"] = content.pop("application/json")
