"""The error answers that an operation declares in openapi.yaml."""

from typing import Any

from app.models.problem import Problem

_ALWAYS = (400, 422, 429, 500, 503)

DESCRIPTIONS = {
    400: "The request, its cursor or its rev cannot be used.",
    403: "The caller does not hold the claim.",
    404: "There is no such resource at the rev that was read.",
    409: "The state of the registry does not allow it.",
    410: "The history before that rev is dropped.",
    412: "A precondition does not hold.",
    413: "The body is too large.",
    415: "The body is not declared as JSON.",
    422: "A field, parameter or name is not valid.",
    429: "The server does as much as it is allowed to.",
    500: "The server has a fault.",
    503: "The coordinator cannot be reached.",
    507: "The store is full.",
}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {
        status: {"model": Problem, "description": DESCRIPTIONS[status]}
        for status in sorted({*_ALWAYS, *statuses})
    }


def read_errors(*more: int) -> dict[int | str, dict[str, Any]]:
    """Of an operation that reads a snapshot."""
    return _problems(410, *more)


def write_errors(*more: int) -> dict[int | str, dict[str, Any]]:
    """Of an operation that commits."""
    return _problems(412, 413, 415, 507, *more)
