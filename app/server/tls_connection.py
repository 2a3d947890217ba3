"""A client's connection over TLS: the layer between the socket and `app.server.connection`.

It is ours, and not asyncio's, for what that keeps to itself: a handshake counts as a connection from its
first byte, it has the time that headers have, a client that speaks plain HTTP is told so, and a
connection that is refused can still be read from (`write_eof`).
"""

import asyncio
import contextlib
import logging
import ssl
from asyncio.events import TimerHandle
from typing import Any

from uvicorn.server import ServerState

from app.errors import MalformedRequest, TooManyRequests
from app.http.certificate import Certificate, certificate_of
from app.http.clients import Peer
from app.server.config import ConnectionConfig
from app.server.connection import LINGER_SECONDS, MAX_LINGERING, Connection, address_of
from app.server.tls import Tls

logger = logging.getLogger(__name__)

RECORD = 16 * 1024
"""Bytes that TLS hands out at a time, at most."""

MAX_HANDSHAKE = 256 * 1024
"""Bytes that a client may send before its handshake is done. A chain of certificates takes 100 KB at most."""

HANDSHAKE = 0x16
"""What the first record of TLS begins with."""

PLAIN = "This port speaks TLS. Ask it by an https:// URL."


class TlsConnection(asyncio.Protocol, asyncio.Transport):
    """One client's connection: the protocol of its socket, and, once its handshake is done, the transport of
    a `Connection`. The handshake has to be done within `header_timeout`, and counts as a connection."""

    def __init__(
        self,
        config: ConnectionConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__()
        assert config.tls is not None
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._files: Tls = config.tls
        self._trust = self._files.trust
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = self._files.context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._socket: asyncio.Transport
        self._inner: Connection | None = None
        self._certificate: Certificate | None = None
        self._peer: Peer | None = None
        self._shaken = 0
        self._waits_for_its_turn = False
        self._one_too_many = False
        self._paused = False
        self._closing = False
        self._deaf = False
        self._mute = False
        self._ended = False
        self._timer: TimerHandle | None = None

    # The socket's calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._socket = transport
        if self._has_room():
            self._server_state.connections.add(self)  # type: ignore[arg-type]
        elif self._config.lingering < MAX_LINGERING:
            # To be told that there are too many, it has to understand it.
            self._one_too_many = True
            self._config.lingering += 1
        else:
            self._deaf = True
            transport.abort()
            return
        self._timer = self._loop.call_later(self._config.header_timeout, self._end_handshake)

    def _has_room(self) -> bool:
        """Whether there may be one more connection, and of its client."""
        if len(self._server_state.connections) >= self._config.max_connections:
            return False
        if self._config.admission is not None:
            try:
                self._peer = self._config.admission.clients.connected(address_of(self, "peername"))
            except TooManyRequests:
                return False
        return True

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._inner is not None:
            self._incoming.write(data)
            self._read()
            return
        if not self._shaken and data[0] != HANDSHAKE:
            self._refuse_plain(data)
            return
        self._shaken += len(data)
        if self._shaken > MAX_HANDSHAKE:
            self._end_handshake()
            return
        self._incoming.write(data)
        if not self._waits_for_its_turn:
            self._waits_for_its_turn = True
            self._files.turns.add(self._shake)

    def eof_received(self) -> bool:
        if self._inner is None or self._closing:
            return False
        if self._deaf:
            return self._inner.eof_received()
        # What has come before it may not be read yet.
        self._ended = True
        self._read()
        return not self._closing

    def connection_lost(self, exc: Exception | None) -> None:
        self._deaf = self._mute = self._closing = True
        self._leave()
        inner, self._inner = self._inner, None
        if inner is not None:
            inner.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    # The handshake.

    def _shake(self) -> None:
        self._waits_for_its_turn = False
        if self._deaf or self._closing:
            return
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
        except (ssl.SSLError, ValueError) as error:
            self._fail(error)
        else:
            self._flush()
            self._begin()

    def _begin(self) -> None:
        """The handshake is done."""
        peer = self._tls.getpeercert()
        if peer and self._trust is not self._files.trust:
            # Others are trusted since it has begun: by whom this one was verified may be no longer.
            self.close()
            return
        self._certificate = certificate_of(peer)
        self._leave()
        # It counts itself. Told of it once it is there: it may refuse at once.
        self._inner = Connection(self._config, self._server_state, self._app_state, self._loop)
        self._inner.connection_made(self)
        self._read()

    def _fail(self, error: Exception) -> None:
        """The client is told why by an alert. A reset would take that away: what it has sent is read for a
        moment."""
        client = self.get_extra_info("peername")
        logger.info("the TLS handshake with %s failed: %s", client[0] if client else "-", error)
        self._flush()
        self._deaf = True
        self._stop_timer()
        self._end_socket()
        self._timer = self._loop.call_later(LINGER_SECONDS, self._socket.close)

    def _refuse_plain(self, data: bytes) -> None:
        """What comes is no TLS. A request in plain HTTP is answered in plain HTTP."""
        if not data[:1].isupper():
            self._fail(ssl.SSLError("what comes is no TLS"))
            return
        self._leave()
        plain = Connection(self._config, self._server_state, self._app_state, self._loop)
        self._socket.set_protocol(plain)
        plain.connection_made(self._socket)
        plain.turn_off(MalformedRequest(PLAIN))

    def _end_handshake(self) -> None:
        """It has taken too long, or the server stops."""
        self._deaf = True
        self._socket.abort()

    def _leave(self) -> None:
        """No longer count as a connection in its handshake."""
        self._stop_timer()
        self._server_state.connections.discard(self)
        if self._peer is not None:
            self._peer.leave()
            self._peer = None
        if self._one_too_many:
            self._one_too_many = False
            self._config.lingering -= 1

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def shutdown(self) -> None:
        """The server stops, while this is in its handshake."""
        self._end_handshake()

    def retire(self) -> None:
        """Other clients are trusted: for one in its handshake that is seen at its end."""

    # What the connection reads.

    def _read(self) -> None:
        tls = self._tls
        try:
            while self._has_unread() and self._inner is not None and not (self._paused or self._deaf):
                data = tls.read(RECORD)
                if data:
                    self._inner.data_received(data)
                else:
                    self._ended = True
                    break
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            # Not what was sent: somebody has changed it on the way.
            logger.info("a TLS connection is broken: %s", error)
            self.abort()
            return
        self._flush()
        if self._ended and not (self._paused or self._deaf) and self._inner is not None:
            self._deaf = True
            if not self._inner.eof_received():
                self.close()

    def _has_unread(self) -> bool:
        return bool(self._incoming.pending or self._tls.pending())

    def pause_reading(self) -> None:
        self._paused = True
        self._socket.pause_reading()

    def resume_reading(self) -> None:
        self._paused = False
        self._socket.resume_reading()
        if self._has_unread() or self._ended:
            # Not at once: it is called where the last piece is being worked on.
            self._loop.call_soon(self._read)

    def is_reading(self) -> bool:
        return not self._paused

    # What the connection writes.

    def write(self, data: Any) -> None:
        if self._mute or not data:
            return
        try:
            sent = self._tls.write(data)
            if sent < len(data):
                rest = memoryview(data)[sent:]
                while rest:
                    rest = rest[self._tls.write(rest) :]
        except ssl.SSLError as error:
            logger.info("a TLS connection is broken: %s", error)
            self.abort()
            return
        self._flush()

    def writelines(self, list_of_data: Any) -> None:
        # One record where it fits, as it is one call to the kernel.
        self.write(b"".join(list_of_data))

    def _flush(self) -> None:
        if self._outgoing.pending and not self._socket.is_closing():
            self._socket.write(self._outgoing.read())

    # The end.

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Say that nothing more comes. What the client sends from now on is dropped unread."""
        self._say_that_it_ends()
        self._deaf = self._mute = True
        self._end_socket()

    def _end_socket(self) -> None:
        with contextlib.suppress(OSError):  # the client has left
            if not self._socket.is_closing():
                self._socket.write_eof()

    def close(self) -> None:
        if not self._closing:
            self._say_that_it_ends()
            self._closing = self._deaf = self._mute = True
            self._socket.close()

    def _say_that_it_ends(self) -> None:
        """Else the client could not tell an end from a cut."""
        # It need not say the same, and is not waited for.
        with contextlib.suppress(ssl.SSLError, ValueError):
            self._tls.unwrap()
        self._flush()

    def abort(self) -> None:
        self._closing = self._deaf = self._mute = True
        self._socket.abort()

    def is_closing(self) -> bool:
        return self._closing or self._socket.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Of the socket; and `certificate`, the client's."""
        return self._certificate if name == "certificate" else self._socket.get_extra_info(name, default)
