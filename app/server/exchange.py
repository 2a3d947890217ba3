"""One request and its answer, between a connection and the application."""

import asyncio
import logging
from typing import Protocol

from starlette.types import Message, Receive, Scope, Send
from uvicorn.server import ServerState

from app.errors import CoordinatorUnavailable, InternalError, RequestError
from app.http.certificate import Certificate
from app.http.clients import Peer
from app.http.given import Given
from app.http.permits import READS, Permit
from app.http.responses import RawHeaders
from app.server.answers import head_of
from app.server.outgoing import Outgoing

logger = logging.getLogger(__name__)

SHORT_BODY = 16 * 1024
"""Bytes of a body that is given to the application ready, besides what there is to be received."""

MAX_UNREAD = 64 * 1024
"""Bytes of a body that wait for the application; no more is read from the connection then."""

_WITHOUT_BODY = frozenset({204, 304})
_DISCONNECT: Message = {"type": "http.disconnect"}


class Line(Protocol):
    """What an exchange needs of its connection."""

    server_state: ServerState
    """What uvicorn's server keeps for all connections: the headers with which answers begin."""

    outgoing: Outgoing
    """What is written to the client."""

    def want_body(self) -> None:
        """The application waits for more of the body, or for the client to leave."""

    def hold_body(self) -> None:
        """Enough of the body waits for the application."""

    def answered(self, exchange: "Exchange") -> None:
        """The answer is complete, or cannot be completed any more."""

    def refuse(self, exchange: "Exchange", error: RequestError) -> None:
        """Answer so, where no answer has been begun, and close."""


