"""A subscriber that follows by the client library, which resumes by itself, over whatever happens."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing

import httpx2

from tests.fault.traffic.client import URL
from tests.fault.traffic.record import Session
from visor_client import AsyncVisor, Event, SnapshotBegin, SnapshotEnd


class _Balanced(httpx2.AsyncBaseTransport):
    """Each request to the next of the ports, as a proxy in front of the replicas does."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._below = httpx2.AsyncHTTPTransport(verify=False)
        self._turn = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self._turn += 1
        port = self._ports[self._turn % len(self._ports)]
        request.url = request.url.copy_with(host="127.0.0.1", port=port)
        return await self._below.handle_async_request(request)

    async def aclose(self) -> None:
        await self._below.aclose()


class LibraryReader:
    """Everything after rev 0. However often it is cut, to the one who reads it is one stream: one session,
    or one more each time that the library says that it begins anew."""

    def __init__(self, name: str, ports: Sequence[int]) -> None:
        self.name = name
        self.sessions = [Session(name, 0, "0", {"path": "/events"}, status=200, rev=0)]
        self._ports = ports
        self.reached = 0
        self._until: int | None = None
        self._done = asyncio.Event()

    async def follow(self) -> None:
        """Follow until `finish`, and then until all is read."""
        async with (
            AsyncVisor(URL, retry_for=60, http=httpx2.AsyncClient(transport=_Balanced(self._ports))) as visor,
            aclosing(visor.events(since=0)) as stream,
        ):
            async for message in stream:
                if isinstance(message, Event):
                    data = json.dumps(message.raw, separators=(",", ":"), ensure_ascii=False).encode()
                    self.sessions[-1].frames.append((message.rev, message.index, hash(data)))
                    self.reached = message.rev
                elif isinstance(message, SnapshotBegin):
                    self.sessions[-1].end = "gone"
                elif isinstance(message, SnapshotEnd):
                    started = {"path": "/events"}
                    self.sessions.append(Session(self.name, 0, str(message.rev), started, status=200))
                    self.reached = message.rev
                if self._until is not None and self.reached >= self._until:
                    break
        self.sessions[-1].end = "left"
        self._done.set()

    async def finish(self, rev: int) -> None:
        """Wait until everything up to the rev, which is an event's, was read."""
        self._until = rev
        if self.reached < rev:
            await self._done.wait()
