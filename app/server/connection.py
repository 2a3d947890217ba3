"""A connection: uvicorn's protocol with a door, deadlines and sizes.

uvicorn gives neither a deadline nor a size to a request's headers, takes any number of connections and
of requests that are sent before the last is answered, and has to have built a request to refuse it.
"""

import asyncio
import socket
import struct
from asyncio.events import TimerHandle
from enum import Enum
from typing import Any

from uvicorn.server import ServerState

from app.errors import MalformedRequest, RequestError, TooManyRequests
from app.server.config import EdgeConfig
from app.server.door import DoorProtocol

LINGER = 2.0
"""Seconds that a refused connection is still read from, so that its client, which may be writing,
gets to read the refusal instead of a reset."""

MAX_LINGERING = 200
"""Connections that are refused for being too many and still read from; others are closed at once."""

MAX_PIPELINED = 1000
"""Requests that a connection may send before the first of them is answered."""


class _Phase(Enum):
    """Where in a request the parser is."""

    BETWEEN = 1
    HEAD = 2
    BODY = 3


class _Stop(Exception):
    """Raised inside the parser's callbacks to make it stop."""


class EdgeProtocol(DoorProtocol):
    """A connection with a deadline and a size for what is not body.

    The deadline runs while the server has nothing to answer and the client owes it something: the
    headers of a request, or the rest of a body whose answer has been given already. An idle
    connection between requests is left to uvicorn's keep-alive timeout.
    """

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
        # Of most requests all is there by now: nothing is owed, and no deadline runs.
        if self._deadline is not None or not self._answering():
            self._watch()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._phase = _Phase.HEAD
        self._head_bytes = self._hosts = 0

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
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._progress = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._phase = _Phase.BETWEEN
        self._progress = True
        super().on_message_complete()
        if not self._answering():
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
        self._linger()

    def _linger(self) -> None:
        self._refused = True
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
