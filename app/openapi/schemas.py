"""Puts JSON schemas into the form that generators read best, without changing their meaning."""

from typing import Any

_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_INT64_MAX = 2**63 - 1


def tidy(document: dict[str, Any]) -> None:
    """All schemas of the document, in place."""
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                _tidy_parameter(parameter)
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for content in (media for body in bodies for media in body.get("content", {}).values()):
                _tidy(content["schema"])
    for schema in document["components"]["schemas"].values():
        _tidy(schema)


def _tidy_parameter(parameter: dict[str, Any]) -> None:
    schema = parameter["schema"]
    _tidy(schema)
    # Said of the parameter already.
    schema.pop("description", None)


def _tidy(schema: Any) -> None:
    if not isinstance(schema, dict):
        return
    # The framework's titles are the fields' names again; generators would make type names of them.
    schema.pop("title", None)
    for bound in _BOUNDS:
        # The framework's own model makes floats of them.
        if isinstance(schema.get(bound), float) and schema[bound].is_integer():
            schema[bound] = int(schema[bound])
    if schema.get("format") == "int64" and schema.get("maximum", 0) >= _INT64_MAX:
        # The format says it, and many readers of JSON cannot say it exactly.
        del schema["maximum"]
    _open_keys(schema)
    for field in schema.get("properties", {}).values():
        _tidy(field)
        _say_default(field)
    for name in ("items", "additionalProperties", "contentSchema", "propertyNames"):
        _tidy(schema.get(name))
    for name in ("anyOf", "oneOf", "allOf"):
        for field in schema.get(name, ()):
            _tidy(field)


def _say_default(field: dict[str, Any]) -> None:
    """In words: a field with a `default` is one that some generators ask for, always."""
    default = field.pop("default", None)
    if isinstance(default, str | int):
        field["description"] = f"{field.get('description', '')} Default: `{default}`.".lstrip()


def _open_keys(schema: dict[str, Any]) -> None:
    """A map whose keys have a pattern, said so that generators see a map."""
    patterns = schema.pop("patternProperties", None)
    if patterns is None:
        return
    [(pattern, value)] = patterns.items()
    names = schema.pop("propertyNames", {})
    schema["propertyNames"] = {"pattern": pattern, **names}
    schema["additionalProperties"] = value
