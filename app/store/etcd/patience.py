"""How long a write waits: until its own time is over, and on as long as etcd answers those before it."""

import asyncio
import time

from app.errors import CoordinatorUnavailable
from app.store.etcd.group import TransactionGroup
from app.store.etcd.waiting import WriteQueue

MOVING = 1.0
"""Seconds that a write waits on once etcd has answered one before it."""

_LOOK = 0.1
"""Seconds between two looks at whose time is over."""


class Patience:
    """Refuses those whose time is over: of the queue, and of those that wait behind a group in `unsaid`."""

    def __init__(self, queue: WriteQueue, unsaid: set[TransactionGroup]) -> None:
        self._queue = queue
        self._unsaid = unsaid
        self._heard = 0.0
        self._looking: asyncio.TimerHandle | None = None

    def heard(self) -> None:
        """etcd has answered."""
        self._heard = time.monotonic()

    def extended(self, until: float) -> float:
        """Until when etcd is waited for, which answers: a second from now on, at least."""
        now = time.monotonic()
        return max(until, now + MOVING) if now - self._heard < MOVING else until

    def look_again(self) -> None:
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(_LOOK, self._refuse_late)

    def _refuse_late(self) -> None:
        """As long as etcd answers none of those before."""
        self._looking = None
        now = time.monotonic()
        if self._queue.held:
            self._heard = now  # it is not etcd that they wait for
        behind = [group.behind for group in self._unsaid]
        if now - self._heard > MOVING:
            for line in (*self._queue.lines, *behind):
                for late in [waiting for waiting in line if waiting.until <= now]:
                    line.remove(late)
                    late.refuse(
                        CoordinatorUnavailable("Writes before this one wait for etcd. Nothing was written.")
                    )
        if self._queue or any(behind):
            self.look_again()

    def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
