"""The document as a whole: its own description, and the order in which its parts are put into shape."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from app import __version__
from app.models.event import StreamMessage
from app.openapi import access, answers, dry_runs, examples, meanings, problems, schemas, sharing

TAGS = {
    "apps": "Apps and their variables.",
    "secrets": "Variables whose values are never shown. A process gets them through its host.",
    "env sets": "Immutable, named sets of variables.",
    "revisions": "Versions of an app's code: proposed, then accepted.",
    "proctypes": "Process types of an app, each with a port of its own.",
    "scale": "How many instances should run.",
    "instances": "Tickets to run one process, and what became of them.",
    "life of an instance": "What hosts and operators report about an instance.",
    "services": "Names, and the endpoints that serve them.",
    "runners": "Which process runs which instance.",
    "members": "The platform's own parts.",
    "plans": "Many changes as one commit: first planned, then made.",
    "events": "Everything that happens, in order.",
    "discovery": "What runs where, in the formats of other programs.",
    "time": "The rev, the commits, and the stored layout.",
    "tokens": "Tokens and sessions: who may do what.",
    "operations": "Health, metrics, and what errors mean.",
}

DESCRIPTION = """\
The registry of what runs on a platform: apps, their revisions, env sets and process types, and the
instances that hosts claim and run.

Every commit has a number, its **rev**. Every read answers from one snapshot (`?rev=N` names it); every
write is one commit. `GET /events` streams everything after a rev, without gaps, and resumes exactly where
it was cut.

On loopback, or with `insecure`, a service needs no credentials until its first token is made. From then on
every call except `/livez`, `/readyz` and `/problems` needs a valid token (401) with a grant that allows the
call (403). What a token may not see is answered as if it did not exist.

A request whose `Host` is not a name of the service is 421 `unknown-host`. A request from a page of another
site is 403 `foreign-origin`. `OPTIONS` on any path is 204 with `Allow`.
"""

EVENT_STREAM = "text/event-stream"

_CONDITIONS = ("If-Match", "If-None-Match")


def build(app: FastAPI) -> dict[str, Any]:
    """The schema of the application, OpenAPI 3.1.0."""
    made = get_openapi(
        title="Visor",
        version=__version__,
        openapi_version="3.1.0",
        description=DESCRIPTION,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        servers=[
            {"url": "http://127.0.0.1:8000", "description": "A service that was started without settings."}
        ],
        contact={"name": "Visor maintainers"},
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    components = made["components"]
    _add_stream_messages(made["paths"], components["schemas"])
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    operations = [
        (method, operation) for path in made["paths"].values() for method, operation in path.items()
    ]
    for method, operation in operations:
        access.declare(operation)
        _amend(method, operation)
    schemas.tidy(made)
    meanings.tell(components["schemas"])
    dry_runs.tell((operation for _, operation in operations), components["schemas"])
    components["schemas"]["Problem"]["properties"]["code"]["description"] = problems.codes()
    answers.open_answers(made)
    examples.add(operation for _, operation in operations)
    components["headers"] = sharing.HEADERS
    components["responses"] = sharing.share_problems(operation for _, operation in operations)
    components["parameters"] = sharing.share_parameters([operation for _, operation in operations])
    components["securitySchemes"] = access.SCHEMES
    made["security"] = access.NEEDED
    order = ("openapi", "info", "servers", "security", "tags", "paths", "components")
    made["components"] = {name: dict(sorted(components[name].items())) for name in sorted(components)}
    return {name: made[name] for name in order}


def _amend(method: str, operation: dict[str, Any]) -> None:
    body = operation.get("requestBody")
    responses = operation["responses"]
    if "201" in responses:
        # What is created has no tag yet: the headers are read, as on any write, but nobody needs them.
        operation["parameters"] = [
            kept for kept in operation["parameters"] if kept["name"] not in _CONDITIONS
        ]
    if "HTTPValidationError" in str(responses.get("422")):
        # The framework declares it for every parameter, one that cannot be wrong included.
        del responses["422"]
    if body is None:
        for status in ("413", "415"):
            responses.pop(status, None)
    elif method == "patch":
        content = body["content"]
        content["application/merge-patch+json"] = content.pop("application/json")
    dry_runs.add_answer(operation)
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    for status, response in responses.items():
        added = ["Visor-Rev"]
        if status < "300" and "Idempotency-Key" in names:
            added.append("Idempotency-Replayed")
        if status in ("429", "503"):
            added.append("Retry-After")
        response["headers"] = {**sharing.headers(*added), **response.get("headers", {})}
    operation["responses"] = dict(sorted(responses.items()))


def _add_stream_messages(paths: dict[str, Any], components: dict[str, Any]) -> None:
    """What a stream carries, said beside the stream: OpenAPI 3.1 has no word for its messages, and the
    generators read it as a string."""
    made = TypeAdapter(StreamMessage).json_schema(
        ref_template="#/components/schemas/{model}", mode="serialization"
    )
    definitions = made.pop("$defs")
    for name, schema in {"StreamMessage": made, **definitions}.items():
        components.setdefault(name, schema)
    for path in paths.values():
        stream = path.get("get", {}).get("responses", {}).get("200", {}).get("content", {}).get(EVENT_STREAM)
        if stream is not None:
            stream["schema"] = {
                "type": "string",
                "contentSchema": {"$ref": "#/components/schemas/StreamMessage"},
            }
