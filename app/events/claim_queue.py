"""Hosts waiting for a ticket, in the order in which they asked. Each new ticket wakes one of them."""

import asyncio
from collections.abc import Callable
from types import TracebackType

from app.models import keys
from app.store.records import Commit

_PENDING = keys.pending()


class Place:
    """One host's place in the queue. A context manager: it leaves the queue at the end, and hands on
    the calls that it did not answer. `claimed` is the key of the ticket that it got."""

    def __init__(self, queue: "ClaimQueue", term: str) -> None:
        self._queue = queue
        self.event = asyncio.Event()
        """Set when it is called. Others who have a reason to make it look again may set it too."""
        self._calls: dict[str, tuple[str, ...]] = {}
        self._answering: dict[str, tuple[str, ...]] = {}
        self.term = term
        self.claimed: str | None = None

    @property
    def called(self) -> bool:
        return self.event.is_set()

    def has_work(self, pending: Callable[[str], bool]) -> bool:
        """Whether it was called, and not only for tickets that others have by now."""
        return self.called and (not self._calls or any(map(pending, self._calls)))

    def call(self, ticket: str | None = None, terms: tuple[str, ...] = ()) -> None:
        """Have it look for a ticket: for that one, or (None) for any."""
        if ticket is not None:
            self._calls[ticket] = terms
        self.event.set()

    async def turn(self, seconds: float) -> bool:
        """Wait to be called. False when the time is over. Who asks again has found no ticket that
        fits: the calls before were for tickets that others have."""
        self._answering = {}
        try:
            async with asyncio.timeout(seconds):
                await self.event.wait()
        except TimeoutError:
            return False
        self.event.clear()
        self._answering, self._calls = self._calls, {}
        return True

    def left_over(self) -> dict[str, tuple[str, ...]]:
        """The tickets that it was called for and may still be there, with their terms."""
        calls = {**self._answering, **self._calls}
        return {ticket: terms for ticket, terms in calls.items() if ticket != self.claimed}

    def __enter__(self) -> "Place":
        self._queue.join(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.leave(self)
        for ticket, terms in self.left_over().items():
            self._queue.hand_on(ticket, terms)


class ClaimQueue:
    """Listens to the hub; one call for each ticket that becomes pending. `pending` says whether a ticket
    still is."""

    def __init__(self, pending: Callable[[str], bool] = lambda ticket: True) -> None:
        self._places: dict[Place, None] = {}
        self._pending = pending

    def place(self, app: str | None, proctype: str | None) -> Place:
        """A place for a host that takes tickets of the app and the proctype (None: of any)."""
        return Place(self, keys.pending(app, proctype))

    def __len__(self) -> int:
        return len(self._places)

    def join(self, place: Place) -> None:
        self._places[place] = None

    def leave(self, place: Place) -> None:
        self._places.pop(place, None)

    def call_next(self, ticket: str, terms: tuple[str, ...]) -> None:
        """Call the first that waits for a ticket with one of the terms and has no other to look for."""
        for place in self._places:
            if place.term in terms and not place.has_work(self._pending):
                place.call(ticket, terms)
                return

    def hand_on(self, ticket: str, terms: tuple[str, ...]) -> None:
        """Call the next for a ticket that one was called for and did not take. Not where another has it:
        of several who are called at a time each may get another's, and a call too many would let one who
        is far behind overtake them."""
        if self._pending(ticket):
            self.call_next(ticket, terms)

    def listen(self, commit: Commit | None) -> None:
        """The hub's listener."""
        if commit is None:
            for place in self._places:
                place.call()
            return
        for change in commit.changes:
            if change.after is not None and _PENDING in change.after.terms:
                self.call_next(change.key, change.after.terms)
