"""Whether there is a place for a request, asked as soon as its headers have come.

What is refused later has cost a task, a scope and the way through all middleware: at five times what the
service can do, refusing would then be most of what it does. Here a refusal costs little more than the
two calls to the kernel that it takes; and as those add up too, there are only so many in a second. A
connection that is to be refused beyond that waits its turn, unread, which costs nothing.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence

from prometheus_client import Counter

from app.errors import TooManyRequests
from app.routers.metrics import METHODS, OTHER, Metrics
from app.routers.places import ALWAYS_SERVED, READS, Slot, Slots

logger = logging.getLogger("visor.admission")

REFUSALS = 500
"""In a second, while there is no place. Each costs about a tenth of what a write costs."""

REFUSALS_AFTER = 5000
"""In a second, once there are places again: those who still wait are told soon."""

AGAIN = 0.25
"""Seconds without its being full after which there are places again: at the edge of an overload some are free
in every other moment, and are taken in the next."""

TURN = 0.02
"""Seconds between two rounds of those who wait to be refused."""

SAVED = 0.25
"""Seconds whose refusals are made together where none could be made meanwhile."""

QUIET_SECONDS = 10.0
"""Between two lines of the log that say so: one for each refusal would be a load of its own."""


class Admission:
    """Gives requests their places. `to_browsers`: whether answers may have to carry CORS headers, which a
    refusal here has not."""

    def __init__(self, slots: Slots, metrics: Metrics, *, to_browsers: bool) -> None:
        self._slots = slots
        self._metrics = metrics
        self._to_browsers = to_browsers
        self._counts: dict[str, Counter] = {}
        self._said = float("-inf")
        self._waiting: deque[Callable[[], None]] = deque()
        self._left = REFUSALS * SAVED
        self._counted = float("-inf")
        self._full_at = float("-inf")

    def place(self, method: str, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Slot | None:
        """A place for the request, for `scope["state"]["slot"]`; None where it needs none, or where the
        application is to decide. Raises TooManyRequests."""
        # A preflight may be answered before it comes to where places are given back.
        if method == "OPTIONS" or target.partition(b"?")[0].decode("latin-1") in ALWAYS_SERVED:
            return None
        slot = Slot(self._slots, writes=method not in READS)
        try:
            slot.take()
        except TooManyRequests:
            if self._to_browsers and any(name == b"origin" for name, _ in headers):
                return None
            self._count(method)
            raise
        return slot

    def in_turn(self, refuse: Callable[[], None]) -> None:
        """Have the refusal made: at once, or when those before it have been and a second has not seen too
        many. It may be called when the refusal has been made, or its client has gone."""
        if self._waiting or not self._may_refuse():
            if not self._waiting:
                asyncio.get_running_loop().call_later(TURN, self._refuse_some)
            self._waiting.append(refuse)
        else:
            refuse()

    def _may_refuse(self) -> bool:
        now = time.monotonic()
        if self._slots.full:
            self._full_at = now
        rate = REFUSALS if now - self._full_at < AGAIN else REFUSALS_AFTER
        self._left = min(rate * SAVED, self._left + (now - self._counted) * rate)
        self._counted = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def _refuse_some(self) -> None:
        while self._waiting and self._may_refuse():
            self._waiting.popleft()()
        if self._waiting:
            asyncio.get_running_loop().call_later(TURN, self._refuse_some)

    def _count(self, method: str) -> None:
        method = method if method in METHODS else OTHER
        count = self._counts.get(method)
        if count is None:
            count = self._counts[method] = self._metrics.requests.labels(method, OTHER, "429")
        count.inc()
        now = time.monotonic()
        if now - self._said >= QUIET_SECONDS:
            self._said = now
            logger.warning(
                "more requests at a time than there are places for: some are refused with 429"
                " (visor_http_requests_total counts them)"
            )
