"""A request's body: its limits of size and time, and what happens to one that is refused."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NoReturn

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.errors import BodyTooLarge, MalformedRequest, RequestError
from app.http.admission import Admission
from app.http.context import Call
from app.http.permits import too_many
from app.http.responses import problem_response

LINGER_SECONDS = 5.0
LINGER_BYTES = 16 * 1024 * 1024
"""How much of a refused body is read and dropped, so that its client gets to read the refusal."""


class Bodies:
    """Reads bodies of at most `max_body` bytes that arrive within `timeout` seconds.

    A request whose body is still on its way holds no permit: clients that send slowly, or never send the
    rest, keep nobody else out. What has come of such bodies has a bound together.

    A body that is read part by part may have `max_streamed` bytes, and `timeout` seconds for each part.
    """

    def __init__(
        self,
        admission: Admission,
        *,
        max_body: int = 1024 * 1024,
        max_streamed: int = 1024 * 1024 * 1024,
        timeout: float = 30.0,
    ) -> None:
        self._admission = admission
        self._capacity = admission.capacity
        self._max_body = max_body
        self._max_streamed = max_streamed
        self._timeout = timeout

    def look(self, call: Call) -> None:
        """Note whether the request has a body, and whether it says itself that this is over the limit."""
        declared = call.fields.get(b"content-length")
        if declared is None:
            call.sends_body = b"transfer-encoding" in call.fields
            return
        call.sends_body = declared != b"0"
        if declared.isdigit() and (len(declared) > 18 or int(declared) > self._max_body):
            call.too_long = True

    def refuse_too_long(self) -> NoReturn:
        """Raises BodyTooLarge."""
        raise self._too_large(self._max_body)

    async def read(self, call: Call) -> bytes:
        """The whole body. Raises BodyTooLarge, TooManyRequests, MalformedRequest."""
        given = call.given.body
        if given is None:
            given = await self._receive_all(call)
        elif len(given) > self._max_body:
            self.refuse_too_long()
        call.sends_body = False
        return given

    async def _receive_all(self, call: Call) -> bytes:
        parts: list[bytes] = []
        size = arriving = 0
        deadline = asyncio.get_running_loop().time() + self._timeout
        try:
            while True:
                message = await self._receive(call, deadline)
                part = message.get("body", b"")
                parts.append(part)
                size += len(part)
                if size > self._max_body:
                    self.refuse_too_long()
                if not message.get("more_body", False):
                    break
                arriving += len(part)
                self._count(len(part))
        finally:
            # It is there, or will not come.
            self._capacity.arriving -= arriving
        await self._admission.readmit(call.permit)
        return b"".join(parts)

    async def _receive(self, call: Call, deadline: float) -> Message:
        call.permit.step_aside()
        try:
            async with asyncio.timeout_at(deadline):
                message = await call.receive()
        except TimeoutError:
            raise MalformedRequest(
                f"The body did not arrive within {self._timeout:g} seconds. Send it again.",
                headers={"Connection": "close"},
            ) from None
        if message["type"] == "http.disconnect":
            raise MalformedRequest("The connection was closed before the body had arrived.")
        return message

    def _count(self, size: int) -> None:
        self._capacity.arriving += size
        if self._capacity.arriving > self._capacity.max_arriving:
            raise too_many(
                f"Bodies of more than {self._capacity.max_arriving} bytes together are on their way to the"
                " server."
            )

    async def parts(self, call: Call) -> AsyncIterator[bytes]:
        """The body as it arrives, no faster than it is asked for. Raises BodyTooLarge, MalformedRequest."""
        declared = call.fields.get(b"content-length", b"0")
        if declared.isdigit() and (len(declared) > 18 or int(declared) > self._max_streamed):
            raise self._too_large(self._max_streamed)
        clock, size, more = asyncio.get_running_loop().time, 0, True
        while more:
            message = await self._receive(call, clock() + self._timeout)
            part, more = message.get("body", b""), message.get("more_body", False)
            size += len(part)
            if size > self._max_streamed:
                raise self._too_large(self._max_streamed)
            call.sends_body = more
            yield part

    @staticmethod
    def _too_large(limit: int) -> BodyTooLarge:
        return BodyTooLarge(f"The body is over the limit of {limit} bytes. Send a smaller one.", limit=limit)


def refusal(call: Call, error: RequestError, root_path: str = "") -> Response:
    """The answer to a request whose client may still be sending its body."""
    answer = problem_response(error, root_path)
    if call.fields.get(b"expect", b"").lower() == b"100-continue":
        # It will not send the body now, and what it sends next could be taken for it.
        answer.headers["Connection"] = "close"
        return answer
    return Lingering(answer) if error.status in (413, 429) else answer


class Lingering(Response):
    """Sends an answer at once, then reads what the client is still sending and drops it: a connection that is
    closed on unread bytes is reset, and the client may never see the answer."""

    def __init__(self, answer: Response) -> None:
        self.status_code = answer.status_code
        self.raw_headers = answer.raw_headers
        self.background = None
        self._content = bytes(answer.body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self._content, "more_body": True})
        await _drop_body(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drop_body(receive: Receive) -> None:
    size = 0
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while size <= LINGER_BYTES:
                message: Any = await receive()
                size += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
