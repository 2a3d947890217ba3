"""The bytes of HTTP: uvicorn's protocol with deadlines, sizes and a gate.

uvicorn gives neither a deadline nor a size to a request's headers, takes any number of connections and
of requests that are sent before the last is answered, and has to have built a request to refuse it.
All of that is mended here, below the application.
"""

import asyncio
import json
import socket
import struct
from asyncio.events import TimerHandle
from collections.abc import Callable
from enum import Enum
from http import HTTPStatus
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.errors import MalformedRequest, RequestError, TooManyRequests
from app.routers.admission import Admission, Waiting
from app.routers.places import Slot

LINGER = 2.0
"""Seconds that a refused connection is still read from, so that its client, which may be writing,
gets to read the refusal instead of a reset."""

MAX_LINGERING = 200
"""Connections that are refused for being too many and still read from; others are closed at once."""

MAX_PIPELINED = 1000
"""Requests that a connection may send before the first of them is answered."""


class EdgeConfig(uvicorn.Config):
    """uvicorn's settings, and those of `EdgeProtocol`: see `app.server.build_config`."""

    header_timeout: float = 10.0
    max_header: int = 64 * 1024
    send_timeout: float = 30.0
    max_connections: int = 10_000
    rev: Callable[[], int] | None = None
    admission: Admission | None = None
    lingering: int = 0


class _Phase(Enum):
    """Where in a request the parser is."""

    BETWEEN = 1
    HEAD = 2
    BODY = 3


class _Stop(Exception):
    """Raised inside the parser's callbacks to make it stop."""


class EdgeProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol with a deadline and a size for what is not body.

    The deadline runs while the server has nothing to answer and the client owes it something: the
    headers of a request, or the rest of a body whose answer has been given already. An idle
    connection between requests is left to uvicorn's keep-alive timeout.

    A request for which there is no place when its headers have come waits at the door, and what has come of
    its body with it. It is let in, or turned away: it is answered then, what it still sends is dropped, and
    the connection goes on.
    """

    config: EdgeConfig

    def __init__(
        self,
        config: EdgeConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._phase = _Phase.BETWEEN
        self._deadline: TimerHandle | None = None
        self._head_bytes = 0
        self._stalled_bytes = 0
        self._progress = False
        self._hosts = 0
        self._fault = ""
        self._refused = False
        self._at_door: Waiting | None = None
        self._kept = bytearray()
        self._whole = False
        self._turned_away = False
        self._keeps_alive = True
        self._lingers = False
        self._frozen: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.config.max_connections:
            self._refuse_connection()
        else:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._lingers:
            self._lingers = False
            self.config.lingering -= 1
        if self._at_door is not None:
            self._at_door.leave()
        self._unset_deadline()
        self._unset_frozen()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        # A handler that waits for a frozen reader would hold its place, and its memory, for ever.
        if self._frozen is None:
            self._frozen = self.loop.call_later(self.config.send_timeout, self._cut_off)

    def _cut_off(self) -> None:
        """Close without what was not sent: the kernel would keep it, and try on, for a quarter of an hour."""
        peer = self.transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def resume_writing(self) -> None:
        self._unset_frozen()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._progress = False
        super().data_received(data)
        if self._refused or self.transport.is_closing():
            return
        # The parser hands out a header (or trailer) only when it is whole and keeps it until then:
        # what goes in without anything coming out is bounded here, the rest in on_header.
        self._stalled_bytes = 0 if self._progress else self._stalled_bytes + len(data)
        if self._stalled_bytes > self.config.max_header:
            self._refuse(self._too_large())
            return
        self._watch()

    def on_message_begin(self) -> None:
        # Answers are given in the order of their requests: there is no more waiting for the last one's turn.
        self._leave_door()
        self._phase = _Phase.HEAD
        self._head_bytes = self._hosts = 0
        self._turned_away = False
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        if len(name) == 4 and name.lower() == b"host":
            self._hosts += 1
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._phase = _Phase.BODY
        self._progress = True
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            self._stop("The request is not HTTP/1.1 or 1.0, which are spoken here.")
        if self._hosts != 1 and (self._hosts or version == "1.1"):
            self._stop("A request names its Host, once.")
        if len(self.pipeline) >= MAX_PIPELINED:
            self._stop(f"More than {MAX_PIPELINED} requests were sent before they were answered.")
        admission = self.config.admission
        # One that is sent before the last is answered has to wait for its turn to be refused, too.
        if admission is None or self._answering():
            super().on_headers_complete()
            return
        try:
            slot = admission.place(self.parser.get_method().decode("ascii"), self.url, self.headers)
        except TooManyRequests:
            # The parser forgets it with the end of the request.
            self._keeps_alive = self.parser.should_keep_alive()
            self._kept, self._whole = bytearray(), False
            # Not read from while it waits, it costs nothing then.
            self.flow.pause_reading()
            self._at_door = admission.wait(self.parser.get_method().decode("ascii"), self)
            return
        self._begin(slot)

    def _begin(self, slot: Slot | None) -> None:
        try:
            super().on_headers_complete()
        except BaseException:
            # No task has come of it that would give the place back.
            if slot is not None:
                slot.release()
            raise
        if slot is not None:
            self.scope["state"]["slot"] = slot

    def let_in(self, slot: Slot) -> None:
        """The request that has waited at the door has its place: all that came meanwhile, once more."""
        self._at_door = None
        if self.transport.is_closing():
            slot.release()
            return
        self.flow.resume_reading()
        try:
            self._begin(slot)
        except Exception:
            # What the parser would have made of it, had it happened there: a target that is no URL.
            self.send_400_response("")
            return
        self.cycle.keep_alive = self.cycle.keep_alive and self._keeps_alive
        if self._kept:
            super().on_body(bytes(self._kept))
            self._kept = bytearray()
        if self._whole:
            super().on_message_complete()
        self._idle()

    def on_body(self, body: bytes) -> None:
        self._progress = True
        if self._at_door is not None:
            self._kept += body
            if len(self._kept) > self.config.max_header:
                self._leave_door()
        elif not self._turned_away:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._phase = _Phase.BETWEEN
        self._progress = True
        if self._at_door is not None:
            self._whole = True
        elif not self._turned_away:
            super().on_message_complete()
        elif not self._keeps_alive:
            self.transport.close()
        self._idle()

    def _idle(self) -> None:
        """Have one of the timers run where the client's next word is awaited."""
        # Where the answer went out before the body was in, the body's bytes have stopped the
        # keep-alive timer that the answer started, and nothing else would start it again.
        between = self._phase is _Phase.BETWEEN and not self._answering()
        if between and self.timeout_keep_alive_task is None and not self._ending():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.pipeline:
            # What waits is answered before more is read: or it grows as fast as a client can send.
            self.flow.pause_reading()
        self._watch()

    def send_400_response(self, msg: str) -> None:
        if self._head_bytes > self.config.max_header:
            self._refuse(self._too_large())
        else:
            said = self._fault or "The request is not valid HTTP/1.1. Correct it and send it again."
            self._refuse(MalformedRequest(said))

    def _stop(self, why: str) -> None:
        self._fault = why
        raise _Stop

    def shutdown(self) -> None:
        self._leave_door()
        if self._refused:
            self.transport.close()
        else:
            super().shutdown()

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self.config.max_header:
            raise _Stop

    def _too_large(self) -> MalformedRequest:
        limit = self.config.max_header
        return MalformedRequest(f"The request's headers are over the limit of {limit} bytes. Send fewer.")

    def _answering(self) -> bool:
        return self._at_door is not None or (self.cycle is not None and not self.cycle.response_complete)

    def _ending(self) -> bool:
        return self._refused or self.transport is None or self.transport.is_closing()

    def _watch(self) -> None:
        """Have the deadline run exactly when the client owes something. Never starts it anew."""
        idle = self._phase is _Phase.BETWEEN and self.timeout_keep_alive_task is not None
        if self._ending():
            return
        if self._answering() or idle:
            self._unset_deadline()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.config.header_timeout, self.transport.close)

    def _unset_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _unset_frozen(self) -> None:
        if self._frozen is not None:
            self._frozen.cancel()
            self._frozen = None

    def _refuse(self, error: RequestError) -> None:
        """Answer without the application, and close."""
        self._unset_deadline()
        self._refused = True
        self._leave_door()
        if self._turned_away:
            # It has its answer, and breaks off what should have followed.
            self.transport.close()
            return
        if self._answering():
            if self.pipeline or self.cycle.response_started:
                # Another answer is on its way: bytes of a second one would be read as its body.
                self.transport.close()
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(self._answer(error, close=True))
        self._deadline = self.loop.call_later(LINGER, self.transport.close)

    def _refuse_connection(self) -> None:
        """Say that there are too many, and close; it does not count among those there are."""
        self.connections.discard(self)
        if self.config.lingering >= MAX_LINGERING:
            self._refused = True
            self.transport.abort()
            return
        self._lingers = True
        self.config.lingering += 1
        self._refuse(
            TooManyRequests(
                f"The server has {self.config.max_connections} connections, as many as it is allowed to."
                " Close those that are not used, and try again.",
                headers={"Retry-After": "1"},
            )
        )

    def _leave_door(self) -> None:
        """Have a request that waits turned away at once."""
        if self._at_door is not None and self.config.admission is not None:
            self.config.admission.refuse(self._at_door)

    def turn_away(self, error: TooManyRequests) -> None:
        """Answer the request that has waited at the door; its connection goes on where its client would have
        it so."""
        self._at_door = None
        self._turned_away = True
        self._kept = bytearray()
        if self.transport.is_closing():
            return
        keeps_alive = self._keeps_alive and not self.expect_100_continue
        self.transport.write(self._answer(error, close=not keeps_alive))
        self.flow.resume_reading()
        if self.expect_100_continue:
            # It has not sent its body and will not; what it sends next could be taken for it.
            self._refused = True
            self._deadline = self.loop.call_later(LINGER, self.transport.close)
        elif self._phase is not _Phase.BETWEEN or self._keeps_alive:
            self._idle()
        else:
            self.transport.close()

    def _answer(self, error: RequestError, *, close: bool) -> bytes:
        """The bytes of an answer that the application has no part in."""
        body = (
            b""
            if self.scope and self.parser.get_method() == b"HEAD"
            else json.dumps(error.problem()).encode()
        )
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            *((name.lower().encode(), value.encode()) for name, value in error.headers.items()),
        ]
        if close:
            headers.append((b"connection", b"close"))
        if self.config.rev is not None:
            headers.append((b"visor-rev", b"%d" % self.config.rev()))
        status = HTTPStatus(error.status)
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (status, status.phrase.encode(), lines, body)
