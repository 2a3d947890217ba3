"""A connection: its requests in, their answers out, and what ends it."""

import asyncio
import socket
import struct
from asyncio.events import TimerHandle
from collections import deque
from contextlib import suppress
from enum import Enum
from typing import Any, NoReturn

import httptools
from starlette.types import Scope
from uvicorn.server import ServerState

from app.errors import MalformedRequest, RequestError, TooManyRequests
from app.http.admission import PendingRequest
from app.http.certificate import Certificate
from app.http.clients import Peer
from app.http.given import Given
from app.http.permits import Permit
from app.http.responses import RawHeaders
from app.server.answers import refusal
from app.server.config import ConnectionConfig
from app.server.exchange import Exchange
from app.server.request_head import RequestHead

LINGER = 2.0
"""Seconds that a refused connection is still read from, so that its client, which may be writing,
gets to read the refusal instead of a reset."""

MAX_LINGERING = 200
"""Connections that are refused for being too many and still read from; others are closed at once."""

MAX_PIPELINED = 1000
"""Requests that a connection may send before the first of them is answered."""

UNREADABLE = "The request is not valid HTTP/1.1. Correct it and send it again."
CUT_SHORT = "The connection was closed before the request was complete. Send it again."


class _Reading(Enum):
    """What is read from the client. See `Connection`."""

    BETWEEN = 1
    HEAD = 2
    BODY = 3
    REFUSED_BODY = 4
    ENDED = 5
    LINGERING = 6


class _Timer(Enum):
    """What the client has to do in time."""

    IDLE = 1
    OWES = 2
    LINGER = 3


class _Stop(Exception):
    """Raised inside the parser's callbacks to make it stop."""


