"""The schemas are such that generated clients are good ones, and stay so when the service grows."""

import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from app.models import event
from tests.openapi.documented import SCHEMAS, Document
from tests.serving import APP, serving

EVENT = {"$ref": f"{SCHEMAS}Event"}


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a part of the document."""
    if isinstance(value, dict):
        yield value
        for one in value.values():
            yield from walk(one)
    elif isinstance(value, list):
        for one in value:
            yield from walk(one)


def reached(document: Document, schema: Any) -> set[str]:
    """The names of the schemas that one refers to, and those that they refer to."""
    found: set[str] = set()
    todo = [schema]
    while todo:
        for one in walk(todo.pop()):
            ref = one.get("$ref")
            if isinstance(ref, str) and ref.startswith(SCHEMAS) and ref.removeprefix(SCHEMAS) not in found:
                name = ref.removeprefix(SCHEMAS)
                found.add(name)
                todo.append(document.content["components"]["schemas"][name])
    return found


def test_every_field_of_an_answer_is_always_there(document: Document) -> None:
    """Null where there is nothing to say, never absent: what is optional in a schema is optional in SDKs."""
    answers = [
        media["schema"]
        for _, _, operation in document.operations.values()
        for status, response in document.responses(operation)
        if status < 300
        for media_type, media in response.get("content", {}).items()
        if media_type == "application/json"
    ]
    # `key` alone tells of an object that could not be read; a type of tomorrow has fields of its own.
    # A field that only one of two states has is told by what is absent: null would be a value.
    # Only a rev that was asked for by a time has one after it, and a grant has the scope of its role alone.
    optional = {
        "AnyOtherEvent": {"key"},
        "FieldChange": {"before", "after"},
        "RevInfo": {"next_rev", "next_at"},
        "Grant": {"apps", "hosts", "services"},
    }
    for name in reached(document, answers):
        schema = document.content["components"]["schemas"][name]
        missing = set(schema.get("properties", {})) - set(schema.get("required", ()))
        assert missing == optional.get(name, set()), name


def test_no_field_of_a_body_has_a_default(document: Document) -> None:
    """openapi-typescript asks for a field that has one, always; the description says it instead."""
    for name, schema in document.content["components"]["schemas"].items():
        assert not [one for one in schema.get("properties", {}).values() if "default" in one], name
    deploy_type = document.content["components"]["schemas"]["AppCreate"]["properties"]["deploy_type"]
    assert deploy_type["description"].endswith("Default: `lxc`.")


def test_an_enum_is_a_component_and_is_there_once(document: Document) -> None:
    schemas = document.content["components"]["schemas"]
    enums = {name: tuple(sorted(one["enum"])) for name, one in schemas.items() if "enum" in one}
    assert len(set(enums.values())) == len(enums)
    for name, schema in schemas.items():
        for one in walk(schema.get("properties", {})):
            assert "enum" not in one, name


def test_null_is_said_in_one_way(document: Document) -> None:
    for one in walk(document.content):
        assert not isinstance(one.get("type"), list)
        assert "nullable" not in one


def test_the_names_of_generics_unions_and_inputs_do_not_leak(document: Document) -> None:
    for name in document.content["components"]["schemas"]:
        assert re.fullmatch("[A-Za-z]+", name), name
        assert not name.endswith(("Input", "Output", "Inner")), name
        assert name not in ("HTTPValidationError", "ValidationError", "Body")
    assert {"AppPage", "InstancePage", "EventPage", "Event", "EnvPatch", "EnvVars"} <= set(
        document.content["components"]["schemas"]
    )


def test_no_number_is_a_float_that_was_an_integer(document: Document) -> None:
    text = json.dumps(document.content)
    assert "e+" not in text
    for one in walk(document.content["components"]):
        for bound in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
            assert not isinstance(one.get(bound), float), one


def test_a_pattern_means_the_same_in_every_dialect(document: Document) -> None:
    """What a space, a digit or a word is differs between those of Rust, which judges here, ECMAScript, which
    the schema is written in, and those of the languages of clients."""
    patterns = [one["pattern"] for one in walk(document.content) if isinstance(one.get("pattern"), str)]
    assert len(patterns) > 20
    assert [pattern for pattern in patterns if re.search(r"\\[sdwbSDWBpPuA-Z]|\(\?<", pattern)] == []


@pytest.mark.parametrize("between", ["\u0085", "\u00a0", " ", "\u001f", "\x7f"])
def test_what_is_no_url_by_the_schema_is_refused(document: Document, between: str) -> None:
    """And the other way round: found by the fuzz suite with U+0085."""
    with serving() as service:
        service.made("/apps", APP)
        service.made("/apps/cat/revisions", {"ref": "a"})
        url = f"https://a.example.com/x{between}y"
        assert document.errors({"$ref": f"{SCHEMAS}Ratification"}, {"archive_url": url})
        assert service.post("/apps/cat/revisions/a/ratify", {"archive_url": url}).status_code == 422


def test_variables_are_a_map_of_strings(document: Document) -> None:
    """patternProperties alone are no map to the generators."""
    variables = {"$ref": f"{SCHEMAS}EnvVars"}
    patch = {"$ref": f"{SCHEMAS}EnvPatch"}
    assert document.content["components"]["schemas"]["EnvVars"]["additionalProperties"]["type"] == "string"
    assert document.content["components"]["schemas"]["KeptVars"]["additionalProperties"] == {"type": "string"}
    assert document.errors(variables, {"cow": "moo", "COW_BELL": ""}) == []
    assert document.errors(variables, {"cow": None})
    assert document.errors(variables, {"": "x"})
    assert document.errors(variables, {"a=b": "x"})
    assert document.errors(variables, {"..": "x"})
    assert document.errors(variables, {"a": "x\0"})
    assert document.errors(patch, {"cow": None, "cat": "meow"}) == []


def test_an_event_is_told_by_its_type(document: Document) -> None:
    schema = document.content["components"]["schemas"]["Event"]
    models = [getattr(event, one["$ref"].removeprefix(SCHEMAS)) for one in schema["anyOf"] if "$ref" in one]
    assert len(models) == len(schema["anyOf"])
    types = {
        type_: SCHEMAS + model.__name__
        for model in models
        for type_ in get_args(model.model_fields["type"].annotation)
    }
    assert schema["discriminator"] == {"propertyName": "type", "mapping": types}


@pytest.mark.parametrize("type_", ["app-rename", "quota-update", "unknown"])
def test_an_event_of_a_type_to_come_is_one_that_clients_of_today_can_read(
    document: Document, type_: str
) -> None:
    """SDKs raise on a value that an enum does not have: adding a type must not break them."""
    new = {"rev": 7, "index": 0, "type": type_, "at": "2026-11-02T09:07:00.000000Z", "actor": "x"}
    assert document.errors(EVENT, {**new, "colour": "blue", "object": {}}) == []


def test_an_event_of_a_known_type_has_to_be_whole(document: Document) -> None:
    half = {"rev": 7, "index": 0, "type": "app-register", "at": "2026-11-02T09:07:00.000000Z", "actor": "x"}
    assert document.errors(EVENT, half)
