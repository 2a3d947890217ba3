"""Places: how much of what costs something is being done at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Protocol

from app.errors import TooManyRequests, TooManySubscribers

ALWAYS_SERVED = frozenset({"/livez", "/readyz", "/metrics"})
"""Paths that need no place: they are asked most when the server is full."""

READS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""


class Door(Protocol):
    """Where those wait for whom there is no place."""

    def freed(self) -> None:
        """A place has been given back."""

    async def let_back(self, slot: "Slot") -> None:
        """Take a place again, if need be after those who wait. Raises TooManyRequests."""


class Slots:
    """Counts the requests being worked on, the writes among them, the subscribers (event streams and
    waiting calls), and the bytes of bodies that are still arriving.

    Belongs to one event loop. `requests`, `writes`, `subscribers` and `arriving` are what is taken now.
    Writes have fewer places than there are: where the store does not get on with them, reads do.
    Without a `door` nobody waits: who finds no place is refused.
    """

    def __init__(
        self,
        *,
        max_requests: int,
        max_subscribers: int,
        max_writes: int | None = None,
        max_arriving: int = 64 * 1024 * 1024,
    ) -> None:
        self.max_requests = max_requests
        self.max_subscribers = max_subscribers
        self.max_writes = max_requests if max_writes is None else max_writes
        self.max_arriving = max_arriving
        self.requests = 0
        self.writes = 0
        self.subscribers = 0
        self.arriving = 0
        self.door: Door | None = None

    def have_place(self, *, writes: bool) -> bool:
        """Whether there is a place for one more request, or write."""
        return self.requests < self.max_requests and not (writes and self.writes >= self.max_writes)

    def no_place(self, *, writes: bool) -> TooManyRequests:
        """The refusal of a request, or write, for want of a place."""
        if writes and self.requests < self.max_requests:
            return too_many(f"The server works on {self.max_writes} writes, as many as it is allowed to.")
        return too_many(f"The server works on {self.max_requests} requests, as many as it is allowed to.")


class _Holds(Enum):
    NOTHING = 0
    REQUEST = 1
    SUBSCRIBER = 2


class Slot:
    """The place of one request: a request's place, a subscriber's place, or none.

    A handler finds its own as `call.permit`. The front gives back whatever is held when the request
    ends, however it ends. `waited` is True once it has been a subscriber. A request that
    `writes` takes one of the places for writes too.
    """

    __slots__ = ("_aside", "_holds", "_slots", "waited", "writes")

    def __init__(self, slots: Slots, *, writes: bool = False) -> None:
        self._slots = slots
        self._holds = _Holds.NOTHING
        self.writes = writes
        self._aside = False
        self.waited = False

    def take(self) -> None:
        """Take a request's place. Raises TooManyRequests where none is free."""
        if self._holds is _Holds.NOTHING and not self.taken():
            raise self._slots.no_place(writes=self.writes)

    def taken(self) -> bool:
        """Take a request's place, for a slot that holds nothing; False where none is free."""
        slots = self._slots
        if not slots.have_place(writes=self.writes):
            return False
        slots.writes += self.writes
        slots.requests += 1
        self._holds = _Holds.REQUEST
        return True

    def subscribe(self) -> None:
        """Change the request's place for a subscriber's, for the rest of the request: for streams.

        Call it before the answer starts. Raises TooManySubscribers where none is free; the
        request's place is kept then.
        """
        if self._holds is _Holds.SUBSCRIBER:
            return
        slots = self._slots
        if slots.subscribers >= slots.max_subscribers:
            raise TooManySubscribers(
                f"The server has {slots.max_subscribers} streams and waiting calls, as many as it is allowed"
                " to. Try again, or use another replica.",
                headers={"Retry-After": "1"},
            )
        self.release()
        slots.subscribers += 1
        self._holds = _Holds.SUBSCRIBER
        self.waited = True

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Hold a subscriber's place instead of the request's while the body runs: for calls that
        wait. Raises as `subscribe` does.

        Afterwards the request ends without a place: those that wait wake together, and would fill
        the places of others at once. So have what is left to do short, or inside.
        """
        if self._holds is _Holds.SUBSCRIBER:
            yield
            return
        self.subscribe()
        try:
            yield
        finally:
            self.release()

    def step_aside(self) -> None:
        """Give back a request's place for as long as its client is waited for."""
        if self._holds is _Holds.REQUEST:
            self.release()
            self._aside = True

    async def step_back(self) -> None:
        """Take the place again that was given back so, in line with others. Raises TooManyRequests."""
        if self._aside:
            self._aside = False
            if self._slots.door is None:
                self.take()
            else:
                await self._slots.door.let_back(self)

    def release(self) -> None:
        """Give back what is held. May be called again."""
        held, self._holds = self._holds, _Holds.NOTHING
        slots = self._slots
        if held is _Holds.REQUEST:
            slots.requests -= 1
            slots.writes -= self.writes
            if slots.door is not None:
                slots.door.freed()
        elif held is _Holds.SUBSCRIBER:
            slots.subscribers -= 1


def too_many(detail: str) -> TooManyRequests:
    """The refusal of what there is no place for now."""
    return TooManyRequests(f"{detail} Try again.", headers={"Retry-After": "1"})
