"""Many connections that ask at a set rate, whether or not they are answered.

A client that waits for an answer before it asks again slows down with the service, and never overloads
it. So these ask by the clock: each tick sends what is due on connections that are free. A connection
has one request at a time; one whose answer is slow is not free, and what was due and found no free
connection is counted, for it is load that was offered and not taken.
"""

import asyncio
import re
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_RETRY = re.compile(rb"\r\nretry-after: \d+\r\n", re.IGNORECASE)
_PROBLEM = b"application/problem+json"

TICK = 0.005


@dataclass
class Seen:
    """What came back in some stretch of time. `wrong` holds a few answers that should not be."""

    good: int = 0
    refused: int = 0
    unsent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[bytes] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    def take(self, head: bytes, body: bytes, seconds: float) -> bool:
        """Whether it was a success."""
        status = int(head[9:12])
        self.statuses[status] += 1
        if 200 <= status < 300:
            self.good += 1
            self.latencies.append(seconds)
            return True
        if status in (429, 503) and _RETRY.search(head) and _PROBLEM in head and body.startswith(b"{"):
            self.refused += 1
        elif len(self.wrong) < 5:
            self.wrong.append(head + body)
        return False

    def percentile(self, share: float) -> float:
        """Milliseconds within which that share of the successes was answered."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0


class Wire(asyncio.Protocol):
    """One connection: a request, its answer, and who is told."""

    def __init__(self, crowd: "Crowd", number: int) -> None:
        self._crowd = crowd
        self.number = number
        self._came = b""
        self._began = 0.0
        self._turn = 0
        self.asking = False
        self.turns = 0
        self._writes = False
        self.acknowledged_write = -1
        self.transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.WriteTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._crowd.cut(self)

    def ask(self, turn: int, request: bytes) -> None:
        assert self.transport is not None
        self.asking, self._turn, self._began, self._came = True, turn, time.perf_counter(), b""
        self._writes = request.startswith(b"PUT")
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._came += data
        head, ended, body = self._came.partition(b"\r\n\r\n")
        if not ended:
            return
        length = _LENGTH.search(head)
        if length is None or len(body) < int(length[1]):
            return
        self.asking = False
        if self._crowd.seen.take(head, body, time.perf_counter() - self._began) and self._writes:
            self.acknowledged_write = self._turn
        self._crowd.free(self)


class Crowd:
    """So many connections to a port. `request(wire, turn)` is what a connection asks as its so-manieth."""

    def __init__(self, port: int, request: Callable[[int, int], bytes]) -> None:
        self._port = port
        self._request = request
        self.wires: list[Wire] = []
        self._idle: deque[Wire] = deque()
        self._lost = 0
        self._again = False
        self.seen = Seen()

    async def connect(self, count: int) -> None:
        loop = asyncio.get_running_loop()
        while len(self.wires) < count:
            wire = Wire(self, len(self.wires))
            await loop.create_connection(lambda wire=wire: wire, "127.0.0.1", self._port)
            self.wires.append(wire)
            self._idle.append(wire)

    def close(self) -> None:
        for wire in self.wires:
            if wire.transport is not None:
                wire.transport.abort()

    @property
    def lost(self) -> int:
        """Connections that the service has closed."""
        return self._lost

    def cut(self, wire: Wire) -> None:
        self._lost += 1
        if wire in self._idle:
            self._idle.remove(wire)

    def free(self, wire: Wire) -> None:
        if self._again:
            self._ask(wire)
        else:
            self._idle.append(wire)

    def _ask(self, wire: Wire) -> None:
        wire.turns += 1
        wire.ask(wire.turns, self._request(wire.number, wire.turns))

    async def in_turn(self, seconds: float, wires: int) -> Seen:
        """So many connections ask again as soon as they are answered: what the service can do."""
        self.seen, self._again = Seen(), True
        for _ in range(min(wires, len(self._idle))):
            self._ask(self._idle.popleft())
        await asyncio.sleep(seconds)
        self._again = False
        await self.settled()
        return self.seen

    async def at_rate(self, rate: float, seconds: float) -> Seen:
        """Ask so often in a second, come what may."""
        self.seen = seen = Seen()
        began = time.perf_counter()
        due = 0
        while (passed := time.perf_counter() - began) < seconds:
            wanted = int(rate * passed)
            while due < wanted and self._idle:
                self._ask(self._idle.popleft())
                due += 1
            seen.unsent += wanted - due
            due = wanted
            await asyncio.sleep(TICK)
        return seen

    async def settled(self, seconds: float = 30) -> None:
        """Until every request that is out is answered."""
        async with asyncio.timeout(seconds):
            while any(wire.asking and wire.transport is not None for wire in self.wires):  # noqa: ASYNC110
                await asyncio.sleep(TICK)
