"""Calls that wait for a number that only grows."""

import asyncio
import heapq
import itertools


class Waiters:
    """Each waits for a number to be reached; only those whose it is are woken: many writers wait, each for
    its own commit."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    async def wait(self, number: int) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (number, next(self._count), future))
        await future

    def wake(self, reached: float) -> None:
        """Wake those who wait for a number up to this one."""
        while self._waiting and self._waiting[0][0] <= reached:
            _, _, future = heapq.heappop(self._waiting)
            if not future.done():
                future.set_result(None)
