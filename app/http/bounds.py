"""Query parameters, read strictly: one that a route does not know, or says twice, is refused, not ignored."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_origin

from fastapi.dependencies.models import Dependant
from starlette.requests import Request

from app.errors import InvalidRequest
from app.http.problem_json import invalid_request


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a query may ask: bytes of its text, values of its repeatable parameters together, items of
    a page."""

    query: int = 8192
    values: int = 100
    page: int = 1000


UNSET = Bounds()


def checker(dependant: Dependant) -> Callable[[Request], None]:
    """A check of a request's query against the parameters that a route takes, and the `Bounds` that the
    application has as `state.bounds`. What it raises is InvalidRequest, with an entry for each name that
    is wrong."""
    takes = _parameters(dependant)

    def check(request: Request) -> None:
        query = request.scope["query_string"]
        if not query:
            return
        app = request.scope.get("app")
        bounds: Bounds = getattr(app.state, "bounds", UNSET) if app is not None else UNSET
        if len(query) > bounds.query:
            raise InvalidRequest.of(["query"], f"takes {bounds.query} bytes at most, and has {len(query)}")
        given = request.query_params.multi_items()
        values = sum(takes.get(name, False) for name, _ in given)
        if values > bounds.values:
            raise InvalidRequest.of(
                ["query"], f"takes {bounds.values} values of filters together, and has {values}"
            )
        seen: set[str] = set()
        wrong: dict[str, dict[str, Any]] = {}
        for name, _ in given:
            if name not in takes:
                wrong[name] = _entry(name, "This call has no such parameter", "extra_forbidden")
            elif name in seen and not takes[name]:
                wrong[name] = _entry(name, "This parameter is given once at most", "repeated")
            seen.add(name)
        if wrong:
            raise invalid_request(list(wrong.values()))

    return check


def _parameters(dependant: Dependant) -> dict[str, bool]:
    """The names of the parameters of a route and all that it depends on, and whether each is repeatable."""
    found = {field.alias: get_origin(field.field_info.annotation) is list for field in dependant.query_params}
    for part in dependant.dependencies:
        found |= _parameters(part)
    return found


def _entry(name: str, msg: str, kind: str) -> dict[str, Any]:
    return {"loc": ["query", name], "msg": msg, "type": kind}
