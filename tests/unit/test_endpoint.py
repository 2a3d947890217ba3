"""A route's declaration, compiled: what a request gives is looked up in what is declared."""

import inspect
from typing import Annotated, Any
from urllib.parse import parse_qsl

import pytest
from fastapi import BackgroundTasks, Body, Cookie, Depends, Header, Query, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from pydantic import MISSING, BaseModel, ConfigDict, Field

from app.errors import InvalidRequest, MalformedRequest, UnsupportedMediaType
from app.http.bounds import Bounds
from app.http.context import Call
from app.http.endpoint import Plan, RouteEndpoint, pairs_of
from app.http.permits import Capacity, Permit

Parts = Annotated[list[str], Query(alias="state")]


class Thing(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    name: str
    size: int = 1


class Answer(Response):
    """What the function was called with."""

    def __init__(self, **given: Any) -> None:
        super().__init__()
        self.given = given


def provided() -> str:
    raise NotImplementedError


def _below(deep: int = 0) -> int:
    return deep


async def _paging(deep: Annotated[int, Depends(_below)], limit: Annotated[int, Field(ge=1)] = 5) -> Any:
    return limit, deep


async def route(
    name: Annotated[str, Field(max_length=3)],
    paging: Annotated[Any, Depends(_paging)],
    context: Annotated[str, Depends(provided)],
    call: Call,
    state: Parts = [],  # noqa: B006
    one: str | MISSING = MISSING,  # type: ignore[valid-type]
    if_match: Annotated[str | MISSING, Header(alias="If-Match")] = MISSING,  # type: ignore[valid-type]
) -> Response:
    return Answer(name=name, paging=paging, context=context, call=call, state=state, one=one, tag=if_match)


async def write(body: Thing, key: Annotated[str, Header()] = "none") -> Response:
    return Answer(body=body, key=key)


def compiled(
    function: Any, path: str = "/x", method: str = "GET", bounds: Bounds | None = None
) -> RouteEndpoint:
    declared = APIRoute(path, function, methods=[method], response_model=None)
    return RouteEndpoint(Plan(declared, [provided]), {provided: "the context"}, bounds)


READ = compiled(route, "/things/{name}")
WRITE = compiled(write, method="PUT")


def call_of(query: bytes = b"", headers: Any = (), body: bytes = b"") -> Call:
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": query, "headers": list(headers)}

    async def none(*_: Any) -> Any:
        raise AssertionError

    call = Call(scope, none, none, Permit(Capacity(max_requests=1, max_subscribers=1)))
    call.content = body
    return call


async def asked(
    endpoint: RouteEndpoint, query: bytes = b"", headers: Any = (), body: bytes = b"", name: str = "a"
) -> dict[str, Any]:
    answer = await endpoint(call_of(query, headers, body), ["", "things", name])
    assert isinstance(answer, Answer)
    return answer.given


async def refusal(*given: Any, **more: Any) -> list[Any]:
    with pytest.raises(InvalidRequest) as error:
        await asked(*given, **more)
    return [one["loc"] for one in error.value.members["errors"]]


async def test_a_call_that_gives_nothing_gets_the_defaults() -> None:
    given = await asked(READ)
    assert given.pop("call").content == b""
    assert given == {
        "name": "a",
        "paging": (5, 0),
        "context": "the context",
        "state": [],
        "one": MISSING,
        "tag": MISSING,
    }


async def test_what_is_given_is_checked_by_its_type_and_handed_to_who_declares_it() -> None:
    query, headers = b"state=a&limit=7&one=%C3%A9+x&deep=3&state=b", [(b"if-match", b'"1"')]
    given = await asked(READ, query, headers)
    assert (given["state"], given["paging"], given["one"], given["tag"]) == (["a", "b"], (7, 3), "é x", '"1"')
    assert given["call"].query[0] == ("state", "a")


@pytest.mark.parametrize("query", [b"", b"one=1", b"state=a&state=b&one=", b"limit=1&deep=2&one=3&state="])
async def test_what_a_route_and_its_dependencies_declare_is_taken(query: bytes) -> None:
    await asked(READ, query)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        (b"two=1", ["two"]),
        (b"status=a", ["status"]),
        (b"paging=1", ["paging"]),
        (b"context=1", ["context"]),
        (b"name=1", ["name"]),
        (b"one=1&one=1", ["one"]),
        (b"deep=1&x&deep=2&limit=1&limit=1&x", ["x", "deep", "limit"]),
        (b"&&=", [""]),
        (b"%E9=1", ["\ufffd"]),
    ],
)
async def test_everything_else_is_named_once(query: bytes, named: list[str]) -> None:
    assert await refusal(READ, query) == [["query", name] for name in named]


