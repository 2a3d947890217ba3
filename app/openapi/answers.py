"""Answers may grow: a new field, status or type of event must not break a client made from this document.
Requests stay as strict as the service is."""

from collections.abc import Iterator
from typing import Any

SCHEMAS = "#/components/schemas/"


def open_answers(document: dict[str, Any]) -> None:
    """Takes out of the schemas of answers what would make a client refuse them: closed objects, closed lists
    of values (they are told in words), and patterns, which some generators cannot check where a field may be
    null."""
    schemas: dict[str, Any] = document["components"]["schemas"]
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    of_requests = _reached(schemas, ([o.get("requestBody"), o.get("parameters")] for o in operations))
    answered = _reached(schemas, (o["responses"] for o in operations))
    for name in schemas.keys() - of_requests - answered:
        del schemas[name]  # an enum whose field says its values in words: declared, and not used
    for name in answered - of_requests:
        _open(schemas[name])
    # What is both asked and answered is a list of values: the answers say it as text.
    values = {SCHEMAS + name: schemas[name] for name in answered & of_requests}
    for name in answered - of_requests:
        _replace(schemas[name], values)


def _reached(schemas: dict[str, Any], parts: Any) -> set[str]:
    names: set[str] = set()
    todo = [name for part in parts for name in _references(part)]
    while todo:
        name = todo.pop()
        if name not in names:
            names.add(name)
            todo += _references(schemas[name])
    return names


def _references(part: Any) -> Iterator[str]:
    """The schemas that a part of the document names, in a union's mapping too."""
    if isinstance(part, dict):
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)
    elif isinstance(part, str) and part.startswith(SCHEMAS):
        yield part.removeprefix(SCHEMAS)


def _open(schema: Any) -> None:
    if isinstance(schema, list):
        for item in schema:
            _open(item)
    if not isinstance(schema, dict):
        return
    if schema.get("additionalProperties") is False:
        del schema["additionalProperties"]
    if isinstance(schema.get("pattern"), str):
        del schema["pattern"]
    if "oneOf" in schema:
        # The last of a union takes what the others do not know, and so what they know too.
        schema["anyOf"] = schema.pop("oneOf")
    _say_values(schema)
    for name, value in list(schema.items()):
        if name not in ("example", "examples", "description"):
            _open(value)


def _say_values(schema: dict[str, Any]) -> None:
    """In words, instead of a closed list."""
    constant = schema.pop("const", None)
    values = schema.pop("enum", None)
    if isinstance(constant, str):
        values = [constant]
    if isinstance(values, list):
        listed = ", ".join(f"`{value}`" for value in values)
        more = f"{'One of ' if len(values) > 1 else ''}{listed}; a later version may add others."
        schema["description"] = f"{schema.get('description', '')} {more}".lstrip()


def _replace(schema: Any, values: dict[str, Any]) -> None:
    if isinstance(schema, list):
        for item in schema:
            _replace(item, values)
    if not isinstance(schema, dict):
        return
    if schema.get("$ref") in values:
        replacement = {**values[schema.pop("$ref")]}
        _open(replacement)
        schema.update({**replacement, **schema})
        return
    for value in schema.values():
        _replace(value, values)
