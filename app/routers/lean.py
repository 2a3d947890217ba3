"""The short way of a read: from the path to the route's own function, past what the framework does for
calls of every kind.

The routes stay declared as they are, for the schema and for every call that is not plain. A GET whose path
names a route that reads a snapshot, with no more in its query than where to read, is what a service is asked
most; of it the framework's matching of patterns, solving of dependencies and checking of what is not there
cost several times the read. Here the route is found by the parts of its path, its parameters are checked
by the same types, and the same function answers. Whatever is not plain goes the long way, so that there
is one answer to everything: a test compares the two for every route.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi import params
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import RequestError
from app.models.base import MAX_INT64
from app.routers.context import Context, Ctx
from app.routers.problem_json import problem_response
from app.routers.reading import Consistency, List, Listing, Moment, Read, View

_PLAIN_QUERY = re.compile(rb"(?:(?:rev|limit)=[1-9][0-9]{0,18}|consistency=stale)")

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Where to read, as a plain query says it."""

    rev: int | None = None
    limit: int | None = None
    stale: bool = False


@dataclass(frozen=True, slots=True)
class _Lean:
    """A route that reads: the parts of its path (None for a parameter), and how to call its function."""

    route: APIRoute
    parts: tuple[str | None, ...]
    adapters: tuple[tuple[int, str, TypeAdapter[Any]], ...]
    builders: tuple[tuple[str, Callable[[Context, Request, Place], Any]], ...]
    takes_limit: bool

    def fits(self, parts: list[str]) -> bool:
        return all(mine is None or mine == part for mine, part in zip(self.parts, parts, strict=True))


class LeanReads:
    """Innermost middleware: answers plain reads, and passes on all else. What surrounds it (limits,
    metrics, headers, log) sees no difference."""

    def __init__(self, app: ASGIApp, context: Context, routes: Iterable[Any]) -> None:
        self.app = app
        self._context = context
        self._found: dict[tuple[int, str], list[_Lean]] = {}
        for route in routes:
            lean = _lean(route) if isinstance(route, APIRoute) else None
            if lean is not None:
                first = lean.parts[1]
                assert first is not None, "a route begins with a word"
                self._found.setdefault((len(lean.parts), first), []).append(lean)

    @property
    def templates(self) -> list[str]:
        """The routes that have the short way."""
        return [lean.route.path_format for found in self._found.values() for lean in found]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and not scope.get("root_path"):
            response = await self._answer(scope, receive)
            if response is not None:
                await response(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response | None:
        """The answer to a plain read; None where it is not one."""
        path: str = scope["path"]
        parts = path.split("/")
        candidates = self._found.get((len(parts), parts[1])) if len(parts) > 1 else None
        if candidates is None or "\n" in path:
            return None
        lean = next((one for one in candidates if one.fits(parts)), None)
        place = _place(scope["query_string"])
        if lean is None or place is None or (place.limit is not None and not lean.takes_limit):
            return None
        request = Request(scope, receive)
        try:
            values = {name: adapter.validate_python(parts[at]) for at, name, adapter in lean.adapters}
        except ValidationError:
            return None
        for name, build in lean.builders:
            values[name] = build(self._context, request, place)
        scope["endpoint"] = lean.route.endpoint
        try:
            response: Response = await lean.route.endpoint(**values)
        except RequestError as error:
            return problem_response(error)
        return response


def _place(query: bytes) -> Place | None:
    """What the query says, where that is no more than where to read."""
    if not query:
        return _LATEST
    said: dict[bytes, bytes] = {}
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if name in said or not _PLAIN_QUERY.fullmatch(pair):
            return None
        said[name] = value
    rev, limit = int(said.get(b"rev", b"0")), int(said.get(b"limit", b"0"))
    if rev > MAX_INT64 or limit > MAX_LIMIT:
        return None
    return Place(rev or None, limit or None, b"consistency" in said)


_LATEST = Place()


def _view(context: Context, request: Request, place: Place) -> View:
    consistency = Consistency.STALE if place.stale else Consistency.LINEARIZABLE
    return View(context, place.rev, consistency, request.headers.get("if-none-match"))


def _listing(context: Context, request: Request, place: Place) -> Listing:
    return Listing(context, request, place.rev, place.stale, place.limit or DEFAULT_LIMIT, None)


_BUILDERS: dict[Any, Callable[[Context, Request, Place], Any]] = {
    Read: _view,
    Moment: _view,
    List: _listing,
    Ctx: lambda context, request, place: context,
    Request: lambda context, request, place: request,
}


def _lean(route: APIRoute) -> _Lean | None:
    """How the route is called without the framework; None where it is not a route that reads."""
    hints = get_type_hints(route.endpoint, include_extras=True)
    hints.pop("return", None)
    reads = {Read, Moment, List} & {_hashable(hint) for hint in hints.values()}
    if "GET" not in (route.methods or ()) or not reads:
        return None
    parts = tuple(None if part.startswith("{") else part for part in route.path_format.split("/"))
    names = [part.strip("{}") for part in route.path_format.split("/")]
    adapters = tuple(
        (at, names[at], TypeAdapter(hints[names[at]])) for at, part in enumerate(parts) if part is None
    )
    builders = tuple((name, _BUILDERS[hint]) for name, hint in hints.items() if _hashable(hint) in _BUILDERS)
    return _Lean(route, parts, adapters, builders, List in [_hashable(hint) for hint in hints.values()])


def _hashable(hint: Any) -> Any:
    """The hint where it declares a dependency or the request itself; else None. (Others may hold
    defaults that cannot be looked up.)"""
    if hint is Request:
        return hint
    depends = get_origin(hint) is Annotated and any(isinstance(one, params.Depends) for one in get_args(hint))
    return hint if depends else None