class Application(Protocol):
    """An ASGI application that takes what the server gives."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send, given: Given) -> None: ...


class Exchange(Given):
    """A request that the application answers, which is given it as well.

    `receive` tells of a disconnect when the connection is lost, and when the client has half-closed it:
    then it may have left, and nothing is worth waiting for on its behalf. What is answered still goes out.
    So a stream or a waiting call ends, while an answer that is being worked on reaches a client that only
    has nothing more to say. Where a body will not be completed, `receive` raises the error to answer with.
    """

    __slots__ = (
        "_body",
        "_body_complete",
        "_body_given",
        "_chunked",
        "_expects_continue",
        "_left",
        "_line",
        "_untouched",
        "_waiting",
        "broken",
        "complete",
        "half_closed",
        "keep_alive",
        "lost",
        "scope",
        "started",
        "task",
    )

    def __init__(
        self,
        line: Line,
        scope: Scope,
        permit: Permit | None,
        certificate: Certificate | None,
        peer: Peer | None,
        *,
        keep_alive: bool,
        expects_continue: bool,
    ) -> None:
        # What Given has, without a call for it.
        self.permit, self.certificate, self.peer, self.body = permit, certificate, peer, None
        self._line = line
        self.scope = scope
        self.keep_alive = keep_alive
        self.task: asyncio.Task[None] | None = None
        self._expects_continue = expects_continue
        self._waiting: asyncio.Event | None = None
        self._body = bytearray()
        self._body_complete = False
        self._body_given = False
        self._untouched = True
        self._chunked = False
        self._left: int | None = None
        self.started = False
        self.complete = False
        self.lost = False
        self.broken: RequestError | None = None
        self.half_closed = False

    async def run(self, app: Application, tasks: "set[asyncio.Task[None]]") -> None:
        """Have the application answer; answer for it where it does not. Of its tasks the server forgets this
        one in the end: a callback of the task would take a turn of the loop more."""
        try:
            await app(self.scope, self.receive, self.send, self)
        except asyncio.CancelledError:
            # Only the end of a shutdown's time cancels.
            self._cut_off()
            return
        except Exception:
            logger.exception("the application failed to answer %s", self.scope["method"])
        finally:
            if self.task is not None:
                tasks.discard(self.task)
                self.task = None
        if not (self.complete or self.lost):
            self._line.refuse(
                self, InternalError("The server met a fault of its own; its log has the cause. Report it.")
            )

    def _cut_off(self) -> None:
        if self.complete or self.lost:
            return
        # What writes may have been on its way to the store, or be there already.
        detail = "The server has stopped before the answer was ready. Try again."
        if self.scope["method"] in READS:
            error = CoordinatorUnavailable(detail)
        else:
            error = CoordinatorUnavailable(detail, outcome="unknown")
        self._line.refuse(self, error)

    def _wake(self) -> None:
        """Whatever waits to receive something looks again."""
        if self._waiting is not None:
            self._waiting.set()

    # The client's side.

    def add_body(self, part: bytes) -> None:
        if self.complete:
            return
        self._body += part
        if len(self._body) > MAX_UNREAD:
            self._line.hold_body()
        self._wake()

    def end_body(self) -> None:
        """All of the body has come."""
        if self.complete:
            return
        self._body_complete = True
        if self._untouched and len(self._body) <= SHORT_BODY:
            self.body = bytes(self._body)
        if self._waiting is not None:
            self._waiting.set()

    def break_body(self, error: RequestError) -> None:
        """The rest of the body will not come, or cannot be read."""
        self.broken = error
        self.keep_alive = False
        self._wake()

    def half_close(self) -> None:
        """The client sends no more, and may have left."""
        self.half_closed = True
        self._wake()

    def lose(self) -> None:
        """The connection is gone."""
        self.lost = True
        self._wake()

    # The application's side.

    async def receive(self) -> Message:
        if self._expects_continue and not self._body and not self._body_complete and not self.started:
            self._line.outgoing.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._expects_continue = False
        while not (self.lost or self.complete):
            if self._body or (self._body_complete and not self._body_given):
                part, self._body = bytes(self._body), bytearray()
                self._body_given, self._untouched = self._body_complete, False
                return {"type": "http.request", "body": part, "more_body": not self._body_complete}
            if self.broken is not None and not self.started:
                raise self.broken
            if self.broken is not None or self.half_closed:
                break
            self._line.want_body()
            self._waiting = self._waiting or asyncio.Event()
            self._waiting.clear()
            await self._waiting.wait()
        return _DISCONNECT

    async def send(self, message: Message) -> None:
        if self._line.outgoing.congested and not self.lost:
            await self._line.outgoing.drained()
        if self.lost:
            return
        if self.complete:
            raise RuntimeError("the answer is complete already")
        if message["type"] == "http.response.start":
            self._start(message["status"], list(message.get("headers", ())))
        else:
            self._continue(message.get("body", b""), more=message.get("more_body", False))

    def answer_whole(self, status: int, headers: RawHeaders, body: bytes) -> bool:
        """As `Given` says.

        The two messages of an ASGI answer are two calls, two packets, and as many wake-ups of the client:
        a fifth of what a read costs.
        """
        if self.started or self._line.outgoing.congested:
            return False
        if self.lost:
            return True
        try:
            head = head_of(status, self._line.server_state.default_headers + headers)
        except ValueError:
            return False
        # Whether the connection is kept is decided where the answer is sent piece by piece.
        if b"\r\nconnection: " in head:
            return False
        self.started = True
        end = b"\r\n\r\n" if self.keep_alive else b"\r\nconnection: close\r\n\r\n"
        self._line.outgoing.write_all((head + end, body))
        self._end()
        return True

    def _start(self, status: int, headers: RawHeaders) -> None:
        if self.started:
            raise RuntimeError("the answer has been started already")
        closes = False
        for name, value in headers:
            if name == b"content-length":
                self._left = int(value)
            elif name == b"connection" and b"close" in value.lower():
                closes, self.keep_alive = True, False
        if self.scope["method"] == "HEAD" or status in _WITHOUT_BODY:
            self._left = 0
        elif self._left is None and self.scope["http_version"] == "1.0":
            # Which knows no chunks: the body ends with the connection.
            self.keep_alive = False
        elif self._left is None:
            self._chunked = True
            headers.append((b"transfer-encoding", b"chunked"))
        if not (self.keep_alive or closes):
            headers.append((b"connection", b"close"))
        head = head_of(status, self._line.server_state.default_headers + headers)
        self.started = True
        self._line.outgoing.write(head + b"\r\n\r\n")

    def _continue(self, body: bytes, *, more: bool) -> None:
        if not self.started:
            raise RuntimeError("the answer has not been started")
        if self.scope["method"] == "HEAD":
            body = b""
        if self._chunked:
            parts = [b"%x\r\n" % len(body), body, b"\r\n"] if body else []
            if not more:
                parts.append(b"0\r\n\r\n")
            body = b"".join(parts)
        elif self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("the body of the answer has not the length that was announced")
        if body:
            self._line.outgoing.write(body)
        if not more:
            self._end()

    def _end(self) -> None:
        self.complete = True
        if self._waiting is not None:
            self._waiting.set()
        self._line.answered(self)
