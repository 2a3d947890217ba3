"""Writes that wait for their commit, in the order in which they go."""

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

from app.errors import CoordinatorUnavailable
from app.store.contract import Outcome, Rule
from app.store.records import Origin


@dataclass(slots=True, eq=False)
class WaitingWrite:
    """A write that waits for its commit, until the time `until` of the monotonic clock. `confirmed`: what
    is held has been found to be the latest since it came, so that a refusal counts."""

    rule: Rule
    origin: Origin
    answer: "asyncio.Future[Outcome]"
    until: float
    confirmed: bool = False
    races: int = 0

    def refuse(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)

    def tell(self, outcome: Outcome) -> None:
        if not self.answer.done():
            self.answer.set_result(outcome)


class Take(Enum):
    """What became of a rule that was to join a group."""

    IN = auto()
    """It is in."""
    LAST = auto()
    """It is in, and nothing more goes in."""
    NEXT = auto()
    """It is to head the next group."""
    UNCONFIRMED = auto()
    """It wants no commit, which counts only on the latest state."""
    RENEWS = auto()
    """It wants leases renewed, and no commit."""
    BUSY = auto()
    """It has to do with what is on its way to etcd, and of which nobody knows whether it arrives."""
    ANSWERED = auto()


class WriteQueue:
    """First those that have waited before, then those that have come since. While it is held, only one write
    may go: the one that `let_one` has put in."""

    def __init__(self) -> None:
        self._first: deque[WaitingWrite] = deque()
        self._queue: deque[WaitingWrite] = deque()
        self._alone: WaitingWrite | None = None
        self.held = False

    def __len__(self) -> int:
        """How many wait, allowed to write or not."""
        return len(self._first) + len(self._queue)

    @property
    def has_next(self) -> bool:
        """Whether somebody waits who may write."""
        return self._alone in self._first if self.held else bool(self._first or self._queue)

    def add(self, waiting: WaitingWrite) -> None:
        self._queue.append(waiting)

    def let_one(self, waiting: WaitingWrite) -> None:
        """The one that may go while all others are held."""
        self._alone = waiting
        self._first.appendleft(waiting)

    def release(self) -> None:
        self.held, self._alone = False, None

    def take(self) -> WaitingWrite:
        """The next that may write."""
        if self.held and self._alone is not None:
            self._first.remove(self._alone)
            return self._alone
        return (self._first or self._queue).popleft()

    def put_back(self, waiting: WaitingWrite) -> None:
        """Ahead of all."""
        self._first.appendleft(waiting)

    def put_behind_the_first(self, waiting: WaitingWrite) -> None:
        """Ahead of those that have come since, behind those that have waited before."""
        self._first.append(waiting)

    @property
    def lines(self) -> tuple["deque[WaitingWrite]", "deque[WaitingWrite]"]:
        return self._first, self._queue

    def refuse_all(self, error: CoordinatorUnavailable) -> None:
        for line in self.lines:
            while line:
                line.popleft().refuse(error)
