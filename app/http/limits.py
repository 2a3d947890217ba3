"""What one request, and all of them together, may cost: places, bytes of body, time to send it."""

import asyncio
from collections.abc import Mapping
from typing import Any, NoReturn

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTooLarge, MalformedRequest, RequestError, TooManyRequests
from app.http.given import BODY, SLOT
from app.http.places import ALWAYS_SERVED, READS, Slot, Slots, too_many
from app.http.problem_json import problem_response

LINGER_SECONDS = 5.0
LINGER_BYTES = 16 * 1024 * 1024
"""How much of a refused body is read and dropped, so that its client gets to read the refusal."""


class Limits:
    """Pure ASGI middleware that refuses, as problem+json:

    - a request too many (429, `Retry-After`), except on `ALWAYS_SERVED`;
    - a body of more than `max_body` bytes (413), by its Content-Length or by counting;
    - a body that takes more than `body_timeout` seconds (400, and the connection is closed).

    A request whose body is still on its way has no place: clients that send slowly, or never send the
    rest, keep nobody else out. Their bodies have a bound together (429).
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
        slot = slot_of(scope, self.slots)
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
        body = BoundedBody(receive, send, scope["state"], self.slots, self.max_body, self.body_timeout)
        try:
            await self.app(scope, body.receive, body.send)
        except Exception:
            if body.refusal is None:
                raise
        finally:
            body.forget()
        return body.refusal


def slot_of(scope: Scope, slots: Slots) -> Slot:
    """The request's place, for all who look at the request: as the server has taken it when the headers had
    come, or one of its own, not taken yet."""
    state = scope.setdefault("state", {})
    slot: Slot = state.get(SLOT) or Slot(slots, writes=scope["method"] not in READS)
    state[SLOT] = slot
    return slot


class BoundedBody:
    """One request's receive and send, with the body counted and timed until the answer starts. `state` is the
    request's, with its place.

    Once `refusal` is set nothing of the application's own answer goes out: frameworks turn what
    `receive` raises into answers of their own.
    """

    def __init__(
        self,
        receive: Receive,
        send: Send,
        state: Mapping[str, Any],
        slots: Slots,
        max_body: int,
        timeout: float,
    ) -> None:
        self._receive = receive
        self._send = send
        self._slot: Slot = state[SLOT]
        self._state = state
        self._slots = slots
        self._arriving = 0
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
                self._refuse(_too_large(self._max_body))
            if not self._started:
                await self._account(len(message.get("body", b"")))
        return message

    async def _account(self, size: int) -> None:
        """Have a place again for a body that is complete; count one that is not."""
        if self._complete:
            self.forget()
            try:
                await self._slot.step_back()
            except TooManyRequests as error:
                self._refuse(error)
            return
        self._arriving += size
        self._slots.arriving += size
        if self._slots.arriving > self._slots.max_arriving:
            self._refuse(
                too_many(
                    f"Bodies of more than {self._slots.max_arriving} bytes together are on their way to the"
                    " server."
                )
            )

    def forget(self) -> None:
        """The body is there, or will not come: it counts as arriving no more."""
        self._slots.arriving -= self._arriving
        self._arriving = 0

    def _refuse(self, error: RequestError) -> NoReturn:
        self.refusal = error
        raise error

    async def _receive_in_time(self) -> Message:
        if BODY in self._state:
            return await self._receive()
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._timeout
        self._slot.step_aside()
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
    except (TimeoutError, RequestError):
        # The short way has read it, and was refused what it would have read: no more is to come.
        return
