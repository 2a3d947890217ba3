"""How many bytes the history takes in the store, and which rev it would have to begin at to take no more.

The bytes of all commits ever made are summed up. At some revs, not at each, the sum is noted: a mark. What is
kept after a mark is the present sum less the mark's. A mark for each thousandth of the limit is enough, so
that there are about a thousand of them, however long the history is.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple, Self

from app.store.records import Commit

_COMMIT, _CHANGE = 300, 100
"""Bytes that a commit (its journal) and a change take in a store beside key and value, roughly."""

_STEPS = 1024


class Mark(NamedTuple):
    """All commits up to `rev` have taken `total` bytes."""

    rev: int
    total: int


_TOTAL, _REV = attrgetter("total"), attrgetter("rev")


def kept_bytes(commit: Commit) -> int:
    """What a commit takes in the store, roughly. (A deletion takes its key.)"""
    content = sum(
        len(key) + (len(after.value) if after is not None else 0) for key, _, after in commit.changes
    )
    return kept_bytes_of(1, len(commit.changes), content)


def kept_bytes_of(commits: int, changes: int, content: int) -> int:
    """The same of many; `content` are the bytes of keys and values."""
    return _COMMIT * commits + _CHANGE * changes + content


class HistorySize:
    """The sum up to the newest commit, and the marks that are needed to keep to `limit` (None: no limit)."""

    def __init__(self, limit: int | None, marks: Iterable[Mark] = (Mark(0, 0),)) -> None:
        """`marks`: what is known, in order; the last of them is of the newest commit."""
        self._limit = limit
        self._step = (limit or 0) // _STEPS
        *known, self._newest = marks
        self._marks = known or [self._newest]
        self._before_newest = self._marks[-1]

    def copy(self) -> Self:
        """Another one, to add to what may come to nothing."""
        copy = type(self)(self._limit, (*self._marks, self._newest))
        copy._before_newest = self._before_newest
        return copy

    @property
    def total(self) -> int:
        return self._newest.total

    @property
    def first(self) -> Mark:
        """Before it, nothing is known here."""
        return self._marks[0]

    def add(self, commit: Commit, *, at_least: int = 0) -> Mark | None:
        """Take in the next commit; the mark that was made before it, if one was. `at_least` is what another
        has summed up before it, who may know of more."""
        before = Mark(self._newest.rev, max(self._newest.total, at_least))
        mark = None
        if before.total - self._marks[-1].total >= max(self._step, 1):
            mark = before
            self._marks.append(before)
        self._before_newest = before
        self._newest = Mark(commit.rev, before.total + kept_bytes(commit))
        return mark

    @property
    def wanted(self) -> int:
        """The sum from which on history can be kept."""
        return 0 if self._limit is None else self.total - self._limit

    @property
    def oldest(self) -> int:
        """The rev that history has to begin at, or one before it where it may begin before the first mark.
        The newest commit is always kept."""
        at = bisect_left(self._marks, self.wanted, key=_TOTAL)
        return self._marks[at].rev if at < len(self._marks) else self._before_newest.rev

    def much_since(self, total: int) -> bool:
        """Whether an eighth of the limit has come since the sum was `total`."""
        return self._limit is not None and self.total - total > self._limit // 8

    def after(self, rev: int) -> int:
        """Bytes that the history after the rev takes, to a mark's precision."""
        at = bisect_right(self._marks, rev, key=_REV) - 1
        return self.total - self._marks[max(at, 0)].total

    def forget_before(self, rev: int) -> None:
        """History begins at the rev now: of the marks before it only the last is needed."""
        at = bisect_right(self._marks, rev, key=_REV) - 1
        if at > 0:
            del self._marks[:at]
