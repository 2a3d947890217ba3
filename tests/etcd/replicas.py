"""Replicas of the service on a real etcd, and the network between them and it."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import httpx2

from tests.etcd.cluster import Cluster
from tests.etcd.proxy import Proxy
from tests.serving import Service, serving

T = TypeVar("T")

BOUNDED = 20.0
"""Seconds: what is answered in less was not left to wait. The bounds themselves are some seconds; a busy
machine takes its own time on top."""


def store_url(endpoints: Sequence[str], prefix: str) -> str:
    return f"etcd://{','.join(endpoints)}/{prefix}"


@contextmanager
def replicas(
    endpoints: Sequence[str], prefix: str, count: int = 2, **settings: Any
) -> Iterator[list[Service]]:
    """So many services on one registry."""
    with ExitStack() as stack:
        url = store_url(endpoints, prefix)
        # What they do when they are kept waiting for etcd is what these tests are of: not a minute later.
        settings = {"commit_timeout": 2.5, **settings}
        yield [stack.enter_context(serving(store=url, **settings)) for _ in range(count)]


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """What the calls give, all made at the same time."""
    barrier = threading.Barrier(len(calls))

    def one(call: Callable[[], T]) -> T:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


def events_after(service: Service, rev: int = 0) -> list[Any]:
    """The history as the list of events tells it, page by page."""
    found: list[Any] = []
    place = f"{rev}"
    while True:
        answer = service.get(
            "/events?limit=1000", headers={"Accept": "application/json", "Last-Event-ID": place}
        )
        assert answer.status_code == 200, answer.text
        said = answer.json()
        found += said["items"]
        place = said["next"]
        if len(said["items"]) < 1000:
            return found


def until_ok(ask: Callable[[], httpx2.Response], seconds: float = 60) -> httpx2.Response:
    """The first answer that is a success; those before may only be 503."""
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer.is_success:
            return answer
        assert answer.status_code == 503, answer.text
        assert time.monotonic() < end, answer.text
        time.sleep(0.05)


def timed(ask: Callable[[], httpx2.Response]) -> tuple[httpx2.Response, float]:
    began = time.monotonic()
    answer = ask()
    return answer, time.monotonic() - began


def is_away(answer: httpx2.Response) -> None:
    """It says that the coordinator cannot be asked, and when to come again."""
    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] == "coordinator-unavailable"
    assert int(answer.headers["Retry-After"]) >= 1


class _Holding(Proxy):
    """A proxy that can also hold back what the server says, and let it go on later."""

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self.flowing = asyncio.Event()
        self.flowing.set()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self.flowing.wait()
            if self.lose_replies:
                self.lost.set()
                continue
            writer.write(data)
            await writer.drain()


class Line:
    """The line to one etcd, in a thread of its own."""

    def __init__(self, target: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._proxy = self._do(self._made(target))
        self.endpoint = self._proxy.endpoint

    async def _made(self, target: int) -> _Holding:
        proxy = _Holding(target)
        await proxy.up()
        return proxy

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def _set(self, change: Callable[[], None]) -> None:
        async def run() -> None:
            change()

        self._do(run())

    def freeze(self) -> None:
        """What etcd says is held back; what is said to it arrives."""
        self._set(self._proxy.flowing.clear)

    def thaw(self) -> None:
        self._set(self._proxy.flowing.set)

    def lose_replies(self) -> None:
        """What etcd says is thrown away; what is said to it arrives."""
        self._proxy.lose_replies = True

    def cut(self) -> None:
        """The connections end; new ones are as they should be."""
        self._proxy.lose_replies = False
        self._set(self._proxy.flowing.set)
        self._do(self._proxy.cut())

    def down(self) -> None:
        """The connections end, and new ones are refused."""
        self._do(self._proxy.down())

    def up(self) -> None:
        self._do(self._proxy.up())

    def close(self) -> None:
        self._proxy.flowing.set()
        self._do(self._proxy.down())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()


@contextmanager
def line(cluster: Cluster) -> Iterator[Line]:
    """A line to the cluster's first member."""
    made = Line(cluster.members[0].port)
    try:
        yield made
    finally:
        made.close()
