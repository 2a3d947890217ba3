"""What one request, and all of them together, may cost: places, bytes of body, time to send it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTooLarge, MalformedRequest, RequestError, TooManyRequests, TooManySubscribers
from app.routers.problem_json import problem_response

ALWAYS_SERVED = frozenset({"/livez", "/readyz", "/metrics"})
"""Paths that need no place: they are asked most when the server is full."""

LINGER_SECONDS = 5.0
LINGER_BYTES = 16 * 1024 * 1024
"""How much of a refused body is read and dropped, so that its client gets to read the refusal."""


class Slots:
    """Counts the requests being worked on and the subscribers (event streams and waiting calls).

    Belongs to one event loop. `requests` and `subscribers` are the places taken now.
    """

    def __init__(self, *, max_requests: int, max_subscribers: int) -> None:
        self.max_requests = max_requests
        self.max_subscribers = max_subscribers
        self.requests = 0
        self.subscribers = 0


class _Holds(Enum):
    NOTHING = 0
    REQUEST = 1
    SUBSCRIBER = 2


class Slot:
    """The place of one request: a request's place, a subscriber's place, or none.

    A handler finds its own as `request.state.slot`. The middleware gives back whatever is held when
    the request ends, however it ends. `waited` is True once it has been a subscriber.
    """

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._holds = _Holds.NOTHING
        self.waited = False

    def take(self) -> None:
        """Take a request's place. Raises TooManyRequests where none is free."""
        if self._holds is not _Holds.NOTHING:
            return
        slots = self._slots
        if slots.requests >= slots.max_requests:
            raise TooManyRequests(
                f"The server works on {slots.max_requests} requests, as many as it is allowed to. Try again.",
                headers={"Retry-After": "1"},
            )
        slots.requests += 1
        self._holds = _Holds.REQUEST

    def subscribe(self) -> None:
        """Change the request's place for a subscriber's, for the rest of the request: for streams.

        Call it before the answer starts. Raises TooManySubscribers where none is free; the
        request's place is kept then.
        """
        if self._holds is _Holds.SUBSCRIBER:
            return
        slots = self._slots
        if slots.subscribers >= slots.max_subscribers:
            raise TooManySubscribers(
                f"The server has {slots.max_subscribers} streams and waiting calls, as many as it is allowed"
                " to. Try again, or use another replica.",
                headers={"Retry-After": "1"},
            )
        self.release()
        slots.subscribers += 1
        self._holds = _Holds.SUBSCRIBER
        self.waited = True

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Hold a subscriber's place instead of the request's while the body runs: for calls that
        wait. Raises as `subscribe` does.

        Afterwards the request ends without a place: those that wait wake together, and would fill
        the places of others at once. So have what is left to do short, or inside.
        """
        if self._holds is _Holds.SUBSCRIBER:
            yield
            return
        self.subscribe()
        try:
            yield
        finally:
            self.release()

    def release(self) -> None:
        """Give back what is held. May be called again."""
        if self._holds is _Holds.REQUEST:
            self._slots.requests -= 1
        elif self._holds is _Holds.SUBSCRIBER:
            self._slots.subscribers -= 1
        self._holds = _Holds.NOTHING


class Limits:
    """Pure ASGI middleware that refuses, as problem+json:

    - a request too many (429, `Retry-After`), except on `ALWAYS_SERVED`;
    - a body of more than `max_body` bytes (413), by its Content-Length or by counting;
    - a body that takes more than `body_timeout` seconds (400, and the connection is closed).
    """

    def __init__(
        self, app: ASGIApp, *, slots: Slots, max_body: int = 1024 * 1024, body_timeout: float = 30.0
    ) -> None:
        self.app = app
        self.slots = slots
        self.max_body = max_body
        self.body_timeout = body_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        slot = Slot(self.slots)
        scope.setdefault("state", {})["slot"] = slot
        try:
            refusal = await self._admit(slot, scope, receive, send)
        finally:
            slot.release()
        if refusal is not None:
            await _refuse(refusal, scope, receive, send)

    async def _admit(self, slot: Slot, scope: Scope, receive: Receive, send: Send) -> RequestError | None:
        """Have the application answer; or what is to be answered instead."""
        try:
            if scope["path"] not in ALWAYS_SERVED:
                slot.take()
        except TooManyRequests as error:
            return error
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"").decode(
            "latin-1"
        )
        if declared.isdecimal() and (len(declared) > 18 or int(declared) > self.max_body):
            return _too_large(self.max_body)
        body = BoundedBody(receive, send, self.max_body, self.body_timeout)
        try:
            await self.app(scope, body.receive, body.send)
        except Exception:
            if body.refusal is None:
                raise
        return body.refusal


class BoundedBody:
    """One request's receive and send, with the body counted and timed until the answer starts.

    Once `refusal` is set nothing of the application's own answer goes out: frameworks turn what
    `receive` raises into answers of their own.
    """

    def __init__(self, receive: Receive, send: Send, max_body: int, timeout: float) -> None:
        self._receive = receive
        self._send = send
        self._max_body = max_body
        self._timeout = timeout
        self._deadline: float | None = None
        self._size = 0
        self._complete = False
        self._started = False
        self.refusal: RequestError | None = None

    async def receive(self) -> Message:
        if self.refusal is not None:
            return {"type": "http.disconnect"}
        if self._complete:
            return await self._receive()
        if self._started:
            message = await self._receive()
        else:
            message = await self._receive_in_time()
        if message["type"] == "http.request":
            self._complete = not message.get("more_body", False)
            self._size += len(message.get("body", b""))
            if self._size > self._max_body:
                if self._started:
                    return {"type": "http.disconnect"}
                self.refusal = _too_large(self._max_body)
                raise self.refusal
        return message

    async def _receive_in_time(self) -> Message:
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._timeout
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._receive()
        except TimeoutError:
            if self._started:
                # A stream that only listens for its client to leave.
                return await self._receive()
            self.refusal = MalformedRequest(
                f"The body did not arrive within {self._timeout:g} seconds. Send it again.",
                headers={"Connection": "close"},
            )
            raise self.refusal from None

    async def send(self, message: Message) -> None:
        if self.refusal is None:
            self._started = True
            await self._send(message)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is over the limit of {limit} bytes. Send a smaller one.", limit=limit)


async def _refuse(error: RequestError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer at once, then read what the client is still sending: a connection that is closed on
    unread bytes is reset, and the client may never see the answer."""
    response = problem_response(error)
    headers = Headers(scope=scope)
    sends_body = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
    if headers.get("expect", "").lower() == "100-continue":
        # It will not send the body now, and what it sends next could be taken for it.
        response.headers["Connection"] = "close"
    lingers = sends_body and response.headers.get("connection") != "close"
    await send({"type": "http.response.start", "status": error.status, "headers": response.raw_headers})
    if lingers:
        await send({"type": "http.response.body", "body": response.body, "more_body": True})
        await _drop_body(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    else:
        await send({"type": "http.response.body", "body": response.body, "more_body": False})


async def _drop_body(receive: Receive) -> None:
    size = 0
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while size <= LINGER_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
