"""Below the client library: each try goes over the wire from here, and is recorded as it went."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx2

from tests.fault.traffic.connection import Answer, Connection, Cut, NotSent
from tests.fault.traffic.pace import Pace
from tests.fault.traffic.record import Call, Key, Outcome

RECONNECT = 2.0
"""Seconds for which somebody is looked for who takes a request; then the library is told that nobody does."""


@dataclass
class Deed:
    """What the calls from here on are tries of: `op` is what kind of thing it is, `about` the resource that
    it addresses. `replica` is the one that is asked, where it has to be that one; `paced` where reads take
    turns, as writes do. `tries` counts the writes so far."""

    name: str
    op: str
    about: Key | None = None
    replica: int | None = None
    paced: bool = False
    tries: int = 0


class Recorder(httpx2.AsyncBaseTransport):
    """Sends what the client library asks for to one of the replicas, and to the next one when that fails, as
    a proxy in front of them would. What it is told and what it tells are bytes: `calls` has both."""

    def __init__(self, client: str, ports: Sequence[int], calls: list[Call], pace: Pace, first: int) -> None:
        self.deed = Deed("", "")
        self.last: Call | None = None
        self._client = client
        self._calls = calls
        self._pace = pace
        self._connections = [Connection(port) for port in ports]
        self._at = first

    @property
    def replicas(self) -> int:
        return len(self._connections)

    def begin(self, deed: Deed) -> None:
        self.deed, self.last = deed, None

    async def aclose(self) -> None:
        for connection in self._connections:
            connection.close()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """One try. Raises ConnectError where it was surely not sent, ReadError where no whole answer came;
        Over, when the traffic has ended."""
        if request.method != "GET" or self.deed.paced:
            await self._pace.turn()
        call = self._call_of(request)
        headers = dict(request.headers)
        for name in ("host", "content-length", "connection", "accept-encoding"):
            headers.pop(name, None)
        self._calls.append(call)
        self.last = call
        seconds = request.extensions["timeout"]["read"]
        try:
            answer = await self._send(call, request.content or None, headers, seconds)
        except NotSent as error:
            call.end = time.monotonic_ns()
            raise httpx2.ConnectError(str(error), request=request) from error
        except Cut as error:
            # Its end stays open: it may take effect later than we stopped to wait.
            self._go_on(call)
            raise httpx2.ReadError(str(error), request=request) from error
        call.end = time.monotonic_ns()
        _take(call, answer)
        if call.status == 503:
            self._go_on(call)
        return httpx2.Response(answer.status, headers=answer.headers, content=answer.body)

    async def _send(self, call: Call, body: bytes | None, headers: dict[str, str], seconds: float) -> Answer:
        """Raises NotSent where nobody took it for a while, and Cut."""
        until = time.monotonic() + RECONNECT
        while True:
            connection = self._connections[call.replica]
            call.start, call.outcome = time.monotonic_ns(), Outcome.UNKNOWN
            try:
                return await connection.ask(call.method, call.path, body, headers, seconds)
            except NotSent:
                call.outcome = Outcome.REFUSED
                self._go_on(call)
                if time.monotonic() > until:
                    raise
            finally:
                call.connection = connection.serial
            await self._pace.rest(0.05)
            if self.deed.replica is None:
                call.replica = self._at

    def _call_of(self, request: httpx2.Request) -> Call:
        deed, headers = self.deed, request.headers
        if_match = headers.get("if-match")
        call = Call(
            self._client,
            self._at if deed.replica is None else deed.replica,
            deed.op,
            request.method,
            request.url.raw_path.decode(),
            json.loads(request.content) if request.content else None,
            deed.about,
        )
        if call.writes:
            # A key is its actor's own, so all tries have one actor: here they are told apart by a label.
            call.actor = f"{deed.name}.{deed.tries}" if deed.tries else deed.name
            call.key = headers.get("idempotency-key")
            call.if_match = None if if_match is None else int(if_match.strip('"'))
            deed.tries += 1
        return call

    def _go_on(self, call: Call) -> None:
        if call.replica == self._at:
            self._at = (self._at + 1) % len(self._connections)


def _take(call: Call, answer: Answer) -> None:
    call.status, call.answer = answer.status, answer.body
    rev = answer.headers.get("visor-rev")
    call.rev = None if rev is None else int(rev)
    call.replayed = answer.headers.get("idempotency-replayed") == "true"
    if answer.status < 400:
        call.outcome = Outcome.OK
    elif answer.status == 500 or (
        answer.status == 503 and json.loads(answer.body).get("outcome") == "unknown"
    ):
        call.outcome = Outcome.UNKNOWN
    else:
        call.outcome = Outcome.REFUSED
