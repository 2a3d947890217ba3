"""Query parameters, read strictly: one that a route does not know, or says twice, is refused, not ignored."""

from collections.abc import Callable
from typing import Any, get_origin

from fastapi.dependencies.models import Dependant
from starlette.requests import Request

from app.routers.problem_json import invalid_request


def checker(dependant: Dependant) -> Callable[[Request], None]:
    """A check of a request's query against the parameters that a route takes. What it raises is
    InvalidRequest, with an entry for each name that is wrong."""
    takes = _parameters(dependant)

    def check(request: Request) -> None:
        if not request.scope["query_string"]:
            return
        seen: set[str] = set()
        wrong: dict[str, dict[str, Any]] = {}
        for name, _ in request.query_params.multi_items():
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
