"""Moves what many operations share to `components`."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from app.openapi import problems

PROBLEM = "application/problem+json"

HEADERS: dict[str, Any] = {
    "Visor-Rev": {
        "description": "The rev of the snapshot that was read, or of the commit that was made.",
        "required": True,
        "schema": {"type": "integer", "format": "int64", "minimum": 0},
        "example": 42,
    },
    "ETag": {
        "description": "The resource's rev, as a strong entity tag.",
        "required": True,
        "schema": {"type": "string"},
        "example": '"42"',
    },
    "OptionalETag": {
        "description": "The rev as a strong entity tag. Absent in a dry run and where the answer may "
        "still change.",
        "schema": {"type": "string"},
        "example": '"42"',
    },
    "Location": {
        "description": "Where the resource is.",
        "required": True,
        "schema": {"type": "string"},
        "example": "/instances/17",
    },
    "Visor-Age": {
        "description": "Seconds since this replica last knew that it held the latest state. Absent "
        "if a rev or `linearizable` was asked for.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 0,
    },
    "Idempotency-Replayed": {
        "description": "`true` if this repeats the first answer to the same Idempotency-Key.",
        "schema": {"type": "string"},
        "example": "true",
    },
    "Visor-Dry-Run": {
        "description": "`true` for a dry run: nothing was changed.",
        "schema": {"type": "string"},
        "example": "true",
    },
    "Retry-After": {
        "description": "Seconds to wait.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    },
}


def headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def share_problems(operations: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Puts references in place of the error answers, and gives what they refer to: one for each status."""
    shared: dict[str, Any] = {}
    for operation in operations:
        responses = operation["responses"]
        for status, response in responses.items():
            if status < "400":
                continue
            name = f"Problem{status}"
            media = {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": problems.examples(int(status)),
            }
            shared[name] = {**response, "content": {PROBLEM: media}}
            responses[status] = {"$ref": f"#/components/responses/{name}"}
    return shared


def share_parameters(operations: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The same for the parameters, `path.app` for one. Where operations say different things under one
    name, the most usual is called so, and another by its tag too: `query.rev.events`. A parameter that
    one operation alone has stays there."""
    count: Counter[str] = Counter()
    seen: dict[str, tuple[dict[str, Any], str]] = {}
    for operation in operations:
        for parameter in operation.get("parameters", ()):
            text = json.dumps(parameter, sort_keys=True)
            count[text] += 1
            seen.setdefault(text, (dict(parameter), operation["tags"][0].replace(" ", "-")))
    names: dict[str, str] = {}
    for text, times in count.most_common():
        parameter, tag = seen[text]
        name = f"{parameter['in']}.{parameter['name']}"
        if times > 1:
            names[text] = name if name not in names.values() else f"{name}.{tag}"
    for operation in operations:
        for parameter in operation.get("parameters", ()):
            shared = names.get(json.dumps(parameter, sort_keys=True))
            if shared is not None:
                parameter.clear()
                parameter["$ref"] = f"#/components/parameters/{shared}"
    return {name: seen[text][0] for text, name in names.items()}
