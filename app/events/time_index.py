"""Which rev was the latest at which time: a compact index of the journal's entries, ordered by rev.

T(N) is the greatest time of all commits up to N: on a coordinator that several clocks write to, a commit may
be a little earlier than one before it. The registry at a time t is that at the newest N with T(N) <= t.
"""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

BLOCK = 512
"""Entries of which the counts are kept: what is counted are the ends of a span, by entry."""

MAX_KINDS = 256


class Point(NamedTuple):
    """A rev, and T(rev) in microseconds."""

    rev: int
    time: int


class TimeIndex:
    """`kind` of an entry is a small number, by which entries are counted."""

    def __init__(self) -> None:
        self._revs = array("q")
        self._times = array("q")
        self._kinds = array("B")
        self._dropped = 0
        self._sums: list[Counter[int]] = []
        """Counts of all whole blocks of the arrays up to each."""
        self.upto = 0
        """The rev up to which all entries are here."""

    def __len__(self) -> int:
        return len(self._revs) - self._dropped

    def add(self, rev: int, at: int, kind: int) -> None:
        """Add the next entry, whose own time is `at`."""
        times = self._times
        self._revs.append(rev)
        times.append(max(at, times[-1]) if times else at)
        self._kinds.append(kind)
        self.upto = rev
        if len(times) % BLOCK == 0:
            before = self._sums[-1] if self._sums else Counter[int]()
            self._sums.append(before + Counter(self._kinds[-BLOCK:]))

    def forget_before(self, rev: int) -> None:
        """Drop entries before the rev, but for the last of them: it says when the snapshot at `rev` came to
        be."""
        self._dropped = max(self._dropped, bisect_right(self._revs, rev) - 1)
        # Now and then as many as make it worth its while: to take them from an array moves all others.
        if self._dropped < max(BLOCK, len(self._revs) // 2):
            return
        blocks = self._dropped // BLOCK
        cut = blocks * BLOCK
        base = self._sums[blocks - 1]
        del self._revs[:cut], self._times[:cut], self._kinds[:cut]
        self._sums = [sums - base for sums in self._sums[blocks:]]
        self._dropped -= cut

    def first(self) -> Point | None:
        return self._point(self._dropped)

    def at(self, time: int) -> Point | None:
        """The newest entry with T <= time; None where all are later."""
        number = self._number(time)
        return self._point(number - 1) if number > self._dropped else None

    def after(self, time: int) -> Point | None:
        """The first entry with T > time."""
        return self._point(self._number(time))

    def back(self, rev: int, entries: int) -> int:
        """The rev of the entry so many before the last one at or before `rev`; 0 where there are not so
        many."""
        number = bisect_right(self._revs, rev, lo=self._dropped) - 1 - entries
        return self._revs[number] if number >= self._dropped else 0

    def time_of(self, rev: int) -> int:
        """T(rev), as far as entries say it; 0 where all are later."""
        number = bisect_right(self._revs, rev, lo=self._dropped) - 1
        return self._times[number] if number >= self._dropped else 0

    def counts(self, edges: Sequence[int]) -> list[Counter[int]]:
        """How many entries of each kind have T after an edge and up to the next one."""
        numbers = [max(self._number(edge), self._dropped) for edge in edges]
        sums = [self._sum(number) for number in numbers]
        return [later - earlier for earlier, later in pairwise(sums)]

    def _number(self, time: int) -> int:
        """How many entries have T <= time, those that are dropped too."""
        return bisect_right(self._times, time, lo=self._dropped)

    def _sum(self, number: int) -> Counter[int]:
        """The counts of the first so many entries."""
        blocks = number // BLOCK
        counts = Counter(self._kinds[blocks * BLOCK : number])
        if blocks:
            counts.update(self._sums[blocks - 1])
        return counts

    def _point(self, number: int) -> Point | None:
        if not self._dropped <= number < len(self._revs):
            return None
        return Point(self._revs[number], self._times[number])
