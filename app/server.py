"""The socket side of the service: a uvicorn server that ends its streams, and a protocol with limits.

uvicorn gives neither a deadline nor a size to a request's headers, and waits at shutdown for
streams that nobody tells to end. Both are mended here, below the application.
"""

import asyncio
import json
import socket
from asyncio.events import TimerHandle
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.errors import MalformedRequest, StartError

LINGER = 2.0
"""Seconds that a refused connection is still read from, so that its client, which may be writing,
gets to read the refusal instead of a reset."""


class EdgeConfig(uvicorn.Config):
    """uvicorn's settings, and those of `EdgeProtocol`: see `build_config`."""

    header_timeout: float = 10.0
    max_header: int = 64 * 1024
    send_timeout: float = 30.0
    rev: Callable[[], int] | None = None


def build_config(
    app: Any,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    header_timeout: float = 10.0,
    max_header: int = 64 * 1024,
    send_timeout: float = 30.0,
    keep_alive: int = 65,
    shutdown_timeout: int = 10,
    rev: Callable[[], int] | None = None,
) -> EdgeConfig:
    """Settings for `VisorServer`. `app` is an ASGI application.

    `header_timeout` (seconds): a request's headers have to be complete by then. `max_header`
    (bytes): of the request line and all headers. `send_timeout` (seconds): a client that has taken
    nothing of a full send buffer for so long is cut off, streams included. `keep_alive` (seconds):
    how long a connection may idle between requests, longer than the 60 s of common proxies so that
    they close first. `shutdown_timeout` (seconds): what is still running then is cancelled. `rev`
    gives the `Visor-Rev` of requests that are refused before they reach the application.
    """
    config = EdgeConfig(
        app,
        host=host,
        port=port,
        http=EdgeProtocol,
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        # A header that anybody can send must not say who the client is.
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=keep_alive,
        timeout_graceful_shutdown=shutdown_timeout,
    )
    config.header_timeout = header_timeout
    config.max_header = max_header
    config.send_timeout = send_timeout
    config.rev = rev
    return config


def listen(host: str, port: int) -> socket.socket:
    """A listening socket for `VisorServer.run(sockets=[..])`; port 0 lets the system choose.

    Raises StartError where the address cannot be had.
    """
    if not 0 <= port <= 65535:
        raise StartError(f"cannot listen on {host} port {port}: a port is 0 to 65535")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
        # Connections inherit it. asyncio sets it only where it sees that the protocol is TCP, which it
        # does not on a socket made like this: each answer would wait 40 ms for a delayed ACK.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        raise StartError(f"cannot listen on {host} port {port}: {error.strerror or error}") from None


def listening_at(fd: int) -> socket.socket:
    """The listening socket that another process has opened and left at the file descriptor."""
    return socket.socket(fileno=fd)


class VisorServer(uvicorn.Server):
    """A uvicorn server that sets a stop event before it waits for its connections to end.

    Streams and waiting calls watch that event; without it each of them would hold the shutdown up
    to its timeout. The event is the one given, or `app.state.stop` of the application. It runs in
    the main thread, where it takes SIGINT and SIGTERM, or in another, where `should_exit = True`
    ends it.
    """

    def __init__(self, config: uvicorn.Config, stop: asyncio.Event | None = None) -> None:
        super().__init__(config)
        found = getattr(getattr(config.app, "state", None), "stop", None) if stop is None else stop
        self.stop: asyncio.Event = found if isinstance(found, asyncio.Event) else asyncio.Event()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.stop.set()
        await super().shutdown(sockets)


class _Phase(Enum):
    """Where in a request the parser is."""

    BETWEEN = 1
    HEAD = 2
    BODY = 3


class _HeadTooLarge(Exception):
    """Raised inside the parser's callbacks to make it stop."""


class EdgeProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol with a deadline and a size for what is not body.

    The deadline runs while the server has nothing to answer and the client owes it something: the
    headers of a request, or the rest of a body whose answer has been given already. An idle
    connection between requests is left to uvicorn's keep-alive timeout.
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
        self._refused = False
        self._frozen: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_deadline()
        self._unset_frozen()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        # A handler that waits for a frozen reader would hold its place, and its memory, for ever.
        if self._frozen is None:
            self._frozen = self.loop.call_later(self.config.send_timeout, self.transport.abort)

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
        self._phase = _Phase.HEAD
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._phase = _Phase.BODY
        self._progress = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._progress = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._phase = _Phase.BETWEEN
        self._progress = True
        super().on_message_complete()
        # Where the answer went out before the body was in, the body's bytes have stopped the
        # keep-alive timer that the answer started, and nothing else would start it again.
        if not self._answering() and self.timeout_keep_alive_task is None and not self._ending():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def send_400_response(self, msg: str) -> None:
        if self._head_bytes > self.config.max_header:
            self._refuse(self._too_large())
        else:
            self._refuse(MalformedRequest("The request is not valid HTTP/1.1. Correct it and send it again."))

    def shutdown(self) -> None:
        if self._refused:
            self.transport.close()
        else:
            super().shutdown()

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self.config.max_header:
            raise _HeadTooLarge

    def _too_large(self) -> MalformedRequest:
        limit = self.config.max_header
        return MalformedRequest(f"The request's headers are over the limit of {limit} bytes. Send fewer.")

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

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

    def _refuse(self, error: MalformedRequest) -> None:
        """Answer without the application, and close."""
        self._unset_deadline()
        self._refused = True
        if self._answering():
            if self.pipeline or self.cycle.response_started:
                # Another answer is on its way: bytes of a second one would be read as its body.
                self.transport.close()
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        body = json.dumps(error.problem()).encode()
        headers: Sequence[tuple[bytes, bytes]] = [
            *self.server_state.default_headers,
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"connection", b"close"),
        ]
        if self.config.rev is not None:
            headers = [*headers, (b"visor-rev", str(self.config.rev()).encode())]
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + lines + b"\r\n" + body)
        self._deadline = self.loop.call_later(LINGER, self.transport.close)
