"""A rate that is kept whatever the service does."""

import asyncio
import time

BACKLOG = 5.0
"""Seconds of turns that are made up for after a stall; what is older is never made."""


class Over(Exception):
    """The traffic has ended: no more turns are given."""


class Pace:
    """Gives turns at a rate to whoever asks, all together. After a stall those that were missed come at
    once, so that a service that stands still for a moment is not spared its load."""

    def __init__(self, rate: float) -> None:
        self._step = 1 / rate
        self._next = time.monotonic()
        self._over = asyncio.Event()
        self.missed = 0

    async def turn(self) -> None:
        """Raises Over."""
        now = time.monotonic()
        if self._next < now - BACKLOG:
            late = int((now - BACKLOG - self._next) / self._step)
            self.missed += late
            self._next += late * self._step
        mine, self._next = self._next, self._next + self._step
        if mine > now:
            try:
                async with asyncio.timeout(mine - now):
                    await self._over.wait()
            except TimeoutError:
                return
        if self._over.is_set():
            raise Over

    async def rest(self, seconds: float) -> None:
        """Do nothing for a while. Raises Over."""
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return
        raise Over

    def check(self) -> None:
        """Raises Over."""
        if self._over.is_set():
            raise Over

    def stop(self) -> None:
        self._over.set()
