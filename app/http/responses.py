"""The form of answers: errors as `application/problem+json` (RFC 9457), the headers that all have."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from app.errors import InternalError, InvalidRequest, RequestError

logger = logging.getLogger("visor.fault")

RawHeaders = list[tuple[bytes, bytes]]

MEDIA_TYPE = "application/problem+json"

MAX_ERRORS = 100
"""Entries of `errors`: a body of a thousand unknown fields need not be told of each."""

MAX_NAME = 128
"""Characters of a part of a location: an unknown field's name is the client's text."""

_NO_STORE = (b"cache-control", b"no-store")
_NOSNIFF = (b"x-content-type-options", b"nosniff")


_LASTING = (
    (b"cache-control", b"private, max-age=86400, immutable"),
    (b"vary", b"Authorization"),
)
"""Of an answer from a rev that the request names: it does not change. For who asked it alone: it may hold
what not everybody should read."""


def with_standard_headers(
    headers: Iterable[tuple[bytes, bytes]], rev: Callable[[], int], lasting: bool = False
) -> RawHeaders:
    """The headers with `Visor-Rev` (from `rev()`) and `Cache-Control`, where they have none of their own, and
    `X-Content-Type-Options: nosniff`. A new list: answers may share theirs."""
    made = list(headers)
    # Names are lower case here, as ASGI has them. A loop over them would cost more.
    names = dict(made)
    if b"x-content-type-options" in names:
        made = [pair for pair in made if pair[0] != b"x-content-type-options"]
    if b"visor-rev" not in names:
        made.append((b"visor-rev", b"%d" % rev()))
    if b"cache-control" not in names:
        made += _LASTING if lasting else (_NO_STORE,)
    made.append(_NOSNIFF)
    return made


def problem_response(error: RequestError, root_path: str = "") -> Response:
    """The answer that an error is; `root_path` is the prefix under which clients see the service."""
    headers = dict(error.headers)
    if error.rev is not None:
        headers["Visor-Rev"] = str(error.rev)
    return Response(to_json(error.problem(root_path)), error.status, headers, MEDIA_TYPE)


def fault_response(method: str, root_path: str = "") -> Response:
    """The answer where an exception that nobody foresaw is being handled. It is logged."""
    logger.exception("a fault while answering %s", method)
    return problem_response(
        InternalError("The server met a fault of its own; its log has the cause. Report it, and try again."),
        root_path,
    )


def invalid_request(reported: Sequence[Mapping[str, Any]]) -> InvalidRequest:
    """The 422 for pydantic's errors: location, message and type of each, and nothing of the input
    (pydantic's `input`, `ctx` and `url` go)."""
    errors = [_entry(error) for error in reported[:MAX_ERRORS]]
    if not errors:
        return InvalidRequest("The request is not valid.", errors=[])
    first = ".".join(map(str, errors[0]["loc"]))
    more = f" (and {len(reported) - 1} more)" if len(reported) > 1 else ""
    return InvalidRequest(f"{first}: {errors[0]['msg']}{more}.", errors=errors)


def _entry(error: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(error["type"])
    # The one message of pydantic that quotes the input.
    msg = "The kind is not one of those allowed" if kind == "union_tag_invalid" else str(error["msg"])
    loc = [part if isinstance(part, int) else str(part)[:MAX_NAME] for part in error["loc"]]
    return {"loc": loc, "msg": msg, "type": kind}
