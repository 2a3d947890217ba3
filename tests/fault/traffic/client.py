"""A client: one call after the other by the client library, each of its tries recorded."""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Any

import httpx2

from tests.fault.traffic.pace import Over, Pace
from tests.fault.traffic.record import Call, Key
from tests.fault.traffic.recorder import Deed, Recorder
from visor_client import AsyncVisor, ClientError

PATIENCE = 10.0
"""Seconds after which no answer is waited for any more."""

RETRY_FOR = 8.0
"""Seconds for which the library tries again what is safe to be tried again."""

URL = "http://localhost"
"""Of the replicas together: which of them is asked, the recorder says."""

Script = Callable[["Client"], Awaitable[None]]
Ask = Callable[[AsyncVisor], Awaitable[Any]]


class Client:
    """Talks to one of the replicas, and to the next one when that fails. `random` is its own chance."""

    def __init__(self, name: str, ports: Sequence[int], calls: list[Call], pace: Pace, seed: object) -> None:
        self.name = name
        self.pace = pace
        self.random = Random(f"{seed} {name}")
        self.memory: dict[str, Any] = {}
        self._recorder = Recorder(name, ports, calls, pace, self.random.randrange(len(ports)))
        self._http = httpx2.AsyncClient(transport=self._recorder)
        self._count = itertools.count(1)

    async def work(self, script: Script) -> None:
        """Do it again and again until the traffic is over."""
        try:
            while True:
                await script(self)
        except Over:
            return
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    @property
    def replicas(self) -> int:
        return self._recorder.replicas

    def following(self) -> int:
        return next(self._count)

    def key(self) -> str:
        """An Idempotency-Key, to make the same call again with."""
        return f"{self.name}-{self.following()}"

    async def do(self, op: str, ask: Ask, *, about: Key | None = None) -> Call:
        """A write, whatever tries the library takes for it: the last of them. What came of it may be
        unknown."""
        return await self._make(Deed(self.key(), op, about), ask, RETRY_FOR)

    async def keyed(self, op: str, key: str, ask: Ask, *, about: Key | None = None) -> Call:
        """A POST with this Idempotency-Key, which `ask` has to say too."""
        return await self._make(Deed(key, op, about), ask, RETRY_FOR)

    async def again(self, call: Call, ask: Ask) -> Call:
        """The same call with the same key though it was answered."""
        return await self._make(Deed(call.deed, call.op, call.about, tries=99), ask, RETRY_FOR)

    async def look(self, op: str, path: str, about: Key | None = None) -> Call:
        """A GET of a client that writes: it takes no turn of theirs, and is not repeated."""
        call = await self._make(Deed("", op, about), lambda v: v.request("GET", path), 0)
        if call.status != 200:
            # What takes no turn must not go round and round, either.
            await self.pace.rest(0.02 if call.status == 404 else 0.1)
        return call

    async def read(
        self, op: str, ask: Ask | str, about: Key | None = None, replica: int | None = None
    ) -> Call:
        """A GET, of one replica where that is told; not repeated. `ask` is a path, or makes the call."""
        path = ask
        made: Ask = (lambda v: v.request("GET", path)) if isinstance(path, str) else path
        return await self._make(Deed("", op, about, replica, paced=True), made, 0)

    async def _make(self, deed: Deed, ask: Ask, retry_for: float) -> Call:
        self.pace.check()  # a call that cannot be begun takes no turn
        self._recorder.begin(deed)
        visor = AsyncVisor(
            URL, actor=deed.name or None, timeout=PATIENCE, retry_for=retry_for, http=self._http
        )
        with suppress(ClientError):
            await ask(visor)
        last = self._recorder.last
        assert last is not None, f"{deed} has asked for nothing"
        return last
