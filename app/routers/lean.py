"""The short way of a read: from the server to the route's own function, past all that is for other calls.

The routes stay declared as they are, for the schema and for every call that is not plain. A GET of state
without a body, whose path names a route that reads a snapshot and whose query needs no decoding, is what a
service is asked most; of it the framework and the middleware, made for calls of every kind, cost many
times the read. Here the route is found by the parts of its path, its parameters are checked by the same
types, and the same function answers. What the middleware does for such a call is done here in one pass, by
the same parts: a place of `Slots`, the headers of `stamped`, `Metrics.record`, `log_request`. Whatever is
not plain goes the long way, so that there is one answer to everything: a test compares the two for every
route.
"""

import logging
import time
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import RequestError
from app.routers import access_log, plain_query
from app.routers.context import Context
from app.routers.lean_routes import Asked, LeanRoute, LeanRoutes
from app.routers.limits import Slot
from app.routers.metrics import Metrics
from app.routers.problem_json import fault_response, problem_response
from app.routers.stamp import RawHeaders, stamped

_LONG_WAY = frozenset({b"content-length", b"transfer-encoding", b"origin"})
"""Headers of calls with a body, and of pages of other origins: others see to those."""


class LeanReads:
    """Answers plain reads."""

    def __init__(self, context: Context, metrics: Metrics, routes: Iterable[Any]) -> None:
        self._context = context
        self._metrics = metrics
        self._routes = LeanRoutes(routes)

    @property
    def templates(self) -> list[str]:
        """The routes that have the short way."""
        return self._routes.templates

    async def answers(self, scope: Scope, send: Send) -> bool:
        """Answer the call where it is a plain read. Else False, with nothing said or done."""
        found = self._find(scope)
        if found is None:
            return False
        lean, arguments = found
        began = time.perf_counter()
        slot = Slot(self._context.slots)
        status: int | None = None
        headers: RawHeaders = []
        try:
            response = await self._answer(slot, lean, arguments)
            headers = stamped(response.raw_headers, self._rev)
            status = response.status_code
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": response.body})
        finally:
            slot.release()
            seconds = time.perf_counter() - began
            if status is not None:
                self._metrics.record("GET", lean.route.path_format, status, seconds)
            if access_log.logger.isEnabledFor(logging.INFO):
                rev = next((value.decode() for name, value in headers if name == b"visor-rev"), None)
                access_log.log_request("GET", scope["path"], status, seconds, rev)
        return True

    def _find(self, scope: Scope) -> tuple[LeanRoute, dict[str, Any]] | None:
        """The route and what to call it with; None where the call is not a plain read."""
        path: str = scope["path"]
        parts = path.split("/")
        lean = self._routes.find(parts)
        if lean is None or scope.get("root_path") or "\n" in path:
            return None
        query = plain_query.parse(scope["query_string"])
        if query is None:
            return None
        if_none_match: str | None = None
        for name, value in scope["headers"]:
            if name in _LONG_WAY:
                return None
            if name == b"if-none-match" and if_none_match is None:
                if_none_match = value.decode("latin-1")
        arguments = lean.arguments(parts, Asked(self._context, scope, query, if_none_match))
        return None if arguments is None else (lean, arguments)

    def _rev(self) -> int:
        return self._context.store.rev

    async def _answer(self, slot: Slot, lean: LeanRoute, arguments: dict[str, Any]) -> Response:
        try:
            slot.take()
            response: Response = await lean.route.endpoint(**arguments)
            return response
        except RequestError as error:
            return problem_response(error)
        except Exception:
            return fault_response("GET")


class LeanFirst(FastAPI):
    """The framework's application, with the short way before it. `lean` is set once all routes are."""

    lean: LeanReads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and await self.lean.answers(scope, send):
            return
        await super().__call__(scope, receive, send)
