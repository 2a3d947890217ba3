"""Waiting for news, or until a time, thousands of times over."""

import asyncio
from collections.abc import MutableMapping


class Waiter:
    """One who waits again and again. Belongs to one event loop; `close` it at the end.

    Its timer stays set from one wait to the next, and is set anew only where it rings too early: a
    subscriber that is sent a hundred events a second would else set and unset a hundred timers.
    """

    __slots__ = ("_due", "_future", "_loop", "_rings_at", "_timer")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[None] | None = None
        self._timer: asyncio.Handle | None = None
        self._due = self._rings_at = 0.0

    async def wait(self, among: MutableMapping["Waiter", None], until: float) -> None:
        """Stand among those who wait, until `wake`, or until that time of the loop's clock."""
        self._due = until
        if self._timer is None or self._rings_at > until:
            self._set_timer()
        among[self] = None
        self._future = self._loop.create_future()
        try:
            await self._future
        finally:
            self._future = None
            among.pop(self, None)

    def wake(self) -> None:
        """End the wait, if it waits."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = self._due
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._future is None:
            return
        if self._loop.time() < self._due:
            self._set_timer()
        else:
            self.wake()
