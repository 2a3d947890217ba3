"""A snapshot that remembers what was read of it, and whether what was read is still so.

Work that takes long is not done where nothing can come between: what it has read is compared with what was
committed since, which costs as much as that, however much was read.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from app.errors import RevCompacted
from app.store.contract import Reads, Snapshot
from app.store.records import Change, Groups, Record

T = TypeVar("T")

MANY = 10_000
"""Changes since that are gone through: more take some milliseconds, and are taken for a change of what was
read."""


class Moved(Exception):
    """What was read has changed since, or can no longer be read."""


class Remembering:
    """A snapshot with what was read of it so far, in `reads`. Raises Moved where it has left the memory."""

    def __init__(self, below: Snapshot) -> None:
        self._below = below
        self._counts: dict[str, int] = {}
        self.rev = below.rev
        self.reads = Reads(below.rev)

    @property
    def blocking(self) -> bool:
        return self._below.blocking

    def get(self, key: str) -> Record | None:
        self.reads.keys.add(key)
        return _while_there(lambda: self._below.get(key))

    def find(
        self, groups: Groups, *, after: str = "", limit: int | None = None, reverse: bool = False
    ) -> list[Record]:
        for group in groups:
            self.reads.terms.update(group)
        return _while_there(lambda: self._below.find(groups, after=after, limit=limit, reverse=reverse))

    def count(self, term: str) -> int:
        self.reads.counted.add(term)
        if term not in self._counts:
            self._counts[term] = _while_there(lambda: self._below.count(term))
        return self._counts[term]

    def count_about(self, term: str) -> int:
        return self._below.count_about(term)

    def has_changed(self, reads: Reads) -> bool:
        return self._below.has_changed(reads)


def _while_there(read: Callable[[], T]) -> T:
    try:
        return read()
    except RevCompacted:
        raise Moved from None


def touched(reads: Reads, changes: Iterable[Change]) -> bool:
    """Whether the changes, made after `reads.rev`, change anything that was read."""
    for number, (key, before, after) in enumerate(changes):
        if key in reads.keys or number >= MANY:
            return True
        was, now = before.terms if before else (), after.terms if after else ()
        if not (reads.terms.isdisjoint(was) and reads.terms.isdisjoint(now)):
            return True
        if was is not now and not reads.counted.isdisjoint(set(was).symmetric_difference(now)):
            return True
    return False
