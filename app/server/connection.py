"""A connection: its requests in, their answers out, and what ends it."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any

from starlette.types import Scope
from uvicorn.server import ServerState

from app.errors import MalformedRequest, RequestError, TooManyRequests
from app.http.admission import PendingRequest
from app.http.certificate import Certificate
from app.http.clients import Peer
from app.http.permits import Permit
from app.http.responses import RawHeaders
from app.server.answers import refusal
from app.server.config import ConnectionConfig
from app.server.deadline import IDLE, LINGER, OWES, Deadline
from app.server.exchange import Exchange
from app.server.outgoing import Outgoing
from app.server.reader import (
    BETWEEN,
    BODY,
    ENDED,
    HEAD,
    LINGERING,
    NO_MORE,
    REFUSED_BODY,
    RequestHead,
    RequestReader,
)

LINGER_SECONDS = 2.0
"""Seconds that a refused connection is still read from, so that its client, which may be writing,
gets to read the refusal instead of a reset."""

MAX_LINGERING = 200
"""Connections that are refused for being too many and still read from; others are closed at once."""

MAX_PIPELINED = 1000
"""Requests that a connection may send before the first of them is answered."""

CUT_SHORT = "The connection was closed before the request was complete. Send it again."

ASGI = {"version": "3.0", "spec_version": "2.3"}


class _WaitingRequest:
    """A request that waits for its permit, and what has come of its body meanwhile."""

    __slots__ = ("body", "pending", "scope", "whole")

    def __init__(self, pending: PendingRequest, scope: Scope) -> None:
        self.pending = pending
        self.scope = scope
        self.body = bytearray()
        self.whole = False


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
        self.server_state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._client: tuple[str, int] | None = None
        self._certificate: Certificate | None = None
        self._peer: Peer | None = None
        # Reading.
        self._reader: RequestReader
        self._no_more = False
        self._drops = False
        self._read_paused = False
        self._waiting: _WaitingRequest | None = None
        # Answering: the first is, the others wait for their turn.
        self._exchanges: deque[Exchange] = deque()
        self._last_words: bytes | None = None
        self.outgoing: Outgoing
        # Time.
        self._deadline = Deadline(self._loop, self._close)
        self._idle = False
        self._one_too_many = False

    # The transport's calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self.outgoing = Outgoing(transport, self._loop, self.config.send_timeout)
        self._client = address_of(transport, "peername")
        constant = {
            "type": "http",
            "asgi": ASGI,
            "scheme": "http" if self.config.tls is None else "https",
            "root_path": self.config.root_path,
            "server": address_of(transport, "sockname"),
            "client": self._client,
            "state": self._app_state.copy(),
        }
        self._reader = RequestReader(self, self.config.max_header, self.config.root_path, constant)
        try:
            self._count_connection()
        except TooManyRequests as error:
            self._refuse_connection(error)
            return
        self.server_state.connections.add(self)  # type: ignore[arg-type]
        if self.config.tls is not None:
            self._certificate = transport.get_extra_info("certificate")
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self.server_state.connections.discard(self)
        if self._one_too_many:
            self.config.lingering -= 1
        if self._peer is not None:
            self._peer.leave()
        self._reader.state = ENDED
        self._deadline.end()
        if self._waiting is not None:
            self._waiting.pending.leave()
            self._waiting = None
        for exchange in self._exchanges:
            exchange.lose()
        self._exchanges.clear()
        self.outgoing.resume()
        self._reader.close()

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if reader.state in NO_MORE:
            return
        self._idle = False
        fault = reader.feed(data)
        if reader.state in NO_MORE:
            return
        if fault is not None:
            self._end_with(fault)
        elif not self._exchanges:
            self._watch()

    def eof_received(self) -> bool:
        """The client has half-closed, or closed: it sends no more. Whether it is still to be answered."""
        state = self._reader.state
        if state is LINGERING or self._transport.is_closing():
            return False
        self._no_more = True
        if state in (HEAD, BODY, REFUSED_BODY):
            self._end_with(MalformedRequest(CUT_SHORT))
        elif self._exchanges:
            self._reader.state = ENDED
            self._exchanges[-1].keep_alive = False
            self._tell_no_more()
        return self._answering()

    def pause_writing(self) -> None:
        self.outgoing.pause()

    def resume_writing(self) -> None:
        self.outgoing.resume()

    # What the reader tells.

    def request_begins(self) -> None:
        # Answers are given in the order of their requests: there is no more waiting for the last one's turn.
        self._leave_line()

    def request(self, scope: Scope, head: RequestHead) -> None:
        if len(self._exchanges) >= MAX_PIPELINED:
            raise MalformedRequest(f"More than {MAX_PIPELINED} requests were sent before they were answered.")
        self._reader.state = BODY
        admission, permit = self.config.admission, None
        # One that is sent before the last is answered has to wait for its turn to be refused, too.
        if admission is not None and not self._exchanges and self._waiting is None:
            permit = admission.apply(scope["method"], scope["raw_path"], scope["headers"], self)
        if isinstance(permit, PendingRequest):
            self._waiting = _WaitingRequest(permit, scope)
            self._reader.has_waiting = True
            # Not read from while it waits, it costs nothing then.
            self._pause_reading()
        else:
            self._begin(scope, permit, head)

    def body_part(self, part: bytes) -> None:
        waiting = self._waiting
        if waiting is not None:
            waiting.body += part
            if len(waiting.body) > self.config.max_header:
                self._leave_line()
        elif self._exchanges:
            self._exchanges[-1].add_body(part)

    def body_end(self) -> None:
        if self._waiting is not None:
            self._waiting.whole = True
        elif self._exchanges:
            self._exchanges[-1].end_body()
        else:
            self._idle = True

    def last_by_trailer(self) -> None:
        if not self._answering():
            self._end()
        elif self._exchanges:
            self._exchanges[-1].keep_alive = False

    def _pause_reading(self) -> None:
        if not self._read_paused:
            self._read_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._read_paused:
            self._read_paused = False
            self._transport.resume_reading()

    # Waiting for a permit.

    def admitted(self, permit: Permit) -> None:
        """The request that has waited has its permit: all that came meanwhile, once more."""
        waiting, self._waiting, self._reader.has_waiting = self._waiting, None, False
        if self._transport.is_closing() or waiting is None:
            permit.release()
            return
        self._resume_reading()
        self._begin(waiting.scope, permit, self._reader.head)
        exchange = self._exchanges[-1]
        if waiting.body:
            exchange.add_body(bytes(waiting.body))
        if waiting.whole:
            exchange.end_body()
        self._watch()

    def refused(self, error: TooManyRequests) -> None:
        """The request that has waited gets no permit. Its connection goes on where its client would have
        it so."""
        waiting, self._waiting, self._reader.has_waiting = self._waiting, None, False
        if self._transport.is_closing() or waiting is None:
            return
        reader, scope = self._reader, waiting.scope
        # Where the client asks first it does not send its body now, and what it sends next could be
        # taken for it.
        reader.keeps_alive = reader.keeps_alive and not reader.head.expects_continue
        close = not reader.keeps_alive
        self.outgoing.write(self._refusal(error, scope["headers"], close=close, path=scope["path"]))
        self._resume_reading()
        if close:
            self._linger()
            return
        if not waiting.whole:
            reader.state = REFUSED_BODY
        self._idle = waiting.whole
        self._watch()

    def _leave_line(self) -> None:
        """Have a request that waits turned away at once."""
        if self._waiting is not None and self.config.admission is not None:
            self.config.admission.refuse(self._waiting.pending)

    # Answering.

    def _answering(self) -> bool:
        return bool(self._exchanges) or self._waiting is not None

    def _begin(self, scope: Scope, permit: Permit | None, head: RequestHead) -> None:
        exchange = Exchange(
            self,
            scope,
            permit,
            self._certificate,
            self._peer,
            keep_alive=self._reader.keeps_alive,
            expects_continue=head.expects_continue,
        )
        self._exchanges.append(exchange)
        self._deadline.what = None
        if len(self._exchanges) == 1:
            self._start(exchange)
        else:
            # What waits is answered before more is read: or it grows as fast as a client can send.
            self._pause_reading()

    def _start(self, exchange: Exchange) -> None:
        tasks = self.server_state.tasks
        exchange.task = self._loop.create_task(exchange.run(self._app, tasks))
        tasks.add(exchange.task)

    def want_body(self) -> None:
        if len(self._exchanges) == 1:
            self._resume_reading()

    def hold_body(self) -> None:
        self._pause_reading()

    def answered(self, exchange: Exchange) -> None:
        if not self._exchanges or self._exchanges[0] is not exchange:
            return
        self._exchanges.popleft()
        self.server_state.total_requests += 1
        if self._transport.is_closing():
            return
        if not exchange.keep_alive and self._last_words is None:
            self._exchanges.clear()
            self._end()
        elif self._exchanges:
            self._start(self._exchanges[0])
        elif self._reader.state is ENDED:
            self._end()
        else:
            if self._read_paused:
                self._resume_reading()
            self._idle = self._reader.state is BETWEEN
            self._watch()

    def refuse(self, exchange: Exchange, error: RequestError) -> None:
        exchange.keep_alive = False
        if not exchange.started:
            exchange.started = exchange.complete = True
            self.outgoing.write(self._refusal(error, exchange.scope["headers"], close=True))
            self.answered(exchange)
        elif exchange.scope["http_version"] == "1.0":
            # Its answer may end with the connection, and must not look whole.
            self.outgoing.cut_off()
        else:
            self._transport.close()

    def _refusal(
        self, error: RequestError, headers: RawHeaders, *, close: bool, path: str | None = None
    ) -> bytes:
        """The bytes of a refusal of a request with these headers, as far as they have come. `path` where the
        application has no part in the request, and so does not record it."""
        more: RawHeaders = []
        if self.config.refusals is not None:
            error, more = self.config.refusals.judge(error, self._reader.method, headers)
            if path is not None:
                self.config.refusals.record(error, self._reader.method if path else "", path)
        return refusal(
            error,
            self.server_state.default_headers + more,
            self.config.rev,
            head_only=self._reader.is_head,
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
        if self._reader.state is not BODY:
            self._reader.state = ENDED
        self._reader.keeps_alive = False
        self._exchanges[-1].keep_alive = False

    def retire(self) -> None:
        """Other clients are trusted than when this one's certificate was verified: it has to connect anew.
        What was begun is answered; a wait or a stream as if its time were over."""
        if self._certificate is None:
            return
        for exchange in self._exchanges:
            if self._reader.state is not BODY or exchange is not self._exchanges[-1]:
                exchange.half_close()
        self.shutdown()

    def turn_off(self, error: RequestError) -> None:
        """Tell this to a client that speaks something else, and close."""
        if self._reader.state is BETWEEN:
            self._end_with(error)

    def _end_with(self, error: RequestError) -> None:
        """What was read is no request, or not all of one: nothing more is read."""
        reading, self._reader.state = self._reader.state, ENDED
        self._drops = True
        self._deadline.what = None
        if reading is BODY and self._exchanges:
            # It is being worked on: what it is answered is for those to say who know what has been done.
            self._exchanges[-1].break_body(error)
        elif reading is REFUSED_BODY or (reading is BODY and self._waiting is None):
            self._linger()  # it has its answer
        else:
            self._tell_no_more()
            if reading is BODY and self._waiting is not None:
                self._waiting.pending.leave()
                self._waiting = None
            self._leave_line()
            self._last_words = self._refusal(error, self._reader.head.headers, close=True, path="")
            if not self._exchanges:
                self._end()

    def _tell_no_more(self) -> None:
        for exchange in self._exchanges:
            exchange.half_close()

    def _end(self) -> None:
        """All answers are given but, where there is one, the last."""
        if self._last_words is not None:
            self.outgoing.write(self._last_words)
            self._last_words = None
            self._linger()
        elif self._drops or self._reader.last_asked or self._reader.state is BODY:
            self._linger()  # its client may be sending
        else:
            self._transport.close()

    def _linger(self) -> None:
        """Read on for a moment, so that the answer is seen, and close."""
        if self._no_more:
            self._transport.close()
            return
        self._reader.state = LINGERING
        with suppress(OSError):  # it has left
            self._transport.write_eof()
        self._resume_reading()
        self._deadline.set(LINGER, LINGER_SECONDS)

    def _count_connection(self) -> None:
        """Raises TooManyRequests."""
        if len(self.server_state.connections) >= self.config.max_connections:
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
            self._reader.state = ENDED
            self._transport.abort()
            return
        self._one_too_many = True
        self.config.lingering += 1
        self.outgoing.write(self._refusal(error, [], close=True, path=""))
        self._linger()

    # Time.

    def _close(self) -> None:
        """What the client had to do was not done in time."""
        self._transport.close()

    def _watch(self) -> None:
        """Have that be due which the state asks for. What is due already is not put off."""
        if self._reader.state is LINGERING or self._transport.is_closing():
            return
        if self._exchanges or self._waiting is not None:
            self._deadline.what = None
        elif self._idle:
            self._deadline.set(IDLE, self.config.timeout_keep_alive)
        else:
            self._deadline.set(OWES, self.config.header_timeout)


def address_of(transport: asyncio.BaseTransport, which: str) -> tuple[str, int] | None:
    """The address of one side (`sockname`, `peername`)."""
    address = transport.get_extra_info(which)
    return (str(address[0]), int(address[1])) if isinstance(address, tuple) else None
