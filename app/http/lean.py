"""The short way of a call: from the server to the route's own function, past all that is for other calls.

The routes stay declared as they are, for the schema and for every call that is not plain. A read of a
snapshot, or a write, that says nothing but what its route takes is what a service is asked most; of it the
framework and the middleware, made for calls of every kind, cost many times the work. Here the route is
found by the parts of its path, what it takes is checked by the same types, and the same function answers.
What the middleware does for such a call is done here in one pass, by the same parts: a place of `Slots`, a
`BoundedBody`, the headers of `stamped`, `Metrics.record`, `log_request`. Whatever is not plain, or would be
refused before the function runs, goes the long way, so that there is one answer to everything: a test
compares the two for every route.
"""

import logging
import time
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.errors import RequestError, TooManyRequests
from app.http import access_log, plain_query
from app.http.context import Context
from app.http.given import ANSWER, BODY, Answer
from app.http.lean_routes import Asked, LeanRoute, LeanRoutes
from app.http.limits import BoundedBody, slot_of
from app.http.metrics import Metrics
from app.http.problem_json import fault_response, problem_response
from app.http.stamp import RawHeaders, stamped

_SAID = frozenset(
    {
        b"if-none-match",
        b"if-match",
        b"visor-actor",
        b"idempotency-key",
        b"content-type",
        b"content-length",
    }
)
"""Headers that a plain call may have, once."""

_LONG_WAY = frozenset({b"transfer-encoding", b"content-encoding", b"expect", b"origin"})
"""Headers of bodies that come in other ways, and of pages of other origins: others see to those."""

_JSON = frozenset({"application/json", "application/merge-patch+json"})


class LeanCalls:
    """Answers plain calls."""

    def __init__(
        self,
        context: Context,
        metrics: Metrics,
        routes: Iterable[Any],
        *,
        max_body: int,
        body_timeout: float,
    ) -> None:
        self._context = context
        self._metrics = metrics
        self._routes = LeanRoutes(routes)
        self._max_body = max_body
        self._body_timeout = body_timeout

    @property
    def operations(self) -> list[tuple[str, str]]:
        """Method and template of the routes that have the short way."""
        return self._routes.operations

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> Receive | None:
        """Answer the call where it is a plain one. Else, with nothing said or done, what it has to be
        received by: its body may have been read already."""
        path: str = scope["path"]
        parts = path.split("/")
        lean = self._routes.find(scope["method"], parts)
        if lean is None or scope.get("root_path") or "\n" in path:
            return receive
        asked = self._asked(scope, lean)
        if asked is None:
            return receive
        began = time.perf_counter()
        slots = self._context.slots
        slot = slot_of(scope, slots)
        state = scope["state"]
        try:
            slot.take()
            if lean.body is not None:
                if BODY in state:
                    asked.body = state[BODY]
                else:
                    bounded = BoundedBody(receive, send, state, slots, self._max_body, self._body_timeout)
                    receive = body = _Body(bounded, receive)
                    if not await body.read():
                        return body
                    asked.body = body.whole
            arguments = lean.arguments(parts, asked)
            if arguments is None:
                return receive
            await self._respond(lean, arguments, scope, send, began)
            return None
        except TooManyRequests:
            return receive
        finally:
            slot.release()

    def _asked(self, scope: Scope, lean: LeanRoute) -> Asked | None:
        """What the call says, its body apart; None where it is not plain."""
        query_string = scope["query_string"]
        query = plain_query.parse(query_string) if lean.method == "GET" or not query_string else None
        if query is None:
            return None
        bounds = self._context.bounds
        values = sum(map(len, query.filters.values())) if query.filters else 0
        if len(query_string) > bounds.query or values > bounds.values:
            return None
        said: dict[bytes, str] = {}
        for name, value in scope["headers"]:
            if name in _LONG_WAY or name in said:
                return None
            if name in _SAID:
                said[name] = value.decode("latin-1")
        length = said.get(b"content-length", "0")
        if lean.body is None:
            if length != "0":
                return None
        elif (
            said.get(b"content-type") not in _JSON
            or not length.isdecimal()
            or len(length) > 18
            or not 0 < int(length) <= self._max_body
        ):
            return None
        return Asked(self._context, scope, query, said)

    async def _respond(
        self, lean: LeanRoute, arguments: dict[str, Any], scope: Scope, send: Send, began: float
    ) -> None:
        status: int | None = None
        headers: RawHeaders = []
        try:
            response = await _result(lean, arguments)
            headers = stamped(response.raw_headers, self._rev)
            status = response.status_code
            answer: Answer | None = scope["state"].get(ANSWER)
            if answer is None or not answer(scope, status, headers, bytes(response.body)):
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": response.body})
        finally:
            seconds = time.perf_counter() - began
            if status is not None:
                self._metrics.record(lean.method, lean.route.path_format, status, seconds)
            if access_log.logger.isEnabledFor(logging.INFO):
                rev = next((value.decode() for name, value in headers if name == b"visor-rev"), None)
                access_log.log_request(lean.method, scope["path"], status, seconds, rev)

    def _rev(self) -> int:
        return self._context.store.rev


async def _result(lean: LeanRoute, arguments: dict[str, Any]) -> Response:
    try:
        response: Response = await lean.route.endpoint(**arguments)
        return response
    except RequestError as error:
        return problem_response(error)
    except Exception:
        return fault_response(lean.method)


class _Body:
    """A body that is read, and can be received again by who else has to look at it."""

    def __init__(self, bounded: BoundedBody, receive: Receive) -> None:
        self._bounded = bounded
        self._receive = receive
        self._messages: list[Message] = []
        self._refusal: RequestError | None = None

    async def read(self) -> bool:
        """Whether all of it has come, in time."""
        more = True
        try:
            while more:
                message = await self._bounded.receive()
                self._messages.append(message)
                if message["type"] != "http.request":
                    return False
                more = message.get("more_body", False)
        except RequestError as refusal:
            self._refusal = refusal
            return False
        finally:
            self._bounded.forget()
        return True

    @property
    def whole(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self._messages)

    async def __call__(self) -> Message:
        if self._messages:
            return self._messages.pop(0)
        if self._refusal is not None:
            raise self._refusal
        return await self._receive()


class LeanFirst(FastAPI):
    """The framework's application, with the short way before it. `lean` is set once all routes are."""

    lean: LeanCalls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            received = await self.lean.answer(scope, receive, send)
            if received is None:
                return
            receive = received
        await super().__call__(scope, receive, send)