async def test_all_faults_are_told_in_the_order_of_what_is_declared() -> None:
    assert await refusal(READ, b"limit=0&deep=x", name="long") == [
        ["query", "deep"],
        ["query", "limit"],
        ["path", "name"],
    ]


@given(st.text("ab=&%+;/?é 1\x00") | st.text())
def test_a_query_that_needs_no_decoding_is_read_as_every_other(query: str) -> None:
    assert pairs_of(query) == parse_qsl(query, keep_blank_values=True)


async def test_a_query_has_bounds() -> None:
    tight = compiled(route, "/things/{name}", bounds=Bounds(query=20, values=2))
    assert (await asked(tight, b"state=a&state=b"))["state"] == ["a", "b"]
    assert await refusal(tight, b"state=&state=&state=") == [["query"]]
    assert await refusal(tight, b"one=" + b"x" * 17) == [["query"]]


async def test_a_body_is_read_as_its_model() -> None:
    json = [(b"content-type", b"application/json")]
    given = await asked(WRITE, headers=[*json, (b"key", b"k")], body=b'{"name": "x"}')
    assert given == {"body": Thing(name="x"), "key": "k"}
    assert await refusal(WRITE) == [["body"]]
    assert await refusal(WRITE, headers=json, body=b'{"size": "x"}') == [["body", "name"], ["body", "size"]]
    with pytest.raises(MalformedRequest):
        await asked(WRITE, headers=json, body=b"{")
    with pytest.raises(UnsupportedMediaType):
        await asked(WRITE, body=b"{}")


async def test_a_default_that_is_a_list_is_not_shared() -> None:
    """A handler that changes its argument changes it for itself."""

    async def changing(state: list[str] = Query(default=[])) -> Response:
        state.append("x")
        return Answer(state=state)

    endpoint = compiled(changing)
    assert (await asked(endpoint))["state"] == (await asked(endpoint))["state"] == ["x"]


@pytest.mark.parametrize(
    "parameter",
    [
        Annotated[str, Cookie()],
        BackgroundTasks,
        Response,
        Request,
    ],
    ids=str,
)
def test_what_is_not_done_is_refused_when_the_service_is_made(parameter: Any) -> None:
    async def function(one: parameter) -> Response: ...

    with pytest.raises(TypeError):
        compiled(function)


def test_a_dependency_that_ends_later_two_bodies_and_a_path_of_many_parts_are_refused_too() -> None:
    def ending() -> Any:
        yield 1

    async def with_ending(one: Annotated[int, Depends(ending)]) -> Response: ...

    async def with_two(one: Annotated[int, Body()], two: Annotated[int, Body()]) -> Response: ...

    async def with_path(rest: str) -> Response: ...

    for function, path in ((with_ending, "/x"), (with_two, "/x"), (with_path, "/x/{rest:path}")):
        with pytest.raises(TypeError):
            compiled(function, path, "PUT")


def test_what_is_used_of_the_frameworks_inside_is_there() -> None:
    """Its minor version is bound in pyproject.toml: where a new one changes these, this test says so."""
    declared = APIRoute("/things/{name}", route, methods=["GET"], response_model=None).dependant
    assert isinstance(declared, Dependant)
    assert declared.call is route
    assert [one.call for one in declared.dependencies] == [_paging, provided]
    assert [one.name for one in declared.dependencies] == ["paging", "context"]
    assert (declared.http_connection_param_name, declared.request_param_name) == ("call", None)
    assert (declared.response_param_name, declared.background_tasks_param_name) == (None, None)
    assert [one.alias for one in declared.path_params] == ["name"]
    assert [one.alias for one in declared.query_params] == ["state", "one"]
    assert [one.alias for one in declared.header_params] == ["If-Match"]
    assert (declared.cookie_params, declared.body_params) == ([], [])
    field = declared.path_params[0]
    assert (field.name, field.field_info.is_required()) == ("name", True)
    assert field._type_adapter.validator.validate_python("a", from_attributes=True) == "a"
    value, errors = field.validate("long", {}, loc=("path", "name"))
    assert (value, errors[0]["loc"]) == (None, ("path", "name"))
    [body] = APIRoute("/x", write, methods=["PUT"], response_model=None).dependant.body_params
    assert (body.name, body.field_info.annotation) == ("body", Thing)
    assert inspect.iscoroutinefunction(declared.call)
