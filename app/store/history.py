"""The newest commits in memory, readable at any rev among them.

Each key has a chain of its versions, oldest first; a snapshot is nothing but the history and a rev.
Each term has two sorted lists of keys: those that carry it now (`_live`) and those that carried it
at some held rev but no longer do (`_past`). A scan at the latest rev reads the first; a scan at an
older one merges both and asks each key's chain.
"""

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from datetime import datetime
from operator import attrgetter

from app.errors import RevCompacted
from app.store.contract import Changes, Commit, Index, Record

_REV = attrgetter("rev")


class History:
    """Commits after `floor` and the state at every rev from `floor` on; at most `window` commits."""

    def __init__(self, index: Index, window: int) -> None:
        self._index = index
        self._window = window
        self._chains: dict[str, list[Record]] = {}
        self._live: dict[str, list[str]] = {}
        self._past: dict[str, list[str]] = {}
        self._commits: list[Commit] = []
        self._dropped = 0
        self._base: Commit | None = None
        self.rev = 0
        self.floor = 0

    def load(self, rev: int, records: Iterable[Record]) -> None:
        """Start from the state at `rev`: the live records, in any order."""
        self.rev = self.floor = rev
        for record in records:
            self._chains[record.key] = [record]
            for term in record.terms:
                self._live.setdefault(term, []).append(record.key)
        for keys in self._live.values():
            keys.sort()

    def terms(self, key: str, value: bytes) -> tuple[str, ...]:
        return self._index(key, value)

    def apply(self, commit: Commit) -> None:
        """Add the next commit. Its changes' `after` records become current."""
        for change in commit.changes:
            after = change.after
            before_terms = change.before.terms if change.before else ()
            after_terms = after.terms if after else ()
            for term in before_terms:
                if term not in after_terms:
                    _discard(self._live[term], change.key)
                    _add(self._past.setdefault(term, []), change.key)
            for term in after_terms:
                if term not in before_terms:
                    _add(self._live.setdefault(term, []), change.key)
                    _discard(self._past.get(term, []), change.key)
            version = after or Record(change.key, b"", 0, commit.rev)
            self._chains.setdefault(change.key, []).append(version)
        self._commits.append(commit)
        self.rev = commit.rev
        while len(self._commits) - self._dropped > self._window:
            self._forget_oldest()

    def forget_before(self, rev: int) -> None:
        """Make `rev` the floor, where it is above the present one."""
        while self._dropped < len(self._commits) and self._commits[self._dropped].rev <= rev:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        commit = self._commits[self._dropped]
        self._dropped += 1
        self._base = commit
        self.floor = commit.rev
        for change in commit.changes:
            self._trim(change.key)
        # One slice now and then costs less than moving the whole list for each commit.
        if self._dropped > 1024 or self._dropped * 2 > len(self._commits):
            del self._commits[: self._dropped]
            self._dropped = 0

    def _trim(self, key: str) -> None:
        """Drop the key's versions that no snapshot from the floor on can see."""
        chain = self._chains.get(key)
        if chain is None:
            return
        keep = max(bisect_right(chain, self.floor, key=_REV) - 1, 0)
        if chain[keep].deleted and chain[keep].rev <= self.floor:
            keep += 1
        if keep == 0:
            return
        gone = {term for record in chain[:keep] for term in record.terms}
        del chain[:keep]
        for term in gone.difference(*(record.terms for record in chain)):
            past = self._past.get(term)
            if past is not None:
                _discard(past, key)
                if not past:
                    del self._past[term]
            if term in self._live and not self._live[term]:
                del self._live[term]
        if not chain:
            del self._chains[key]

    def commits_after(self, rev: int, limit: int) -> list[Commit]:
        """Commits after `rev`, which is at or above the floor."""
        start = bisect_right(self._commits, rev, lo=self._dropped, key=_REV)
        return self._commits[start : start + limit]

    def last_commit(self, rev: int) -> Commit | None:
        """The latest known commit at or before `rev`: a held one, or the one that made the floor."""
        at = bisect_right(self._commits, rev, lo=self._dropped, key=_REV) - 1
        if at >= self._dropped:
            return self._commits[at]
        return self._base if self._base is not None and self._base.rev <= rev else None

    def snapshot(self, rev: int) -> "HeldSnapshot":
        """The state at `rev`, which is between the floor and the latest."""
        return HeldSnapshot(self, rev)

    def get(self, key: str, rev: int) -> Record | None:
        chain = self._chains.get(key)
        if chain is None:
            return None
        record = chain[-1]
        if record.rev > rev:
            at = bisect_right(chain, rev, key=_REV) - 1
            if at < 0:
                return None
            record = chain[at]
        return None if record.deleted else record

    def iterate(self, term: str, rev: int, after: str, reverse: bool) -> Iterator[Record]:
        """Records with the term at `rev`, by key. Not to be held across a commit."""
        live = self._live.get(term, [])
        if rev >= self.rev:
            for key in _walk(live, after, reverse):
                yield self._chains[key][-1]
            return
        past = self._past.get(term, [])
        keys: Iterable[str]
        if past:
            keys = heapq.merge(_walk(live, after, reverse), _walk(past, after, reverse), reverse=reverse)
        else:
            keys = _walk(live, after, reverse)
        for key in keys:
            record = self.get(key, rev)
            if record is not None and term in record.terms:
                yield record

    def count(self, term: str, rev: int) -> int:
        if rev >= self.rev:
            return len(self._live.get(term, ()))
        return sum(1 for _ in self.iterate(term, rev, "", False))

    def leased(self) -> Iterator[Record]:
        """The current records that live by a lease."""
        return (chain[-1] for chain in self._chains.values() if chain[-1].ttl is not None)

    def statistics(self) -> dict[str, float]:
        return {"keys": len(self._chains), "held_commits": len(self._commits) - self._dropped}


