"""The socket side of the service: listening, and a uvicorn server that ends its streams.

uvicorn waits at shutdown for streams that nobody tells to end. What it makes of the bytes of a
connection is in `app.server.connection`.
"""

import asyncio
import logging
import resource
import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from app.errors import StartError
from app.http.admission import Admission
from app.server.config import ConnectionConfig
from app.server.connection import Connection

logger = logging.getLogger(__name__)

OTHER_FILES = 100
"""Files that the process has open besides its clients' connections, with some to spare."""


def build_config(
    app: Any,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    header_timeout: float = 10.0,
    max_header: int = 64 * 1024,
    send_timeout: float = 30.0,
    max_connections: int = 10_000,
    keep_alive: int = 65,
    shutdown_timeout: int = 10,
    rev: Callable[[], int] | None = None,
    admission: Admission | None = None,
) -> ConnectionConfig:
    """Settings for `VisorServer`. `app` is an ASGI application.

    `header_timeout` (seconds): a request's headers have to be complete by then. `max_header`
    (bytes): of the request line and all headers. `send_timeout` (seconds): a client that has taken
    nothing of a full send buffer for so long is cut off, streams included. `max_connections`: more
    are answered 429 and closed; fewer where the system does not let the process open as many files.
    `keep_alive` (seconds): how long a connection may idle between requests, longer than the 60 s of
    common proxies so that they close first. `shutdown_timeout` (seconds): what is still running then is
    cancelled. `rev` gives the `Visor-Rev` of requests that are refused before they reach the application.
    `admission`, where there is one, is asked for the place of each request.
    """
    config = ConnectionConfig(
        app,
        host=host,
        port=port,
        http=Connection,
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
    config.max_connections = min(max_connections, room_for(max_connections))
    config.rev = rev
    config.admission = admission
    return config


def room_for(connections: int) -> int:
    """How many connections there is room for, when the process may open as many files as it can get leave
    to: where a connection cannot be accepted for want of one, nobody can be told anything."""
    wanted = connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    room = max(soft - OTHER_FILES, soft // 2)
    logger.warning("the process may open %d files: there is room for %d connections", soft, room)
    return room


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
    to its timeout. It runs in the main thread, where it takes SIGINT and SIGTERM, or in another,
    where `should_exit = True` ends it. `on_started` is called when it listens.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        stop: asyncio.Event | None = None,
        on_started: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self.stop = stop or asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.stop.set()
        await super().shutdown(sockets)
