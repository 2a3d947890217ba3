"""What a client has to do in time, and the one timer of its connection that sees to it."""

import asyncio
from asyncio.events import TimerHandle
from collections.abc import Callable
from enum import Enum


class Due(Enum):
    """What the client has to do. See `Connection`."""

    IDLE = 1
    OWES = 2
    LINGER = 3


IDLE, OWES, LINGER = Due


class Deadline:
    """Calls `missed` when `what` has not been done in time. With `what` None nothing is due."""

    __slots__ = ("_at", "_loop", "_missed", "_timer", "what")

    def __init__(self, loop: asyncio.AbstractEventLoop, missed: Callable[[], None]) -> None:
        self._loop = loop
        self._missed: Callable[[], None] | None = missed
        self._timer: TimerHandle | None = None
        self._at = 0.0
        self.what: Due | None = None

    def set(self, what: Due, seconds: float) -> None:
        """Have this done within so many seconds. What is due already is not put off."""
        if self.what is what:
            return
        self.what = what
        self._at = self._loop.time() + seconds
        # A timer that runs for what is over looks again when it rings: to cancel and start one for each
        # request costs more than that.
        if self._timer is None or self._timer.when() > self._at:
            self._start()

    def end(self) -> None:
        """The connection is gone."""
        self.what = self._missed = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self.what is None or self._missed is None:
            return
        if self._loop.time() < self._at:
            self._start()
        else:
            self._missed()