class HeldSnapshot:
    """The registry at one rev of the history in memory.

    It is read where it lies: one that is kept so long that its rev leaves the memory refuses to be
    read on, rather than answer from a later state.
    """

    blocking = False

    def __init__(self, history: History, rev: int) -> None:
        self._history = history
        self.rev = rev

    def _held(self) -> History:
        history = self._history
        if self.rev < history.floor:
            raise RevCompacted(
                f"Rev {self.rev} left the memory while it was being read: ask for it again, "
                "or read the latest snapshot.",
                oldest_rev=history.floor,
            )
        return history

    def get(self, key: str) -> Record | None:
        return self._held().get(key, self.rev)

    def scan(
        self, term: str, *, after: str = "", limit: int | None = None, reverse: bool = False
    ) -> list[Record]:
        found = self._held().iterate(term, self.rev, after, reverse)
        if limit is None:
            return list(found)
        return [record for record, _ in zip(found, range(limit), strict=False)]

    def count(self, term: str) -> int:
        return self._held().count(term, self.rev)


class Draft:
    """The latest snapshot of a history with changes on top that are not durable yet.

    The rules of one group of commits run on it one after the other, each seeing those before it.
    """

    blocking = False

    def __init__(self, history: History) -> None:
        self._history = history
        self._over: dict[str, Record] = {}
        self.rev = history.rev

    def get(self, key: str) -> Record | None:
        record = self._over.get(key)
        if record is None:
            return self._history.get(key, self._history.rev)
        return None if record.deleted else record

    def scan(
        self, term: str, *, after: str = "", limit: int | None = None, reverse: bool = False
    ) -> list[Record]:
        found = self._iterate(term, after, reverse)
        if limit is None:
            return list(found)
        return [record for record, _ in zip(found, range(limit), strict=False)]

    def _iterate(self, term: str, after: str, reverse: bool) -> Iterator[Record]:
        under = (
            record
            for record in self._history.iterate(term, self._history.rev, after, reverse)
            if record.key not in self._over
        )
        over = sorted(
            (r for r in self._over.values() if term in r.terms and (reverse or r.key > after)),
            key=attrgetter("key"),
            reverse=reverse,
        )
        return heapq.merge(under, over, key=attrgetter("key"), reverse=reverse)

    def count(self, term: str) -> int:
        return len(self.scan(term)) if self._over else self._history.count(term, self._history.rev)

    def commit(self, changes: Changes, rev: int) -> list[tuple[Record | None, Record | None]]:
        """Put the changes on top as of `rev`; each key's record before and after."""
        deletes = {key for key in changes.deletes if self.get(key) is not None}
        for prefix in changes.prefixes:
            deletes.update(record.key for record in self.scan(prefix))
        pairs: list[tuple[Record | None, Record | None]] = []
        # Put on top only when all is made: an index that cannot take a value leaves nothing behind.
        over: dict[str, Record] = {}
        for key in deletes - changes.puts.keys():
            pairs.append((self.get(key), None))
            over[key] = Record(key, b"", 0, rev)
        for key, value in changes.puts.items():
            before = self.get(key)
            after = Record(
                key=key,
                value=value,
                created_rev=before.created_rev if before else rev,
                rev=rev,
                ttl=changes.ttls.get(key),
                terms=self._history.terms(key, value),
            )
            pairs.append((before, after))
            over[key] = after
        self._over.update(over)
        self.rev = rev
        return pairs


def latest_time(now: datetime, last: datetime | None) -> datetime:
    """A commit's time: never before the one of the commit before it, whatever the clock does."""
    return now if last is None or now > last else last


def _add(keys: list[str], key: str) -> None:
    if not keys or keys[-1] < key:
        keys.append(key)
    elif keys[bisect_left(keys, key)] != key:
        insort(keys, key)


def _discard(keys: list[str], key: str) -> None:
    at = bisect_left(keys, key)
    if at < len(keys) and keys[at] == key:
        del keys[at]


def _walk(keys: list[str], after: str, reverse: bool) -> Iterator[str]:
    if reverse:
        return reversed(keys)
    if not after:
        return iter(keys)
    return (keys[at] for at in range(bisect_right(keys, after), len(keys)))
