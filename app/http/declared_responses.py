"""The answers that an operation declares in openapi.yaml: what a success carries, and how it can fail."""

from typing import Any

from app.models.problem import Problem

Answers = dict[int | str, dict[str, Any]]

DESCRIPTIONS = {
    400: "The request, its cursor or its rev cannot be used.",
    401: "There is no valid token.",
    403: "The token's grants do not allow it, or the caller does not hold the claim.",
    404: "There is no such resource at the rev that was read.",
    409: "The state of the registry does not allow it.",
    410: "The history before that rev is dropped.",
    412: "A precondition does not hold.",
    413: "The body is too large.",
    415: "The body is not declared as JSON.",
    422: "A field, parameter or name is not valid.",
    429: "A limit of the server, or of this client, is reached.",
    500: "The server failed because of a fault of its own.",
    503: "The coordinator cannot be reached.",
    507: "The store is full.",
}

_READ = (400, 410, 422, 429, 500, 503)
_WRITE = (400, 409, 412, 413, 415, 422, 429, 500, 503, 507)


def _success(status: int, description: str, *headers: str) -> Answers:
    carried = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    return {status: {"description": description, "headers": carried}}


def problems(*statuses: int) -> Answers:
    """Errors and nothing else."""
    return {
        status: {"model": Problem, "description": DESCRIPTIONS[status]} for status in sorted(set(statuses))
    }


def read(*more: int) -> Answers:
    """Of an operation that reads a snapshot."""
    return {**_success(200, "The variables at the rev in `Visor-Rev`."), **problems(*_READ, *more)}


def listed(*more: int) -> Answers:
    """A page of a list."""
    return {**read(*more), **_success(200, "A page of the list, ordered by what names the items.")}


def resource(*more: int) -> Answers:
    """One resource, with its tag."""
    return {
        **read(*more),
        **_success(200, "The resource at the rev in `Visor-Rev`.", "ETag"),
        **_success(304, "The resource has not changed: it still has the tag in If-None-Match.", "ETag"),
    }


def of_replica() -> Answers:
    """What this replica holds, and how old that is."""
    return {
        **read(),
        **_success(200, "As this replica holds it.", "ETag", "Visor-Age"),
        **_success(304, "The answer would be that of If-None-Match.", "ETag", "Visor-Age"),
    }


def committed(*more: int) -> Answers:
    """Of an operation that commits."""
    return {**_success(200, "What the call has done."), **problems(*_WRITE, *more)}


def changed(*more: int) -> Answers:
    """The new state of one resource."""
    return {**committed(*more), **_success(200, "The resource as it is now.", "ETag")}


def queued(*more: int) -> Answers:
    """A ticket out of the queue, or none."""
    return {
        **committed(*more),
        **_success(200, "The instance, claimed.", "ETag", "Location"),
        **_success(204, "No ticket matched within the wait."),
    }


def created(*more: int) -> Answers:
    """A new resource."""
    return {**_success(201, "The new resource.", "ETag", "Location"), **problems(*_WRITE, *more)}


def removed(*more: int) -> Answers:
    """The rev at which a resource went."""
    return {**committed(*more), **_success(200, "The rev of the commit that removed it.")}
