"""Describes dry runs: an answer of their own, in which revs may be null and which has no entity tag."""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from app.openapi import sharing

SCHEMAS = "#/components/schemas/"

_REVS = ("rev", "created_rev")
_NULL = "Null in the answer to a dry run, where it is not given yet."


def _can_be_tried(operation: dict[str, Any]) -> bool:
    return any(parameter["name"] == "dry_run" for parameter in operation.get("parameters", ()))


def add_answer(operation: dict[str, Any]) -> None:
    """To one that creates: a dry run makes nothing, so it is answered 200."""
    made = operation["responses"].get("201")
    if made is not None and _can_be_tried(operation):
        tried = {
            "description": "The resource that the call would create.",
            "content": deepcopy(made["content"]),
        }
        operation["responses"]["200"] = tried


def tell(operations: Iterable[dict[str, Any]], schemas: dict[str, Any]) -> None:
    """What is other in the answer of every operation that can be tried."""
    for operation in filter(_can_be_tried, operations):
        for status in ("200", "204"):
            if status in operation["responses"]:
                _amend(operation["responses"][status], schemas)


def example(answer: Any) -> Any:
    """The answer to a dry run of a call that creates."""
    return {**answer, **{name: None for name in _REVS if name in answer}}


def _amend(response: dict[str, Any], schemas: dict[str, Any]) -> None:
    headers = response.setdefault("headers", {})
    headers.update(sharing.headers("Visor-Dry-Run"))
    if "ETag" in headers:
        headers["ETag"] = {"$ref": "#/components/headers/OptionalETag"}
    for media in response.get("content", {}).values():
        properties = schemas[media["schema"]["$ref"].removeprefix(SCHEMAS)]["properties"]
        for name in _REVS:
            if name in properties:
                _allow_null(properties[name])


def _allow_null(schema: dict[str, Any]) -> None:
    if "anyOf" in schema:
        return
    number = {name: schema.pop(name) for name in ("type", "format", "minimum") if name in schema}
    schema["anyOf"] = [number, {"type": "null"}]
    schema["description"] = f"{schema.get('description', '')} {_NULL}".lstrip()
