"""Writes of one process that would lose to one another wait for one another instead.

A transaction is guarded by the keys that its rule has read. While one that writes such a key is on its way,
another that is sent would only find out that it has lost: at the price of two requests, and to lose again
to the next. Who knows better waits for the key in line, and sends once. Nothing is locked: what other
replicas do is still found out by the guards.
"""

import asyncio
from collections import deque
from collections.abc import Set
from dataclasses import dataclass, field

from app.errors import CoordinatorUnavailable

MOVING = 1.0
"""Seconds that one waits on in a line that etcd has answered one of meanwhile."""


@dataclass(slots=True, eq=False)
class _Line:
    """Those who wait for a key, and how many before them etcd has answered."""

    waiting: deque["asyncio.Future[None]"] = field(default_factory=deque)
    answered: int = 0


class Turns:
    """The keys that transactions of this process are writing, each with those who wait for it in line."""

    def __init__(self) -> None:
        self._lines: dict[bytes, _Line] = {}

    def turn(self) -> "Turn":
        return Turn(self._lines)


class Turn:
    """One write's. Who waits for a key holds none that comes after it in the order of keys: so no two wait
    for each other."""

    def __init__(self, lines: dict[bytes, _Line]) -> None:
        self._lines = lines
        self._mine: set[bytes] = set()

    def take(self, read: Set[bytes], written: Set[bytes]) -> bytes | None:
        """Take the keys that are to be written; or, without any, the key that has to be waited for."""
        busy = (read | written) & self._lines.keys() - self._mine
        if busy:
            return min(busy)
        for key in written - self._mine:
            self._lines[key] = _Line()
        self._hand_on(self._mine - written)
        self._mine = set(written)
        return None

    async def wait(self, key: bytes, seconds: float) -> bool:
        """Wait for the key, which is this one's then: so many seconds, and longer as long as etcd answers
        those before. Whether it has. Raises CoordinatorUnavailable."""
        after = {one for one in self._mine if one > key}
        self._mine -= after
        self._hand_on(after)
        line = self._lines.get(key)
        if line is None:
            self._lines[key] = _Line()
            moved = False
        else:
            moved = await self._stand(line, key, seconds)
        self._mine.add(key)
        return moved

    async def _stand(self, line: _Line, key: bytes, seconds: float) -> bool:
        before = line.answered
        place = asyncio.get_running_loop().create_future()
        line.waiting.append(place)
        try:
            while not place.done():
                known = line.answered
                await asyncio.wait({place}, timeout=max(seconds, 0))
                if not place.done() and line.answered == known:
                    raise CoordinatorUnavailable("Writes before this one wait for etcd. Nothing was written.")
                seconds = MOVING
        except BaseException:
            if place.done():
                self._hand_on({key})
            else:
                place.cancel()
            raise
        return line.answered > before

    def release(self, *, answered: bool = False) -> None:
        """Give back what is held: to the next in line. `answered`: etcd has said how it ended. May be
        called again."""
        for key in self._mine:
            self._lines[key].answered += answered
        self._hand_on(self._mine)
        self._mine = set()

    def _hand_on(self, keys: Set[bytes]) -> None:
        for key in keys:
            waiting = self._lines[key].waiting
            while waiting:
                place = waiting.popleft()
                if not place.done():
                    place.set_result(None)
                    break
            else:
                del self._lines[key]
