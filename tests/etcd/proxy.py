"""A TCP proxy that fails on demand: between the client and one etcd."""

import asyncio
from types import TracebackType
from typing import Self

from tests.etcd.cluster import free_port


class Proxy:
    """Forwards a port of `address` to one of `target_address`, until told otherwise."""

    def __init__(self, target: int, address: str = "127.0.0.1", target_address: str = "127.0.0.1") -> None:
        self._target = target_address, target
        self.address, self.port = address, free_port()
        self.endpoint = f"{address}:{self.port}"
        self.delay = 0.0
        """Seconds that what the server says takes longer."""
        self.lose_replies = False
        """While set, what the server says is thrown away; what the client says arrives."""
        self.lost = asyncio.Event()
        """Something was thrown away."""
        self.budget: int | None = None
        """Bytes the server may still say before the connection is cut; None: no limit."""
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.down()

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._accept, self.address, self.port)

    async def down(self) -> None:
        """An outage: connections end, new ones are refused."""
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """End the connections that there are."""
        ended = list(self._connections)
        for connection in ended:
            connection.cancel()
        await asyncio.gather(*ended, return_exceptions=True)
        await asyncio.sleep(0)  # an aborted transport closes its socket in the loop's next round

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._connection(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        # Not in the task: one that is cancelled before its first step runs none of its code.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server: asyncio.StreamWriter | None = None
        try:
            from_server, to_server = await asyncio.open_connection(*self._target)
            async with asyncio.TaskGroup() as group:
                there = group.create_task(self._there(reader, to_server))
                back = group.create_task(self._back(from_server, writer))
                await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
                there.cancel()
                back.cancel()
        except* (OSError, RuntimeError):
            pass  # uvloop's word for a transport that is closed is a RuntimeError
        finally:
            # No await: a second cancellation would leave it, and the other end open.
            if to_server is not None:
                to_server.transport.abort()

    async def _there(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if self.lose_replies:
                self.lost.set()
                continue
            if self.delay:
                await asyncio.sleep(self.delay)
            if self.budget is not None:
                data = data[: self.budget]
                self.budget -= len(data)
            writer.write(data)
            await writer.drain()
            if self.budget == 0:
                self.budget = None
                return
