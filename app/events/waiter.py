"""Waits for news or until a time; cheap enough for thousands of waiters."""

import asyncio
from collections.abc import MutableMapping

_RESOLUTION = 0.001
"""Seconds. uvloop counts in whole milliseconds, and rounds: a timer that rang a part of one too early could
only be set again for at once, and so on, until the millisecond is over."""


class Waiter:
    """One who waits again and again. Belongs to one event loop; `close` it at the end.

    Its timer stays set from one wait to the next, and is set anew only where it rings too early: a
    subscriber that is sent a hundred events a second would else set and unset a hundred timers.
    `due` is when its wait, or the last one, ends by itself.
    """

    __slots__ = ("_future", "_loop", "_rings_at", "_timer", "due")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[None] | None = None
        self._timer: asyncio.Handle | None = None
        self.due = self._rings_at = 0.0

    async def wait(self, among: MutableMapping["Waiter", None], until: float) -> None:
        """Stand among those who wait, until `wake`, or until that time of the loop's clock."""
        self.due = until
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
        self._rings_at = self.due
        self._timer = self._loop.call_at(self.due + _RESOLUTION, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._future is None:
            return
        if self._loop.time() < self.due:
            self._set_timer()
        else:
            self.wake()
