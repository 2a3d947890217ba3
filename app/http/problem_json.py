"""The one place where errors become `application/problem+json` (RFC 9457)."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import (
    BodyTooLarge,
    CoordinatorUnavailable,
    Forbidden,
    InternalError,
    InvalidRequest,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    RequestError,
    TooManyRequests,
    Unauthenticated,
    UnsupportedMediaType,
)

logger = logging.getLogger("visor.fault")

MEDIA_TYPE = "application/problem+json"

MAX_ERRORS = 100
"""Entries of `errors`: a body of a thousand unknown fields need not be told of each."""

MAX_NAME = 128
"""Characters of a part of a location: an unknown field's name is the client's text."""

_FOR_STATUS: Mapping[int, type[RequestError]] = {
    400: MalformedRequest,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    413: BodyTooLarge,
    415: UnsupportedMediaType,
    422: InvalidRequest,
    429: TooManyRequests,
}


def problem_response(error: RequestError) -> Response:
    """The answer that an error is, for handlers and for middleware alike."""
    headers = dict(error.headers)
    if error.rev is not None:
        headers["Visor-Rev"] = str(error.rev)
    return Response(to_json(error.problem()), error.status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have every error of the application answered as problem+json. Middleware that is added with
    `add_middleware`, before or after, sees these answers, those to faults included."""
    app.add_exception_handler(RequestError, _on_request_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    # Faults of the application are answered inside the middleware; the framework's own place for
    # them is outside, where an answer would lack Visor-Rev and go unlogged and unmeasured.
    app.user_middleware.append(Middleware(Faults))
    app.add_exception_handler(Exception, _on_fault_of_middleware)


class Faults:
    """Innermost middleware: an exception that nobody foresaw is logged and answered 500."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:
            # Once an answer is begun it can only be broken off, which the server does, and logs.
            if scope["type"] != "http" or started:
                raise
            await fault_response(scope["method"])(scope, receive, send)


def fault_response(method: str) -> Response:
    """The answer where an exception that nobody foresaw is being handled. It is logged."""
    logger.exception("a fault while answering %s", method)
    return problem_response(_fault())


def _fault() -> InternalError:
    return InternalError(
        "The server met a fault of its own; its log has the cause. Report it, and try again."
    )


async def _on_request_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return problem_response(error)


async def _on_disconnect(request: Request, error: Exception) -> Response:
    return problem_response(MalformedRequest("The connection was closed before the body had arrived."))


async def _on_fault_of_middleware(request: Request, error: Exception) -> Response:
    # Raised again by the framework after this answer, and logged by the server.
    return problem_response(_fault())


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(invalid_request(error.errors()))


def invalid_request(found: Sequence[Mapping[str, Any]]) -> InvalidRequest:
    """The 422 for pydantic's errors: location, message and type of each, and nothing of the input
    (pydantic's `input`, `ctx` and `url` go)."""
    errors = [_entry(one) for one in found[:MAX_ERRORS]]
    if not errors:
        return InvalidRequest("The request is not valid.", errors=[])
    first = ".".join(map(str, errors[0]["loc"]))
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return InvalidRequest(f"{first}: {errors[0]['msg']}{more}.", errors=errors)


def _entry(one: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(one["type"])
    # The one message of pydantic that quotes the input.
    msg = "The kind is not one of those allowed" if kind == "union_tag_invalid" else str(one["msg"])
    loc = [part if isinstance(part, int) else str(part)[:MAX_NAME] for part in one["loc"]]
    return {"loc": loc, "msg": msg, "type": kind}


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=error.headers)
    return problem_response(_translated(request, error))


def _translated(request: Request, error: HTTPException) -> RequestError:
    """The framework's own refusals in our words."""
    status, headers = error.status_code, dict(error.headers or {})
    if status == 404:
        return NotFound("There is no such path. GET /openapi.json lists those there are.", headers=headers)
    if status == 405:
        allowed = ", ".join(allowed_methods(request.app.routes, request.scope))
        detail = f"This path does not know {request.method[:16]}. It knows: {allowed}."
        return MethodNotAllowed(detail, headers={"Allow": allowed})
    if status == 503:
        return CoordinatorUnavailable(str(error.detail))
    if status >= 500:
        return _fault()
    return _FOR_STATUS.get(status, MalformedRequest)(str(error.detail), headers=headers)


def allowed_methods(routes: Iterable[Any], scope: Scope) -> list[str]:
    """Every method that some route has for the path of the request, sorted; HEAD where GET is.

    The framework's own 405 lists only those of the first route that matches.
    """
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    found: set[str] = set()
    for route in iter_route_contexts(list(routes)):
        pattern = getattr(route, "path_regex", None)
        if pattern is not None and pattern.match(path):
            found.update(route.methods or ())
    if "GET" in found:
        found.add("HEAD")
    return sorted(found)
