"""What SDK generators need: each rule walks the whole document. docs/sdks.md says what broke which."""

import re
from collections.abc import Iterator
from typing import Any

from app.errors import request_errors
from app.openapi.meanings import EXCEPTIONS, MEANINGS, OF_TYPES
from tests.openapi.documented import SCHEMAS, Document

LITERAL = ("example", "examples", "description", "default")
"""What is under these is no schema."""


def walk(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the document that is not an example, with its place."""
    if isinstance(value, dict):
        yield path, value
        for name, one in value.items():
            if name not in LITERAL or path.endswith("/properties"):
                yield from walk(one, f"{path}/{name}")
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from walk(one, f"{path}/{index}")


def answers(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of what is answered: of the responses and of the schemas that they lead to."""
    schemas = document.content["components"]["schemas"]
    todo: list[tuple[str, Any]] = [
        (f"{name} {status}", response)
        for name, (_, _, operation) in document.operations.items()
        for status, response in document.responses(operation)
    ]
    seen: set[str] = set()
    while todo:
        for path, one in walk(todo[0][1], todo.pop(0)[0]):
            yield path, one
            for value in (one.get("$ref"), *one.values()):
                name = value.removeprefix(SCHEMAS) if isinstance(value, str) else ""
                if name in schemas and value != name and name not in seen:
                    seen.add(name)
                    todo.append((name, schemas[name]))


def test_the_walk_reaches_the_answers(document: Document) -> None:
    """Or the rules below would hold of nothing."""
    paths = {path for path, _ in answers(document)}
    assert {"Instance", "InstanceEvent", "SnapshotEvent", "Problem", "Page"} - paths == {"Page"}
    assert any(path.startswith("Instance/properties/env/anyOf") for path in paths)


def test_answers_have_no_patterns(document: Document) -> None:
    """Go's client checks one on a field that may be null, and does not compile."""
    assert [path for path, one in answers(document) if isinstance(one.get("pattern"), str)] == []


def test_no_pattern_looks_around(document: Document) -> None:
    """Go, Rust and RE2 have no look-around: their clients fail at the first use."""
    for path, one in walk(document.content):
        if isinstance(one.get("pattern"), str):
            assert "(?" not in one["pattern"], path


def test_answers_are_open_for_fields_to_come(document: Document) -> None:
    assert [path for path, one in answers(document) if one.get("additionalProperties") is False] == []


def test_answers_are_open_for_values_to_come(document: Document) -> None:
    """A status or a type of event that an enum does not have raises in Python, Java and Go. The words are in
    the description."""
    assert [path for path, one in answers(document) if "enum" in one or "const" in one] == []
    status = document.content["components"]["schemas"]["Status"]["description"]
    assert "`pending`, `claimed`" in status
    assert status.endswith("a later version may add others.")


def test_what_is_asked_stays_closed(document: Document) -> None:
    """A slip in a field's name is found by the client's compiler."""
    schemas = document.content["components"]["schemas"]
    bodies = [
        document.resolve(media["schema"])
        for _, _, operation in document.operations.values()
        for media_type, media in operation.get("requestBody", {}).get("content", {}).items()
        if media_type != "application/x-ndjson"  # a text to them
    ]
    assert len(bodies) > 20
    for body in bodies:
        assert body.get("additionalProperties") is not None, body
    assert schemas["StatusFilter"]["enum"]


def test_a_create_has_no_conditions(document: Document) -> None:
    """They would stand in the signature of each, and a thing that is not there has no tag."""
    for name, (_, _, operation) in document.operations.items():
        if "201" in operation["responses"]:
            given = {document.resolve(one)["name"] for one in operation["parameters"]}
            assert not given & {"If-Match", "If-None-Match"}, name


def test_every_union_has_a_name(document: Document) -> None:
    """Generators name it after where it stands (`SnapshotEventObject`), and so anew wherever it stands."""
    for path, one in walk(document.content):
        members = [each for each in one.get("anyOf", one.get("oneOf", ())) if each.get("type") != "null"]
        if len(members) > 1:
            assert re.fullmatch("/components/schemas/[A-Za-z]+", path), path


def test_no_union_is_exclusive(document: Document) -> None:
    """`oneOf` fails where a value fits twice, and a form that is open for types to come fits every event."""
    assert [path for path, one in walk(document.content) if "oneOf" in one] == []


VERBS = {
    "get": {"get", "list", "livez", "readyz", "export"},
    "post": {"register", "ratify", "claim", "unclaim", "start", "stop", "exit", "fail", "lose", "restart"}
    | {"apply", "revert", "undo", "rotate", "rewrite", "read", "begin", "import"},
    "put": {"set", "lock"},
    "patch": {"patch"},
    "delete": {"unregister", "unlock", "remove", "revoke", "end"},
}


def test_verbs_are_the_same_for_the_same_thing(document: Document) -> None:
    """What is registered is unregistered; what is set (a variable) is removed; what is locked is unlocked."""
    ids = set(document.operations)
    for name, (method, _, _) in document.operations.items():
        verb, _, rest = name.partition("_")
        assert verb in VERBS[method], name
        if verb == "register":
            assert f"unregister_{rest}" in ids, name
        if verb == "remove":
            assert f"set_{rest}" in ids, name


def test_every_property_says_what_it_means(document: Document) -> None:
    """Not what it is made of: *of an app* is true of everything that has the type."""
    for name, schema in document.content["components"]["schemas"].items():
        assert schema.get("description"), name
        for property_, said in schema.get("properties", {}).items():
            words = said.get("description", "").partition("Default:")[0].strip()
            assert words, f"{name}.{property_}: say what it means (app/openapi/meanings.py)"
            assert words not in OF_TYPES, f"{name}.{property_}"


def test_no_meaning_is_told_of_what_is_not_there(document: Document) -> None:
    schemas = document.content["components"]["schemas"]
    there = {f"{name}.{one}" for name, schema in schemas.items() for one in schema.get("properties", {})}
    assert set(EXCEPTIONS) - there == set()
    assert set(MEANINGS) - {one.partition(".")[2] for one in there} == set()


def test_a_problems_codes_are_listed_in_words(document: Document) -> None:
    code = document.content["components"]["schemas"]["Problem"]["properties"]["code"]
    assert "enum" not in code
    for error in request_errors():
        assert f"`{error.code}`" in code["description"]


def test_the_server_is_one_that_a_client_can_call(document: Document) -> None:
    """Clients are made with the first server as their base URL."""
    assert document.content["servers"][0]["url"].startswith("http://")


def test_a_stream_has_one_media_type_and_the_list_another_path(document: Document) -> None:
    for name, (_, _, operation) in document.operations.items():
        for status, response in document.responses(operation):
            assert len(response.get("content", {})) <= 1, (name, status)
