"""Clients that call at a steady pace, and know afterwards what became of each call."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

CLIENTS = 8
PACE = 0.2
"""Seconds from one call of a client to its next: 40 calls a second together."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call as its client saw it. `failure` is a status that is no success, or what broke."""

    method: str
    began: float
    ended: float
    failure: str | None

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class SteadyCalls:
    """Half of the clients write (each PUT announces another member, whose address begins with `prefix`), and
    half read. Half of each keep their connection; the others make one for each call."""

    def __init__(self, port: int, prefix: str) -> None:
        self._port, self._prefix = port, prefix
        self._over = threading.Event()
        self.calls: list[Call] = []
        self.acknowledged: set[str] = set()
        self._threads = [threading.Thread(target=self._call, args=(n,)) for n in range(CLIENTS)]

    @property
    def failed(self) -> list[Call]:
        return [call for call in self.calls if call.failure is not None]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(100)
            assert not thread.is_alive(), "a call does not end"

    def _call(self, number: int) -> None:
        method = "PUT" if number % 2 else "GET"
        keeps = number % 4 < 2
        connection = HTTPConnection("127.0.0.1", self._port, timeout=90)
        with closing(connection):
            for turn in itertools.count(1):
                if self._over.wait(PACE):
                    return
                began = time.monotonic()
                failure = self._ask(connection, method, f"{self._prefix}-{number}-{turn}")
                self.calls.append(Call(method, began, time.monotonic(), failure))
                if failure is not None or not keeps:
                    connection.close()

    def _ask(self, connection: HTTPConnection, method: str, addr: str) -> str | None:
        try:
            if method == "PUT":
                connection.request("PUT", f"/members/pms/{addr}", "{}", {"Content-Type": "application/json"})
            else:
                connection.request("GET", "/apps")
            answer = connection.getresponse()
            answer.read()
        except (OSError, HTTPException) as broken:
            return repr(broken)
        if answer.status not in (200, 201):
            return str(answer.status)
        if method == "PUT":
            self.acknowledged.add(addr)
        return None


@contextmanager
def steady_calls(port: int, prefix: str) -> Iterator[SteadyCalls]:
    """Calls while the block runs; they are counted when it has ended."""
    calls = SteadyCalls(port, prefix)
    calls.start()
    try:
        yield calls
    finally:
        calls.stop()
