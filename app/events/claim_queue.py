"""Hosts that wait for a ticket, in the order in which they came. A ticket wakes one of them."""

import asyncio
from types import TracebackType

from app.models import keys
from app.store.contract import Commit


class Place:
    """One host's place in the queue. A context manager: it leaves the queue at the end, and hands on
    a call it did not use."""

    def __init__(self, queue: "ClaimQueue", term: str) -> None:
        self._queue = queue
        self._called = asyncio.Event()
        self.term = term

    @property
    def called(self) -> bool:
        return self._called.is_set()

    def call(self) -> None:
        self._called.set()

    async def turn(self, seconds: float) -> bool:
        """Wait to be called. False when the time is over."""
        try:
            async with asyncio.timeout(seconds):
                await self._called.wait()
        except TimeoutError:
            return False
        self._called.clear()
        return True

    def __enter__(self) -> "Place":
        self._queue.join(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.leave(self)
        # Called and not used, or broken off while it tried: the ticket may still be there.
        if self.called or kind is not None:
            self._queue.call_next(self.term)


class ClaimQueue:
    """Listens to the hub; one call for each ticket that becomes pending."""

    def __init__(self) -> None:
        self._places: dict[Place, None] = {}

    def place(self, app: str | None, proctype: str | None) -> Place:
        """A place for a host that takes tickets of the app and the proctype (None: of any)."""
        return Place(self, keys.pending(app, proctype))

    def __len__(self) -> int:
        return len(self._places)

    def join(self, place: Place) -> None:
        self._places[place] = None

    def leave(self, place: Place) -> None:
        self._places.pop(place, None)

    def call_next(self, *terms: str) -> None:
        """Call the first that waits for a ticket with one of the terms and was not called yet."""
        for place in self._places:
            if place.term in terms and not place.called:
                place.call()
                return

    def listen(self, commit: Commit | None) -> None:
        """The hub's listener."""
        if commit is None:
            for place in self._places:
                place.call()
            return
        for change in commit.changes:
            if change.after is not None and keys.pending() in change.after.terms:
                self.call_next(*change.after.terms)
