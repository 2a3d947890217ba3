"""Which keys live by a lease in this process, and until when."""

import asyncio
import time
from collections.abc import Callable

from app.store.contract import Record


class Leases:
    """Deadlines on the monotonic clock: a wall clock that is set does not end a lease."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[str, tuple[float, int]] = {}
        self._changed = asyncio.Event()

    def hold(self, record: Record) -> None:
        """Start the lease of a key that was just put (or loaded: after a restart each gets its whole
        time again, for nobody could renew it meanwhile)."""
        if record.ttl is not None:
            self._held[record.key] = (self._clock() + record.ttl, record.ttl)
            self._changed.set()

    def clear(self) -> None:
        self._held.clear()
        self._changed.set()

    def renew(self, key: str) -> None:
        held = self._held.get(key)
        if held is not None:
            self._held[key] = (self._clock() + held[1], held[1])

    def drop(self, key: str) -> None:
        self._held.pop(key, None)

    def until(self, key: str) -> float | None:
        held = self._held.get(key)
        return held[0] if held else None

    def ended(self) -> list[tuple[str, float]]:
        """Keys whose time is over, with the deadline that passed."""
        now = self._clock()
        return [(key, until) for key, (until, _) in self._held.items() if until <= now]

    async def next_end(self) -> None:
        """Return when the earliest deadline is over."""
        while True:
            self._changed.clear()
            if not self._held:
                await self._changed.wait()
                continue
            left = min(until for until, _ in self._held.values()) - self._clock()
            if left <= 0:
                return
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                return
