"""Writes of one process that would lose to one another wait for one another instead.

A transaction is guarded by the keys that its rule has read. While one that writes such a key is on its way,
another that is sent would only find out that it has lost: at the price of two requests, and to lose again
to the next. Who knows better waits for the key in line, and sends once. Nothing is locked: what other
replicas do is still found out by the guards.
"""

import asyncio
from collections import deque
from collections.abc import Set

from app.errors import CoordinatorUnavailable


class Turns:
    """The keys that transactions of this process are writing, each with those who wait for it in line."""

    def __init__(self) -> None:
        self._lines: dict[bytes, deque[asyncio.Future[None]]] = {}

    def turn(self) -> "Turn":
        return Turn(self._lines)


class Turn:
    """One write's. Who waits for a key holds none that comes after it in the order of keys: so no two wait
    for each other."""

    def __init__(self, lines: dict[bytes, deque["asyncio.Future[None]"]]) -> None:
        self._lines = lines
        self._mine: set[bytes] = set()

    def take(self, read: Set[bytes], written: Set[bytes]) -> bytes | None:
        """Take the keys that are to be written; or, without any, the key that has to be waited for."""
        busy = (read | written) & self._lines.keys() - self._mine
        if busy:
            return min(busy)
        for key in written - self._mine:
            self._lines[key] = deque()
        self._hand_on(self._mine - written)
        self._mine = set(written)
        return None

    async def wait(self, key: bytes, seconds: float) -> None:
        """Wait for the key, which is this one's then. Raises CoordinatorUnavailable."""
        after = {one for one in self._mine if one > key}
        self._mine -= after
        self._hand_on(after)
        line = self._lines.get(key)
        if line is None:
            self._lines[key] = deque()
        else:
            place = asyncio.get_running_loop().create_future()
            line.append(place)
            try:
                async with asyncio.timeout(max(seconds, 0)):
                    await place
            except BaseException as error:
                if place.done() and not place.cancelled():
                    self._hand_on({key})
                if isinstance(error, TimeoutError):
                    raise CoordinatorUnavailable(
                        "Too many writes of the same were before this one. Nothing was written."
                    ) from None
                raise
        self._mine.add(key)

    def release(self) -> None:
        """Give back what is held: to the next in line. May be called again."""
        self._hand_on(self._mine)
        self._mine = set()

    def _hand_on(self, keys: Set[bytes]) -> None:
        for key in keys:
            line = self._lines[key]
            while line:
                place = line.popleft()
                if not place.done():
                    place.set_result(None)
                    break
            else:
                del self._lines[key]
