"""The socket side of the service: listening, and a uvicorn server that ends its streams.

uvicorn waits at shutdown for streams that nobody tells to end. What it makes of the bytes of a
connection is in `app.server.connection`.
"""

import asyncio
import logging
import resource
import signal
import socket
import time
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any

import uvicorn

from app.errors import StartError
from app.http.admission import Admission
from app.http.refusals import Refusals
from app.server.config import UVICORN, ConnectionConfig
from app.server.connection import Connection
from app.server.notifier import Notifier
from app.server.tls import Tls
from app.server.tls_connection import TlsConnection

logger = logging.getLogger(__name__)

LAST_WORDS = 1.0
"""Seconds of the shutdown's time, at most a half of it, that are for telling those who are cut off, and for
closing the store."""

TICK = 0.02
"""Seconds between two looks at what still runs."""

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
    rev: Callable[[], int] = lambda: 0,
    admission: Admission | None = None,
    refusals: Refusals | None = None,
    root_path: str = "",
    tls: Tls | None = None,
) -> ConnectionConfig:
    """Settings for `VisorServer`: see `ConnectionConfig`. `app` is an ASGI application, `root_path` the
    prefix under which clients see the service, and `shutdown_timeout` how many seconds the server takes to
    end, at most."""
    config = ConnectionConfig(
        app,
        host=host,
        port=port,
        http=Connection if tls is None else TlsConnection,
        timeout_keep_alive=keep_alive,
        timeout_graceful_shutdown=shutdown_timeout,
        **UVICORN,
    )
    config.header_timeout, config.send_timeout = header_timeout, send_timeout
    config.max_header = max_header
    config.max_connections = min(max_connections, room_for(max_connections))
    config.prefix, config.tls, config.rev = root_path, tls, rev
    config.admission, config.refusals = admission, refusals
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


def watch_peers(listening: socket.socket, seconds: float) -> None:
    """Have the kernel end a connection whose other side has said nothing for so long: neither taken what was
    sent nor answered a probe. Else a client whose network has vanished is a subscriber for a quarter of an
    hour where events are sent to it, and for ever where none are. Connections inherit it."""
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        return  # not Linux
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(seconds * 1000))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # With the time-out above the number of probes does not count.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, round(seconds / 2)))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, round(seconds / 4)))


class VisorServer(uvicorn.Server):
    """A uvicorn server that ends within `shutdown_timeout`, whatever hangs.

    It sets a stop event first: streams and waiting calls watch it, and end by themselves. What is still being
    worked on shortly before the time is over is cancelled, and so answered 503. Where the application does
    not close in time either (its disk hangs), `abandoned` is True: the process has to be ended without it.

    It runs in the main thread, where it takes SIGINT and SIGTERM, or in another, where `should_exit = True`
    ends it. The first SIGTERM begins a drain of `drain` seconds, in which all is served as before. Its end,
    another signal, or SIGINT begins the shutdown. A signal during that has it wait for no request any more.
    `on_started` is called when it listens, `on_draining` when the drain begins, `on_hangup` at SIGHUP, which
    without it ends the process. `notifier` tells the
    supervisor, where there is one.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        stop: asyncio.Event | None = None,
        on_started: Callable[[], None] = lambda: None,
        *,
        drain: float = 0.0,
        on_draining: Callable[[], None] = lambda: None,
        notifier: Notifier | None = None,
        on_hangup: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(config)
        self._on_hangup = on_hangup
        self._notifier = notifier or Notifier()
        self._on_started = on_started
        self._on_draining = on_draining
        self._drain = drain
        self._drained_at: float | None = None
        self._drain_is_logged = False
        self.stop = stop or asyncio.Event()
        self.abandoned = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        for listening in sockets or []:
            watch_peers(listening, getattr(self.config, "send_timeout", 30.0))
        await super().startup(sockets)
        if self.started:
            if self._on_hangup is not None:
                asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._on_hangup)
            self._on_started()
            self._notifier.ready()
            self._notifier.stay_alive(asyncio.get_running_loop())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGTERM and self._drain and self._drained_at is None and not self.should_exit:
            self._drained_at = time.monotonic() + self._drain
            self._captured_signals.append(sig)
            self._on_draining()
            return
        self.force_exit = self.should_exit
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if self._drained_at is not None:
            self._go_on_draining(self._drained_at)
        return await super().on_tick(counter)

    def _go_on_draining(self, until: float) -> None:
        # Not where the signal is handled: that may be in the middle of another line of the log.
        if not self._drain_is_logged:
            self._drain_is_logged = True
            self._notifier.stopping()
            logger.warning(
                "draining: serves on for %g s, and ends then; a second signal ends it now", self._drain
            )
        if self.should_exit:
            logger.warning("the drain is ended by a second signal")
        elif time.monotonic() >= until:
            self.should_exit = True
            logger.warning("drained: the service ends")

    def retire_certified(self) -> None:
        """Other clients are trusted now: have those that came by a certificate connect anew."""
        for connection in list(self.server_state.connections):
            connection.retire()  # type: ignore[union-attr]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        seconds = float(self.config.timeout_graceful_shutdown or 0)
        until = time.monotonic() + seconds
        self._notifier.stopping()
        self.stop.set()
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._requests_end(until - min(LAST_WORDS, seconds / 2))
        await self._cut_off()
        await self._close_application(until)

    async def _requests_end(self, until: float) -> None:
        state = self.server_state
        while (state.connections or state.tasks) and not self._is_over(until):  # noqa: ASYNC110 - uvicorn's sets
            await asyncio.sleep(TICK)

    def _is_over(self, until: float) -> bool:
        return self.force_exit or time.monotonic() >= until

    async def _cut_off(self) -> None:
        """Have what is still being worked on answered 503."""
        tasks = list(self.server_state.tasks)
        if tasks:
            logger.warning("requests that did not end in time are answered 503: %d", len(tasks))
            for task in tasks:
                task.cancel("the time to end requests is over")
            await asyncio.wait(tasks, timeout=LAST_WORDS / 2)

    async def _close_application(self, until: float) -> None:
        try:
            async with asyncio.timeout(max(until - time.monotonic(), LAST_WORDS / 2)):
                await self.lifespan.shutdown()
        except TimeoutError:
            self.abandoned = True
            logger.critical(
                "the store does not close: the process ends without it. What was acknowledged is durable;"
                " look for a disk or a coordinator that hangs"
            )


def run_to_its_end(
    server: VisorServer, listening: socket.socket, main: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """Run `main`, which serves on `listening`, in a loop of its own; a signal before the server runs ends the
    process in good order."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        # The server has signal handlers of its own while it runs, and passes on what it got at its end:
        # by then all is done, and that is no failure.
        if not server.started:
            raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    with listening, asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(main())
