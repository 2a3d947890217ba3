"""Whether there is a place for a request, asked as soon as its headers have come.

A request for which there is none waits at the door, in line, its connection unread, which costs nothing:
a burst is served as fast as the service can, and no more is worked on at a time than it does best. Who has
waited too long is refused. What is refused later has cost a task, a scope and the way through the
front: at five times what the service can do, refusing would then be most of what it does. Here a
refusal costs little more than the two calls to the kernel that it takes; and as those add up too, there
are only so many in a second.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from app.errors import TooManyRequests
from app.http.places import ALWAYS_SERVED, READS, Slot, Slots

logger = logging.getLogger("visor.admission")

REFUSALS = 500
"""In a second. Each costs about a tenth of what a write costs."""

SAVED = 0.25
"""Seconds whose refusals are made together where none could be made meanwhile."""

TURN = 0.02
"""Seconds between two looks at who has waited too long."""

QUIET_SECONDS = 10.0
"""Between two lines of the log that say so: one for each refusal would be a load of its own."""


class Caller(Protocol):
    """Whoever waits at the door. One of the two is called, once; the slot has its place when it is let in."""

    def let_in(self, slot: Slot) -> None: ...

    def turn_away(self, error: TooManyRequests) -> None: ...


class Waiting:
    """A request at the door. `method` is None where its refusal is counted elsewhere."""

    __slots__ = ("caller", "method", "over", "since", "slot")

    def __init__(self, slot: Slot, method: str | None, caller: Caller) -> None:
        self.slot = slot
        self.method = method
        self.caller = caller
        self.since = time.monotonic()
        self.over = False

    def leave(self) -> None:
        """Nobody waits for it any more."""
        self.over = True


class _Returning:
    """A call that goes on when its future is done."""

    def __init__(self, future: asyncio.Future[None]) -> None:
        self._future = future

    def let_in(self, slot: Slot) -> None:
        # Where the call was cancelled it gives back, in ending, what its slot holds.
        if not self._future.done():
            self._future.set_result(None)

    def turn_away(self, error: TooManyRequests) -> None:
        if not self._future.done():
            self._future.set_exception(error)


class Admission:
    """Gives requests their places, first come, first served; reads and writes wait in lines of their own.

    `patience`: seconds that a request waits for a place before it is refused.
    """

    def __init__(self, slots: Slots, *, patience: float) -> None:
        self._slots = slots
        self._patience = patience
        self._said = float("-inf")
        self._reads: deque[Waiting] = deque()
        self._writes: deque[Waiting] = deque()
        self._looking = False
        self._letting_in = False
        self._left = REFUSALS * SAVED
        self._counted = float("-inf")
        slots.door = self

    def place(
        self, method: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], caller: Caller
    ) -> Slot | Waiting | None:
        """A place for the request, or its wait in line for one, whose end the
        caller is told in a later turn of the loop; None where it needs none, or where the application is to
        decide."""
        # A preflight may be answered before it comes to where places are given back.
        if method == "OPTIONS" or target.partition(b"?")[0].decode("latin-1") in ALWAYS_SERVED:
            return None
        slot = Slot(self._slots, writes=method not in READS)
        if not (self._writes if slot.writes else self._reads) and slot.taken():
            return slot
        return self._line_up(Waiting(slot, method, caller))

    async def let_back(self, slot: Slot) -> None:
        # Its own may be free still, where all of the body was there. Not to be lost to who is next in line.
        if slot.taken():
            return
        future = asyncio.get_running_loop().create_future()
        waiting = self._line_up(Waiting(slot, None, _Returning(future)))
        try:
            await future
        finally:
            waiting.leave()

    def _line_up(self, waiting: Waiting) -> Waiting:
        (self._writes if waiting.slot.writes else self._reads).append(waiting)
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(min(TURN, self._patience), self._look)
        return waiting

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(not one.over for line in (self._reads, self._writes) for one in line)

    def refuse(self, waiting: Waiting) -> None:
        """Have the wait end now, with a refusal."""
        if waiting.over:
            return
        waiting.leave()
        self._tell()
        waiting.caller.turn_away(self._slots.no_place(writes=waiting.slot.writes))

    def freed(self) -> None:
        """A place is free. Who waits gets it in the next turn of the loop: whoever gave it back is not to
        be the one in whose name another request is begun."""
        if (self._reads or self._writes) and not self._letting_in:
            self._letting_in = True
            asyncio.get_running_loop().call_soon(self._let_in)

    def _let_in(self) -> None:
        self._letting_in = False
        while line := self._first(lambda line: self._slots.have_place(writes=line is self._writes)):
            waiting = line.popleft()
            waiting.leave()
            waiting.slot.take()
            waiting.caller.let_in(waiting.slot)

    def _look(self) -> None:
        """Refuse those who have waited too long, as many as may be."""
        due = time.monotonic() - self._patience
        while (line := self._first(lambda line: line[0].since <= due)) and self._may_refuse():
            self.refuse(line.popleft())
        self._looking = bool(self._reads or self._writes)
        if self._looking:
            asyncio.get_running_loop().call_later(TURN, self._look)

    def _first(self, wanted: Callable[[deque[Waiting]], bool]) -> deque[Waiting] | None:
        """Of the lines that are wanted the one whose first has waited longer."""
        for line in (self._reads, self._writes):
            while line and line[0].over:
                line.popleft()
        lines = [line for line in (self._reads, self._writes) if line and wanted(line)]
        return min(lines, key=lambda line: line[0].since, default=None)

    def _may_refuse(self) -> bool:
        now = time.monotonic()
        self._left = min(REFUSALS * SAVED, self._left + (now - self._counted) * REFUSALS)
        self._counted = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._said >= QUIET_SECONDS:
            self._said = now
            logger.warning(
                "more requests at a time than there are places for: some are refused with 429"
                " (visor_http_requests_total counts them)"
            )
