"""Hundreds of subscribers in one process: each reads its stream, and comes again with the last id it has.

Leaner than `tests.sse.sse_reader`, which checks every byte: of a frame only the id is looked at, and it has
to be the one that follows.
"""

import asyncio
import contextlib
import re
import time

_ID = re.compile(rb"(?m)^id: (\d+)-(\d+)$")
_PATIENCE = 0.05


class Subscriber:
    """One who follows from a rev on, whatever breaks. `revs` are those it was told, in the order it was;
    `types` are all that it asks for."""

    def __init__(self, port: int, rev: int, *, types: str = "*", freezes: bool = False) -> None:
        self._port = port
        self._types = types.encode()
        self._place = b"%d" % rev
        self._freezes = freezes
        self.revs: list[int] = []
        self.came: list[float] = []
        self.connected = 0
        self.refused: list[bytes] = []
        self.thaws = asyncio.Event()
        self.ended = False
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                await self._connect()
            if self._freezes:
                return
            await asyncio.sleep(_PATIENCE)

    async def _connect(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**16)
        try:
            writer.write(
                b"GET /events?type=%b HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
                b"Last-Event-ID: %b\r\n\r\n" % (self._types, self._place)
            )
            head = await reader.read(4096)
            if not head.startswith(b"HTTP/1.1 200"):
                self.refused += [head] if head else []
                return
            self.connected += 1
            if self._freezes:
                await self._freeze(reader, writer)
                return
            left = head
            while part := await reader.read(2**16):
                *whole, left = (left + part).split(b"\n\n")
                for frame in whole:
                    self._take(frame)
        finally:
            writer.transport.abort()

    async def _freeze(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read nothing more until it thaws, then all that there is."""
        assert isinstance(writer.transport, asyncio.Transport)
        writer.transport.pause_reading()
        await self.thaws.wait()
        writer.transport.resume_reading()
        with contextlib.suppress(OSError):
            while await reader.read(2**16):
                pass
        self.ended = True

    def _take(self, frame: bytes) -> None:
        found = _ID.search(frame)
        # A bookmark says where the stream begins: it is no event.
        if found is not None and b"\nevent: bookmark\n" not in frame:
            assert found[2] == b"0", "each commit of these tests is one event"
            self.revs.append(int(found[1]))
            self.came.append(time.monotonic())
            self._place = found[1] + b"-" + found[2]


async def told(subscribers: list[Subscriber], rev: int, seconds: float = 60) -> float:
    """Wait until each was told that rev; the seconds it took."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        for one in subscribers:
            while not one.revs or one.revs[-1] < rev:
                assert one.task is not None
                if one.task.done():
                    one.task.result()
                await asyncio.sleep(0.01)
    return time.monotonic() - began


async def connected(subscribers: list[Subscriber], times: int = 1, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        for one in subscribers:
            while one.connected < times:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
