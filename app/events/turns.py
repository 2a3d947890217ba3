"""Long work, split into small turns of the event loop.

Deriving the events of a long history, or making the snapshot of a large registry, takes seconds. All who do
such work in a process share a few milliseconds of each turn, one after the other in the order in which they
came, so that everything else has its turn in between however many they are.
"""

import asyncio
from collections import deque
from time import perf_counter, thread_time
from typing import TypeVar

from app.store.steps import Steps

T = TypeVar("T")

SECONDS = 0.004
"""Of CPU, for long work in one turn. What is begun is finished: a turn takes longer by one piece, such as an
event of a megabyte."""


class Turns:
    """Long work of one event loop. Between two pieces of it, ask whether the turn is `over`, and if so
    `give_way`."""

    def __init__(self) -> None:
        self._begun = False
        self._until = self._until_cpu = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def over(self) -> bool:
        """Whether there has been enough of long work in this turn."""
        if not self._begun:
            self._begin()
            return False
        # The clock of the CPU takes a system call. On a machine that is busy otherwise it says less than the
        # one on the wall, whose time is not ours alone.
        return perf_counter() >= self._until and thread_time() >= self._until_cpu

    async def give_way(self) -> None:
        """Wait for a turn with time left."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if not self._begun:
            self._begin()
        try:
            await future
        finally:
            # One that is cancelled too, or those behind it would wait for ever.
            self._begin()

    async def take(self, steps: Steps[T]) -> T:
        """What comes of work in steps, as many in each turn as there is time for."""
        while True:
            try:
                next(steps)
            except StopIteration as end:
                value: T = end.value
                return value
            if self.over:
                await self.give_way()

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            # Called in the turn after this one.
            asyncio.get_running_loop().call_soon(self._next_turn)
        self._until, self._until_cpu = perf_counter() + SECONDS, thread_time() + SECONDS

    def _next_turn(self) -> None:
        self._begun = False
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                return
