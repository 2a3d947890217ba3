"""A client: one call after the other over one connection, each recorded."""

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any

from tests.fault.traffic.connection import Answer, Connection, Cut, NotSent
from tests.fault.traffic.pace import Over, Pace
from tests.fault.traffic.record import Call, Key, Outcome

PATIENCE = 10.0
"""Seconds after which no answer is waited for any more."""

TRIES = 8

Script = Callable[["Client"], Awaitable[None]]


class Client:
    """Talks to one of the replicas, and to the next one when that fails. `random` is its own chance."""

    def __init__(self, name: str, ports: Sequence[int], calls: list[Call], pace: Pace, seed: object) -> None:
        self.name = name
        self.pace = pace
        self.random = Random(f"{seed} {name}")
        self.memory: dict[str, Any] = {}
        self._calls = calls
        self._connections = [Connection(port) for port in ports]
        self._at = self.random.randrange(len(ports))
        self._count = itertools.count(1)

    async def work(self, script: Script) -> None:
        """Do it again and again until the traffic is over."""
        try:
            while True:
                await script(self)
        except Over:
            return
        finally:
            self.close()

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    @property
    def replicas(self) -> int:
        return len(self._connections)

    def following(self) -> int:
        return next(self._count)

    async def look(self, op: str, path: str, about: Key | None = None) -> Call:
        """A GET of who writes: it takes no turn of theirs."""
        call = Call(self.name, self._at, op, "GET", path, about=about)
        await self._ask(call, {})
        if call.status != 200:
            # What takes no turn must not go round and round, either.
            await self.pace.rest(0.02 if call.status == 404 else 0.1)
        return call

    async def read(self, op: str, path: str, about: Key | None = None, replica: int | None = None) -> Call:
        """A GET; not repeated."""
        await self.pace.turn()
        call = Call(self.name, self._at if replica is None else replica, op, "GET", path, about=about)
        await self._ask(call, {})
        return call

    async def write(
        self,
        op: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        about: Key | None = None,
        if_match: int | None = None,
    ) -> Call:
        """A write, made once. What came of it may be unknown."""
        actor = f"{self.name}-{self.following()}"
        await self.pace.turn()
        call = Call(self.name, self._at, op, method, path, body, about, actor, None, if_match)
        await self._ask(call, {"If-Match": f'"{if_match}"'} if if_match is not None else {})
        return call

    async def once(self, op: str, path: str, body: Any, *, about: Key | None = None) -> Call:
        """A POST with an Idempotency-Key, repeated until its outcome is known."""
        key = f"{self.name}-{self.following()}"
        for number in range(TRIES):
            await self.pace.turn()
            call = Call(self.name, self._at, op, "POST", path, body, about, key, key)
            if number:
                call.actor = f"{key}.{number}"
                await self.pace.rest(0.1 * number)
            await self._ask(call, {"Idempotency-Key": key})
            if call.outcome is Outcome.OK or (call.outcome is Outcome.REFUSED and 0 < call.status < 500):
                break
        return call

    async def again(self, call: Call) -> Call:
        """The same call with the same key though it was answered."""
        assert call.key is not None
        await self.pace.turn()
        repeated = Call(
            self.name, self._at, call.op, "POST", call.path, call.body, call.about, call.key + ".99", call.key
        )
        await self._ask(repeated, {"Idempotency-Key": call.key})
        return repeated

    async def _ask(self, call: Call, headers: dict[str, str]) -> None:
        body = None if call.body is None else json.dumps(call.body).encode()
        if call.actor:
            # A key is its actor's own: whoever repeats it has to be the same. The try is told by the label.
            headers["Visor-Actor"] = call.key or call.actor
        connection = self._connections[call.replica]
        self._calls.append(call)
        call.start = time.monotonic_ns()
        try:
            answer = await connection.ask(call.method, call.path, body, headers, PATIENCE)
        except NotSent:
            call.outcome, call.end = Outcome.REFUSED, time.monotonic_ns()
            self._go_on(call)
            await asyncio.sleep(0.05)  # a load balancer, too, tries a dead server now and then only
        except Cut:
            # Its end stays open: it may take effect later than we stopped to wait.
            self._go_on(call)
        else:
            call.end = time.monotonic_ns()
            _take(call, answer)
            if call.status == 503:
                self._go_on(call)
        call.connection = connection.serial

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
