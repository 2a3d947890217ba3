"""How a route that reads is called without the framework: by the types that its function declares."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi import params
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.types import Scope

from app.routers.context import Context, Ctx
from app.routers.plain_query import PlainQuery
from app.routers.reading import DEFAULT_LIMIT, Consistency, List, Listing, Moment, Read, View


@dataclass(frozen=True, slots=True)
class Asked:
    """A plain read, before it is known which route it is for."""

    context: Context
    scope: Scope
    query: PlainQuery
    if_none_match: str | None


_Build = Callable[[Asked], Any]


@dataclass(frozen=True, slots=True)
class LeanRoute:
    """A route that reads: the parts of its path (None for a parameter), and how to call its function.
    `filters` are the repeatable parameters of its query."""

    route: APIRoute
    parts: tuple[str | None, ...]
    parameters: tuple[tuple[int, str, Callable[[Any], Any]], ...]
    filters: dict[str, tuple[str, Callable[[Any], Any]]]
    builders: tuple[tuple[str, _Build], ...]
    is_list: bool

    def fits(self, parts: list[str]) -> bool:
        for mine, part in zip(self.parts, parts, strict=True):
            if mine is not None and mine != part:
                return False
        return True

    def arguments(self, parts: list[str], asked: Asked) -> dict[str, Any] | None:
        """What the function is called with; None where the framework has to look at the call."""
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
        except ValidationError:
            return None
        for name, build in self.builders:
            values[name] = build(asked)
        return values


class LeanRoutes:
    """The routes that read a snapshot, found by the parts of a path."""

    def __init__(self, routes: Iterable[Any]) -> None:
        self._found: dict[tuple[int, str], list[LeanRoute]] = {}
        for route in routes:
            lean = _lean(route) if isinstance(route, APIRoute) else None
            if lean is not None:
                first = lean.parts[1]
                assert first is not None, "a route begins with a word"
                self._found.setdefault((len(lean.parts), first), []).append(lean)

    @property
    def templates(self) -> list[str]:
        return [lean.route.path_format for found in self._found.values() for lean in found]

    def find(self, parts: list[str]) -> LeanRoute | None:
        """The route for a path that was split at its slashes."""
        if len(parts) > 1:
            for lean in self._found.get((len(parts), parts[1]), ()):
                if lean.fits(parts):
                    return lean
        return None


def _view(asked: Asked, tagged: bool = True) -> View:
    consistency = Consistency.STALE if asked.query.stale else Consistency.LINEARIZABLE
    return View(asked.context, asked.query.rev, consistency, asked.if_none_match if tagged else None)


def _moment(asked: Asked) -> View:
    return _view(asked, tagged=False)


def _listing(asked: Asked) -> Listing:
    query = asked.query
    limit = query.limit or DEFAULT_LIMIT
    return Listing(
        asked.context, asked.scope["path"], query.pairs, query.rev, query.stale, limit, query.cursor
    )


_BUILDERS: dict[Any, _Build] = {
    Read: _view,
    Moment: _moment,
    List: _listing,
    Ctx: lambda asked: asked.context,
    Request: lambda asked: Request(asked.scope),
}


def _lean(route: APIRoute) -> LeanRoute | None:
    """How the route is called; None where it is not a route that reads a snapshot."""
    hints = get_type_hints(route.endpoint, include_extras=True)
    hints.pop("return", None)
    needs = {name: _buildable(hint) for name, hint in hints.items()}
    if "GET" not in (route.methods or ()) or not {Read, Moment, List} & set(needs.values()):
        return None
    parts = route.path_format.split("/")
    return LeanRoute(
        route,
        tuple(None if part.startswith("{") else part for part in parts),
        tuple(
            (at, part.strip("{}"), TypeAdapter(hints[part.strip("{}")]).validate_python)
            for at, part in enumerate(parts)
            if part.startswith("{")
        ),
        {alias: (name, check) for name, hint in hints.items() for alias, check in _filter(name, hint)},
        tuple((name, _BUILDERS[need]) for name, need in needs.items() if need is not None),
        List in needs.values(),
    )


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
            yield declared.alias or name, TypeAdapter(kind).validate_python
