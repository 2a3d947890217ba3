"""Which query parameters a route takes, worked out once from what it declares."""

from typing import Annotated

import pytest
from fastapi import Depends, Query
from fastapi.dependencies.utils import get_dependant
from starlette.requests import Request

from app.errors import InvalidRequest
from app.http.bounds import checker


async def _below(deep: int = 0) -> int:
    return deep


async def _paging(limit: int = 5, deep: Annotated[int, Depends(_below)] = 0) -> int:
    return limit


async def route(
    paging: Annotated[int, Depends(_paging)],
    status: Annotated[list[str], Query(alias="state")] = [],  # noqa: B006
    one: str = "",
) -> None: ...


CHECK = checker(get_dependant(path="/x", call=route))


def asked(query: bytes) -> Request:
    return Request({"type": "http", "query_string": query, "headers": []})


@pytest.mark.parametrize("query", [b"", b"one=1", b"state=a&state=b&one=", b"limit=1&deep=2&one=3&state="])
def test_what_a_route_and_its_dependencies_declare_is_taken(query):
    CHECK(asked(query))


@pytest.mark.parametrize(
    ("query", "named"),
    [
        (b"two=1", ["two"]),
        (b"status=a", ["status"]),
        (b"paging=1", ["paging"]),
        (b"one=1&one=1", ["one"]),
        (b"deep=1&x&deep=2&limit=1&limit=1&x", ["x", "deep", "limit"]),
        (b"&&=", [""]),
        (b"%E9=1", ["\ufffd"]),
    ],
)
def test_everything_else_is_named_once(query, named):
    with pytest.raises(InvalidRequest) as error:
        CHECK(asked(query))
    assert [one["loc"] for one in error.value.members["errors"]] == [["query", name] for name in named]
