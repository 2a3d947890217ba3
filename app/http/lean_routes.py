"""How a route's function is called without the framework: by the types that it declares."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi import params
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.types import Scope

from app.errors import RequestError
from app.http import json_body
from app.http.context import Context, Ctx
from app.http.entity_tags import preconditions
from app.http.plain_query import PlainQuery
from app.http.reads import DEFAULT_LIMIT, Consistency, List, Listing, Moment, Read, View
from app.http.writes import Post, Put, Write, idempotent_call, origin_of
from app.registry.idempotency import IdempotentCall


@dataclass(slots=True)
class Asked:
    """A plain call: what its query, its headers and its body say."""

    context: Context
    scope: Scope
    query: PlainQuery
    headers: dict[bytes, str]
    body: bytes = b""


_Build = Callable[[Asked], Any]


@dataclass(frozen=True, slots=True)
class LeanRoute:
    """A route that reads a snapshot, or writes: the words in its path after the first, each with its place,
    and how to call its function. `filters` are the repeatable parameters of its query; `body` is what it
    takes as its body, where it takes one."""

    route: APIRoute
    method: str
    words: tuple[tuple[int, str], ...]
    parameters: tuple[tuple[int, str, Callable[[Any], Any]], ...]
    filters: dict[str, tuple[str, Callable[[Any], Any]]]
    builders: tuple[tuple[str, _Build], ...]
    body: tuple[str, Callable[[Any], Any]] | None
    is_list: bool

    def fits(self, parts: list[str]) -> bool:
        for at, word in self.words:  # noqa: SIM110 - a generator costs more than what it would go through
            if parts[at] != word:
                return False
        return True

    def arguments(self, parts: list[str], asked: Asked) -> dict[str, Any] | None:
        """What the function is called with; None where the framework has to look at the call, which is
        wherever anything of it is to be refused."""
        query = asked.query
        if not self.is_list and (query.limit is not None or query.cursor is not None):
            return None
        try:
            values = {name: check(parts[at]) for at, name, check in self.parameters}
            if query.filters is not None:
                for alias, said in query.filters.items():
                    if alias not in self.filters:
                        return None
                    name, check = self.filters[alias]
                    values[name] = check(said)
            if self.body is not None:
                name, check = self.body
                values[name] = check(json_body.parse(asked.body))
            for name, build in self.builders:
                values[name] = build(asked)
        except (ValidationError, RequestError):
            return None
        return values


class LeanRoutes:
    """The routes that can be called so, found by method and the parts of a path."""

    def __init__(self, routes: Iterable[Any]) -> None:
        self._found: dict[tuple[str, int, str], list[LeanRoute]] = {}
        for route in routes:
            lean = _lean(route) if isinstance(route, APIRoute) else None
            # Of two that fit a path the one declared first counts, whichever way it goes.
            if isinstance(route, APIRoute):
                for method in route.methods or ():
                    parts = route.path_format.split("/")
                    self._found.setdefault((method, len(parts), parts[1]), []).append(lean or _other(route))

    @property
    def operations(self) -> list[tuple[str, str]]:
        """Method and template of each."""
        every = (lean for found in self._found.values() for lean in found if lean.builders)
        return [(lean.method, lean.route.path_format) for lean in every]

    def find(self, method: str, parts: list[str]) -> LeanRoute | None:
        """The route for a path that was split at its slashes."""
        if len(parts) > 1:
            for lean in self._found.get((method, len(parts), parts[1]), ()):
                if lean.fits(parts):
                    return lean if lean.builders else None
        return None


def _view(asked: Asked, tagged: bool = True) -> View:
    consistency = Consistency.STALE if asked.query.stale else Consistency.LINEARIZABLE
    if_none_match = asked.headers.get(b"if-none-match") if tagged else None
    return View(asked.context, asked.query.rev, consistency, if_none_match)


def _moment(asked: Asked) -> View:
    return _view(asked, tagged=False)


def _listing(asked: Asked) -> Listing:
    query = asked.query
    limit = query.limit or DEFAULT_LIMIT
    return Listing(
        asked.context, asked.scope["path"], query.pairs, query.rev, query.stale, limit, query.cursor
    )


def _write(asked: Asked, call: IdempotentCall | None = None) -> Write:
    said, scope = asked.headers.get, asked.scope
    origin = origin_of(scope["method"], scope["path"], said(b"visor-actor"))
    return Write(asked.context.store, origin, preconditions(said(b"if-match"), said(b"if-none-match")), call)


def _post(asked: Asked) -> Write:
    key = asked.headers.get(b"idempotency-key")
    if key is None:
        return _write(asked)
    actor = origin_of("POST", "", asked.headers.get(b"visor-actor")).actor
    return _write(asked, idempotent_call(key, actor, asked.scope, asked.body))


_READS: dict[Any, _Build] = {
    Read: _view,
    Moment: _moment,
    List: _listing,
    Ctx: lambda asked: asked.context,
    Request: lambda asked: Request(asked.scope),
}
_WRITES: dict[Any, _Build] = {Put: _write, Post: _post, Ctx: lambda asked: asked.context}


def _lean(route: APIRoute) -> LeanRoute | None:
    """How the route is called; None where it neither reads a snapshot nor writes, or does more."""
    hints = get_type_hints(route.endpoint, include_extras=True)
    hints.pop("return", None)
    needs = {name: need for name, hint in hints.items() if (need := _buildable(hint)) is not None}
    if any(field.field_info.is_required() for field in route.dependant.query_params):
        return None
    [method] = route.methods or {""}
    if method == "GET" and {Read, Moment, List} & set(needs.values()):
        builders = _READS
    elif {Put, Post} & set(needs.values()) and all(need in _WRITES for need in needs.values()):
        builders = _WRITES
    else:
        return None
    parts = route.path_format.split("/")
    body = next((field.name for field in route.dependant.body_params), None)
    return LeanRoute(
        route,
        method,
        _words(route),
        tuple(
            (at, part.strip("{}"), TypeAdapter(hints[part.strip("{}")]).validator.validate_python)
            for at, part in enumerate(parts)
            if part.startswith("{")
        ),
        {alias: (name, check) for name, hint in hints.items() for alias, check in _filter(name, hint)},
        tuple((name, builders[need]) for name, need in needs.items()),
        None if body is None else (body, TypeAdapter(_undeclared(hints[body])).validator.validate_python),
        List in needs.values(),
    )


def _other(route: APIRoute) -> LeanRoute:
    """Holds the place of a route that always goes the long way."""
    return LeanRoute(route, "", _words(route), (), {}, (), None, False)


def _words(route: APIRoute) -> tuple[tuple[int, str], ...]:
    parts = enumerate(route.path_format.split("/"))
    return tuple((at, part) for at, part in parts if at > 1 and not part.startswith("{"))


def _undeclared(hint: Any) -> Any:
    """A body's type, without the framework's word that it is the body."""
    declared = get_origin(hint) is Annotated and any(isinstance(one, params.Body) for one in get_args(hint))
    return get_args(hint)[0] if declared else hint


def _buildable(hint: Any) -> Any:
    """The hint where it declares a dependency or the request itself; else None. (Others may hold
    defaults that cannot be looked up.)"""
    if hint is Request:
        return hint
    depends = get_origin(hint) is Annotated and any(isinstance(one, params.Depends) for one in get_args(hint))
    return hint if depends else None


def _filter(name: str, hint: Any) -> Iterable[tuple[str, Callable[[Any], Any]]]:
    """The name in the query and the check of a repeatable parameter."""
    if get_origin(hint) is Annotated:
        kind, *more = get_args(hint)
        declared = next((one for one in more if isinstance(one, params.Query)), None)
        if declared is not None and get_origin(kind) is list:
            yield declared.alias or name, TypeAdapter(kind).validator.validate_python
