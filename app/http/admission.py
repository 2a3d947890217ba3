"""The admission controller: gives each request a permit as soon as its headers have come, or lets it wait
in line.

A request for which there is no room waits in line, its connection unread, which costs nothing:
a burst is served as fast as the service can, and no more is worked on at a time than it does best. One that
has waited too long is refused. What is refused later has cost a task, a scope and the way through the
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
from app.http.clients import ClientLimits, Clients
from app.http.permits import ALWAYS_SERVED, READS, Capacity, Permit

logger = logging.getLogger("visor.admission")

REFUSALS = 500
"""In a second. Each costs about a tenth of what a write costs."""

SAVED = 0.25
"""Seconds whose refusals are made together where none could be made meanwhile."""

TURN = 0.02
"""Seconds between two looks at what has waited too long."""

QUIET_SECONDS = 10.0
"""Between two lines of the log that say so: one for each refusal would be a load of its own."""


class Applicant(Protocol):
    """Whatever waits for a permit. One of the two is called, once; the permit is taken when it is given."""

    def admitted(self, permit: Permit) -> None: ...

    def refused(self, error: TooManyRequests) -> None: ...


class PendingRequest:
    """A request that waits in line. `method` is None where its refusal is counted elsewhere."""

    __slots__ = ("applicant", "method", "over", "permit", "since")

    def __init__(self, permit: Permit, method: str | None, applicant: Applicant) -> None:
        self.permit = permit
        self.method = method
        self.applicant = applicant
        self.since = time.monotonic()
        self.over = False

    def leave(self) -> None:
        """Nobody waits for it any more."""
        self.over = True


class _Returning:
    """A call that goes on when its future is done."""

    def __init__(self, future: asyncio.Future[None]) -> None:
        self._future = future

    def admitted(self, permit: Permit) -> None:
        # Where the call was cancelled it gives back, in ending, what its permit holds.
        if not self._future.done():
            self._future.set_result(None)

    def refused(self, error: TooManyRequests) -> None:
        if not self._future.done():
            self._future.set_exception(error)


class Admission:
    """Gives requests their permits, first come, first served; reads and writes wait in lines of their own.

    `patience`: seconds that a request waits for its permit before it is refused. `clients` counts what each
    client has of the capacity.
    """

    def __init__(self, capacity: Capacity, *, patience: float, clients: Clients | None = None) -> None:
        self.capacity = capacity
        self.clients = Clients(ClientLimits()) if clients is None else clients
        self._patience = patience
        self._told_at = float("-inf")
        self._reads: deque[PendingRequest] = deque()
        self._writes: deque[PendingRequest] = deque()
        self._looking = False
        self._admitting = False
        self._left = REFUSALS * SAVED
        self._counted = float("-inf")
        capacity.when_freed(self._on_freed)

    def apply(
        self, method: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], applicant: Applicant
    ) -> Permit | PendingRequest | None:
        """The permit of the request; or its wait in line for one, whose end the applicant is told in a later
        turn of the loop; None where it needs none, or where the application is to decide."""
        # A preflight may be answered before it comes to where permits are given back.
        if method == "OPTIONS" or target.partition(b"?")[0].decode("latin-1") in ALWAYS_SERVED:
            return None
        permit = Permit(self.capacity, writes=method not in READS)
        if not (self._writes if permit.writes else self._reads) and permit.taken():
            return permit
        return self._line_up(PendingRequest(permit, method, applicant))

    async def readmit(self, permit: Permit) -> None:
        """Take a permit again that has stepped aside, if need be after those who wait. Raises
        TooManyRequests."""
        # There may be room still, where all of the body was there: not to be lost to the next in line.
        if not permit.stepped_aside() or permit.taken():
            return
        future = asyncio.get_running_loop().create_future()
        pending = self._line_up(PendingRequest(permit, None, _Returning(future)))
        try:
            await future
        finally:
            pending.leave()

    def _line_up(self, pending: PendingRequest) -> PendingRequest:
        (self._writes if pending.permit.writes else self._reads).append(pending)
        self.capacity.awaited = True
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(min(TURN, self._patience), self._look)
        return pending

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(not permit.over for line in (self._reads, self._writes) for permit in line)

    def refuse(self, pending: PendingRequest) -> None:
        """Have the wait end now, with a refusal."""
        if pending.over:
            return
        pending.leave()
        self._log_refusals()
        pending.applicant.refused(self.capacity.refusal(writes=pending.permit.writes))

    def _on_freed(self) -> None:
        """There is room for one more. The next in line gets it in the next turn of the loop: the request
        that has just ended is not to be the one in whose name another is begun."""
        if (self._reads or self._writes) and not self._admitting:
            self._admitting = True
            asyncio.get_running_loop().call_soon(self._admit)

    def _admit(self) -> None:
        self._admitting = False
        while line := self._first(lambda line: self.capacity.has_room(writes=line is self._writes)):
            pending = line.popleft()
            pending.leave()
            pending.permit.take()
            pending.applicant.admitted(pending.permit)

    def _look(self) -> None:
        """Refuse those that have waited too long, as many as may be."""
        due = time.monotonic() - self._patience
        while (line := self._first(lambda line: line[0].since <= due)) and self._may_refuse():
            self.refuse(line.popleft())
        self._looking = self.capacity.awaited = bool(self._reads or self._writes)
        if self._looking:
            asyncio.get_running_loop().call_later(TURN, self._look)

    def _first(self, wanted: Callable[[deque[PendingRequest]], bool]) -> deque[PendingRequest] | None:
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

    def _log_refusals(self) -> None:
        now = time.monotonic()
        if now - self._told_at >= QUIET_SECONDS:
            self._told_at = now
            logger.warning(
                "more requests at a time than the server is allowed to work on: some are refused with 429"
                " (visor_http_requests_total counts them)"
            )