class Connection(asyncio.Protocol):
    """One client's connection. It reads requests, has them admitted, and answers them in their order.

    What is read, by state:

    | state        | the client sends                  | ends with                                          |
    |--------------|-----------------------------------|----------------------------------------------------|
    | BETWEEN      | nothing; the next request is due  | its first byte -> HEAD                             |
    | HEAD         | a request's head                  | its end -> BODY                                    |
    | BODY         | its body                          | its end -> BETWEEN; no permit -> REFUSED_BODY      |
    | REFUSED_BODY | a body that nobody wants          | its end -> BETWEEN                                 |
    | ENDED        | what is not read any more         | the last answer -> LINGERING, or closed            |
    | LINGERING    | what is read and dropped          | 2 s, or the client's end -> closed                 |

    ENDED begins with a request that asks for it (`Connection: close`, HTTP/1.0), with bytes that are no
    request, with the client's half-close, and with the shutdown of the server. Every request before it is
    answered; bytes that are no request are answered last. A client that asks for the end may send more all
    the same; a reset then would keep it from reading its answer. Where a request stands in BODY and has not
    been admitted yet, it waits for its permit and nothing is read from the connection.

    What the client has to do in time:

    | it                                     | within           | or else                              |
    |----------------------------------------|------------------|--------------------------------------|
    | begins another request                 | `keep_alive`     | closed                               |
    | ends a head, or a body that is answered | `header_timeout` | closed                               |
    | ends the body of a request             | `body_timeout`   | the application's answer, then closed |
    | takes what is sent                     | `send_timeout`   | reset                                |

    While an answer is being worked on, the client owes nothing and no time runs.
    """

    def __init__(
        self,
        config: ConnectionConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.config = config
        self._app = config.loaded_app
        self._server_state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._server: tuple[str, int | None] | None = None
        self._client: tuple[str, int] | None = None
        self._certificate: Certificate | None = None
        self._peer: Peer | None = None
        # Reading.
        self._parser = self._new_parser()
        self._reading = _Reading.BETWEEN
        self._head = RequestHead()
        self._method = ""
        self._keeps_alive = True
        self._no_more = False
        self._last_asked = False
        self._drops = False
        self._fault: RequestError | None = None
        self._stalled_bytes = 0
        self._progress = False
        self._read_paused = False
        # Waiting for a permit.
        self._waiting: PendingRequest | None = None
        self._waiting_scope: Scope = {}
        self._kept = bytearray()
        self._kept_whole = False
        # Answering: the first is, the others wait for their turn.
        self._exchanges: deque[Exchange] = deque()
        self._last_words: bytes | None = None
        self._writable: asyncio.Event | None = None
        # Time.
        self._timer: TimerHandle | None = None
        self._timer_of: _Timer | None = None
        self._due = 0.0
        self._idle = False
        self._frozen: TimerHandle | None = None
        self._one_too_many = False

    # The transport's calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._server, self._client = address_of(transport, "sockname"), address_of(transport, "peername")
        try:
            self._count_connection()
        except TooManyRequests as error:
            self._refuse_connection(error)
            return
        self._server_state.connections.add(self)  # type: ignore[arg-type]
        if self.config.tls is not None:
            self._certificate = transport.get_extra_info("certificate")
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server_state.connections.discard(self)
        if self._one_too_many:
            self.config.lingering -= 1
        if self._peer is not None:
            self._peer.leave()
        self._reading = _Reading.ENDED
        self._stop_timer()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._stop_frozen()
        if self._waiting is not None:
            self._waiting.leave()
            self._waiting = None
        for exchange in self._exchanges:
            exchange.lose()
            # Else what it was given, which has a method of this connection, would keep it.
            exchange.given.answer = None
        self._exchanges.clear()
        if self._writable is not None:
            self._writable.set()
        # The parser and its protocol would keep one another.
        self._parser = None

    def data_received(self, data: bytes) -> None:
        if not self._reads():
            return
        self._idle = self._progress = False
        self._feed(data)
        if not self._reads() or self._transport.is_closing():
            return
        # The parser hands out a header (or trailer) only when it is whole and keeps it until then:
        # what goes in without anything coming out is bounded here, the rest by the size of the head.
        self._stalled_bytes = 0 if self._progress else self._stalled_bytes + len(data)
        if self._stalled_bytes > self.config.max_header:
            self._end_with(self._too_large())
        else:
            self._watch()

    def eof_received(self) -> bool:
        """The client has half-closed, or closed: it sends no more. Whether it is still to be answered."""
        if self._reading is _Reading.LINGERING or self._transport.is_closing():
            return False
        self._no_more = True
        if self._reading in (_Reading.HEAD, _Reading.BODY, _Reading.REFUSED_BODY):
            self._end_with(MalformedRequest(CUT_SHORT))
        elif self._exchanges:
            self._reading = _Reading.ENDED
            self._exchanges[-1].keep_alive = False
            self._tell_no_more()
        return self._answering()

    def pause_writing(self) -> None:
        if self._writable is None:
            self._writable = asyncio.Event()
        # A handler that waits for a frozen reader would hold its permit, and its memory, for ever.
        if self._frozen is None:
            self._frozen = self._loop.call_later(self.config.send_timeout, self._cut_off)

    def resume_writing(self) -> None:
        self._stop_frozen()
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    # The parser's calls.

    def on_message_begin(self) -> None:
        if not self._reads():
            raise _Stop
        # Answers are given in the order of their requests: there is no more waiting for the last one's turn.
        self._leave_line()
        if not self._reads():
            raise _Stop
        self._reading = _Reading.HEAD
        self._head = RequestHead()
        self._fault = None

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        self._head.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        # A trailer is no header: those are in use by now.
        if self._reading is _Reading.HEAD:
            self._head.add(name, value)

    def on_headers_complete(self) -> None:
        self._progress = True
        self._method = self._parser.get_method().decode("ascii")
        if self._parser.should_upgrade():
            # The parser pauses at the end of this head, which is read once more then without its offer.
            if self._method == "CONNECT":
                self._stop(MalformedRequest("CONNECT is for proxies, and this is none."))
            return
        version = self._parser.get_http_version()
        try:
            self._head.check(version)
            if len(self._exchanges) >= MAX_PIPELINED:
                raise MalformedRequest(
                    f"More than {MAX_PIPELINED} requests were sent before they were answered."
                )
            scope = self._scope(version)
        except RequestError as error:
            self._stop(error)
        self._keeps_alive = version == "1.1" and self._parser.should_keep_alive()
        self._last_asked = not self._keeps_alive
        self._reading = _Reading.BODY
        self._kept_whole = False
        self._admit(scope)

    def on_body(self, body: bytes) -> None:
        self._progress = True
        if self._waiting is not None:
            self._kept += body
            if len(self._kept) > self.config.max_header:
                self._leave_line()
        elif self._reading is _Reading.BODY and self._exchanges:
            self._exchanges[-1].add_body(body)

    def on_message_complete(self) -> None:
        if self._reading is _Reading.HEAD or not self._reads():
            return  # of a request that is read once more, or not any more
        self._progress = True
        refused = self._reading is _Reading.REFUSED_BODY
        if self._keeps_alive and not self._parser.should_keep_alive():
            # By a trailer: it is none of the headers, but the parser reads no further.
            self._keeps_alive = False
            self._last_asked = True
            if refused or not self._answering():
                self._end()
            elif self._exchanges:
                self._exchanges[-1].keep_alive = False
        self._reading = _Reading.BETWEEN if self._keeps_alive else _Reading.ENDED
        if self._waiting is not None:
            self._kept_whole = True
        elif not refused and self._exchanges:
            self._exchanges[-1].end_body()
        self._idle = not self._answering()

    # Reading.

    def _reads(self) -> bool:
        return self._reading not in (_Reading.ENDED, _Reading.LINGERING)

    def _new_parser(self) -> Any:
        parser = httptools.HttpRequestParser(self)
        # What follows a request that asks to close is dropped, and no reason to break off its answer.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as pause:
            self._decline_upgrade(data[pause.args[0] :])
        except httptools.HttpParserError:
            if self._reads():
                self._end_with(self._fault or MalformedRequest(UNREADABLE))

    def _decline_upgrade(self, rest: bytes) -> None:
        """Read the request once more as if it had offered no other protocol, body and all.

        The parser takes what follows such a head for that protocol, and what comes later for a new request.
        """
        version = self._parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self._parser.get_method(), self._head.url, version)]
        lines += [b"%b: %b" % pair for pair in self._head.headers if pair[0] != b"upgrade"]
        self._parser = self._new_parser()
        self._feed(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    def _scope(self, version: str) -> Scope:
        target, root = self._head.target(), self.config.root_path
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": version,
            "method": self._method,
            "scheme": "http" if self.config.tls is None else "https",
            "root_path": root,
            "path": root + target.path,
            "raw_path": root.encode("ascii") + target.raw_path,
            "query_string": target.query,
            "headers": self._head.named(target.authority),
            "server": self._server,
            "client": self._client,
            "state": self._app_state.copy(),
        }

    def _count(self, size: int) -> None:
        self._head.size += size
        if self._head.size > self.config.max_header:
            self._stop(self._too_large())

    def _stop(self, fault: RequestError) -> NoReturn:
        self._fault = fault
        raise _Stop

    def _too_large(self) -> MalformedRequest:
        limit = self.config.max_header
        return MalformedRequest(f"The request's headers are over the limit of {limit} bytes. Send fewer.")

    def _pause_reading(self) -> None:
        if not self._read_paused:
            self._read_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._read_paused:
            self._read_paused = False
            self._transport.resume_reading()

    # Admission.

    def _admit(self, scope: Scope) -> None:
        admission, permit = self.config.admission, None
        # One that is sent before the last is answered has to wait for its turn to be refused, too.
        if admission is not None and not self._answering():
            permit = admission.apply(self._method, scope["raw_path"], scope["headers"], self)
        if isinstance(permit, PendingRequest):
            self._waiting, self._waiting_scope = permit, scope
            # Not read from while it waits, it costs nothing then.
            self._pause_reading()
        else:
            self._begin(scope, permit)

    def admitted(self, permit: Permit) -> None:
        """The request that has waited has its permit: all that came meanwhile, once more."""
        self._waiting = None
        if self._transport.is_closing():
            permit.release()
            return
        self._resume_reading()
        self._begin(self._waiting_scope, permit)
        exchange, kept = self._exchanges[-1], bytes(self._kept)
        self._kept = bytearray()
        if kept:
            exchange.add_body(kept)
        if self._kept_whole:
            exchange.end_body()
        self._watch()

    def refused(self, error: TooManyRequests) -> None:
        """The request that has waited gets no permit. Its connection goes on where its client would have
        it so."""
        self._waiting = None
        self._kept = bytearray()
        if self._transport.is_closing():
            return
        # Where the client asks first it does not send its body now, and what it sends next could be
        # taken for it.
        self._keeps_alive = self._keeps_alive and not self._head.expects_continue
        scope = self._waiting_scope
        close = not self._keeps_alive
        self.write(self._refusal(error, scope["headers"], close=close, path=scope["path"]))
        self._resume_reading()
        if self._keeps_alive:
            if not self._kept_whole:
                self._reading = _Reading.REFUSED_BODY
            self._idle = self._kept_whole
            self._watch()
        else:
            self._linger()

    def _leave_line(self) -> None:
        """Have a request that waits turned away at once."""
        if self._waiting is not None and self.config.admission is not None:
            self.config.admission.refuse(self._waiting)

    # Answering.

    def _answering(self) -> bool:
        return bool(self._exchanges) or self._waiting is not None

    def _begin(self, scope: Scope, permit: Permit | None) -> None:
        # Not a method of the exchange: the two would hold one another until the garbage collector comes.
        given = Given(permit, answer=self._answer_whole, certificate=self._certificate, peer=self._peer)
        expects_continue = self._head.expects_continue
        exchange = Exchange(
            self, scope, given, keep_alive=self._keeps_alive, expects_continue=expects_continue
        )
        self._exchanges.append(exchange)
        if len(self._exchanges) == 1:
            self._start(exchange)
        else:
            # What waits is answered before more is read: or it grows as fast as a client can send.
            self._pause_reading()

    def _start(self, exchange: Exchange) -> None:
        tasks = self._server_state.tasks
        task = self._loop.create_task(exchange.run(self._app))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def _answer_whole(self, scope: Scope, status: int, headers: RawHeaders, body: bytes) -> bool:
        # Its answer may have been given already, and the next request's be due.
        first = self._exchanges[0] if self._exchanges else None
        return first is not None and first.scope is scope and first.answer_whole(status, headers, body)

    @property
    def default_headers(self) -> RawHeaders:
        return self._server_state.default_headers

    @property
    def congested(self) -> bool:
        return self._writable is not None

    async def drained(self) -> None:
        if self._writable is not None:
            await self._writable.wait()

    def write(self, *parts: bytes) -> None:
        if len(parts) == 1:
            self._transport.write(parts[0])
        else:
            self._transport.writelines(parts)

    def want_body(self) -> None:
        if len(self._exchanges) == 1:
            self._resume_reading()

    def hold_body(self) -> None:
        self._pause_reading()

    def answered(self, exchange: Exchange) -> None:
        if not self._exchanges or self._exchanges[0] is not exchange:
            return
        self._exchanges.popleft()
        self._server_state.total_requests += 1
        if self._transport.is_closing():
            return
        if not exchange.keep_alive and self._last_words is None:
            self._exchanges.clear()
            self._end()
        elif self._exchanges:
            self._start(self._exchanges[0])
        elif self._reading is _Reading.ENDED:
            self._end()
        else:
            self._resume_reading()
            self._idle = self._reading is _Reading.BETWEEN
            self._watch()

    def refuse(self, exchange: Exchange, error: RequestError) -> None:
        exchange.keep_alive = False
        if not exchange.started:
            exchange.started = exchange.complete = True
            self.write(self._refusal(error, exchange.scope["headers"], close=True))
            self.answered(exchange)
        elif exchange.scope["http_version"] == "1.0":
            # Its answer may end with the connection, and must not look whole.
            self._cut_off()
        else:
            self._transport.close()

    def _refusal(
        self, error: RequestError, headers: RawHeaders, *, close: bool, path: str | None = None
    ) -> bytes:
        """The bytes of a refusal of a request with these headers, as far as they have come. `path` where the
        application has no part in the request, and so does not record it."""
        more: RawHeaders = []
        if self.config.refusals is not None:
            error, more = self.config.refusals.judge(error, self._method, headers)
            if path is not None:
                self.config.refusals.record(error, self._method if path else "", path)
        head_only = self._parser.get_method() == b"HEAD"
        return refusal(
            error,
            self.default_headers + more,
            self.config.rev,
            head_only=head_only,
            close=close,
            root_path=self.config.prefix,
        )

    # The end.

    def shutdown(self) -> None:
        """The server stops: what was begun is answered, and nothing else."""
        self._leave_line()
        if not self._answering():
            self._transport.close()
            return
        if self._reading is not _Reading.BODY:
            self._reading = _Reading.ENDED
        self._keeps_alive = False
        self._exchanges[-1].keep_alive = False

    def retire(self) -> None:
        """Other clients are trusted than when this one's certificate was verified: it has to connect anew.
        What was begun is answered; a wait or a stream as if its time were over."""
        if self._certificate is None:
            return
        for exchange in self._exchanges:
            if self._reading is not _Reading.BODY or exchange is not self._exchanges[-1]:
                exchange.half_close()
        self.shutdown()

    def turn_off(self, error: RequestError) -> None:
        """Tell this to a client that speaks something else, and close."""
        if self._reading is _Reading.BETWEEN:
            self._end_with(error)

    def _end_with(self, error: RequestError) -> None:
        """What was read is no request, or not all of one: nothing more is read."""
        reading, self._reading = self._reading, _Reading.ENDED
        self._drops = True
        self._stop_timer()
        if reading is _Reading.BODY and self._exchanges:
            # It is being worked on: what it is answered is for those to say who know what has been done.
            self._exchanges[-1].break_body(error)
        elif reading is _Reading.REFUSED_BODY or (reading is _Reading.BODY and self._waiting is None):
            self._linger()  # it has its answer
        else:
            self._tell_no_more()
            if reading is _Reading.BODY and self._waiting is not None:
                self._waiting.leave()
                self._waiting = None
            self._leave_line()
            self._last_words = self._refusal(error, self._head.headers, close=True, path="")
            if not self._exchanges:
                self._end()

    def _tell_no_more(self) -> None:
        for exchange in self._exchanges:
            exchange.half_close()

    def _end(self) -> None:
        """All answers are given but, where there is one, the last."""
        if self._last_words is not None:
            self.write(self._last_words)
            self._last_words = None
            self._linger()
        elif self._drops or self._last_asked or self._reading is _Reading.BODY:
            self._linger()  # its client may be sending
        else:
            self._transport.close()

    def _linger(self) -> None:
        """Read on for a moment, so that the answer is seen, and close."""
        if self._no_more:
            self._transport.close()
            return
        self._reading = _Reading.LINGERING
        with suppress(OSError):  # it has left
            self._transport.write_eof()
        self._resume_reading()
        self._set_timer(_Timer.LINGER, LINGER)

    def _count_connection(self) -> None:
        """Raises TooManyRequests."""
        if len(self._server_state.connections) >= self.config.max_connections:
            raise TooManyRequests(
                f"The server has {self.config.max_connections} connections, as many as it is allowed to."
                " Close those that are not used, and try again.",
                headers={"Retry-After": "1"},
            )
        if self.config.admission is not None:
            self._peer = self.config.admission.clients.connected(self._client)

    def _refuse_connection(self, error: TooManyRequests) -> None:
        """Say that there are too many, and close; it does not count among those there are."""
        if self.config.lingering >= MAX_LINGERING:
            self._reading = _Reading.ENDED
            self._transport.abort()
            return
        self._one_too_many = True
        self.config.lingering += 1
        self.write(self._refusal(error, [], close=True, path=""))
        self._linger()

    def _cut_off(self) -> None:
        """Close without what was not sent: the kernel would keep it, and try on, for a quarter of an hour."""
        peer = self._transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    # Time.

    def _watch(self) -> None:
        """Have the one timer run that the state asks for. One that runs already is not started anew."""
        if self._reading is _Reading.LINGERING or self._transport.is_closing():
            return
        if self._answering():
            self._stop_timer()
        elif self._idle:
            self._set_timer(_Timer.IDLE, self.config.timeout_keep_alive)
        else:
            self._set_timer(_Timer.OWES, self.config.header_timeout)

    def _set_timer(self, what: _Timer, seconds: float) -> None:
        if self._timer_of is what:
            return
        self._timer_of = what
        self._due = self._loop.time() + seconds
        # One that runs for what is over looks again when it rings: to cancel and start one for each request
        # costs more than that.
        if self._timer is None or self._timer.when() > self._due:
            self._start_timer()

    def _start_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._timer_of is None:
            return
        if self._loop.time() < self._due:
            self._start_timer()
        else:
            self._transport.close()

    def _stop_timer(self) -> None:
        self._timer_of = None

    def _stop_frozen(self) -> None:
        if self._frozen is not None:
            self._frozen.cancel()
            self._frozen = None


def address_of(transport: asyncio.BaseTransport, which: str) -> tuple[str, int] | None:
    """The address of one side (`sockname`, `peername`)."""
    address = transport.get_extra_info(which)
    return (str(address[0]), int(address[1])) if isinstance(address, tuple) else None
