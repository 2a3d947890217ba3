"""Which objects differ between two revs: over a short span by the commits between, over a long one by
comparing the objects.

Both are done a little in each turn of the event loop, or in a thread where a snapshot is read from a disk.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from app.errors import TooManyRequests
from app.events.turns import Turns
from app.models.paths import Subtree
from app.registry.difference import as_object
from app.store.contract import UNREADABLE, Snapshot, Store, prefix_of
from app.store.records import Change, Commit, Journal, Record
from app.store.snapshots import ask, scan

AT_A_TIME = 4
"""Comparisons in a process: each may look at all there is."""

SHORT = 20_000
"""Commits and changes that are gone through before objects are compared instead."""

COMMITS = 100
PAGE = 500
"""Commits, and records, that are read at once."""


class Comparisons:
    """Counts the comparisons that are being made. Belongs to one event loop."""

    def __init__(self, most: int = AT_A_TIME) -> None:
        self._most = most
        self._running = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """For as long as a comparison is being made. Raises TooManyRequests."""
        if self._running >= self._most:
            raise TooManyRequests(
                f"The server compares {self._most} times already: try again in a second.",
                headers={"Retry-After": "1"},
            )
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1


class TooLong(Exception):
    """There is more between two revs than is gone through."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A key at both revs. `by` is the last commit between that changed it, where the commits were gone
    through."""

    key: str
    before: Record | None
    after: Record | None
    by: Commit | None = None


class RevSpan:
    """What lies between two revs of a store, `low` not above `high`."""

    def __init__(self, store: Store, turns: Turns, low: int, high: int, subtree: Subtree) -> None:
        self._store = store
        self._turns = turns
        self._low = low
        self._high = high
        self._subtree = subtree

    async def check(self) -> None:
        """Raises RevCompacted, RevInFuture, CoordinatorUnavailable."""
        await self._store.at(self._high)
        await self._store.at(self._low)

    async def pairs(self, after: str = "") -> AsyncIterator[Pair]:
        """Of the subtree the keys after `after` whose versions differ, in order. Raises as `check` does."""
        pairs = await self._by_commits()
        if pairs is None:
            async for pair in self._by_objects(after):
                yield pair
            return
        for key in sorted(pairs):
            if key > after:
                yield pairs[key]
            if self._turns.over:
                await self._turns.give_way()

    async def commits(self, most: int = SHORT) -> AsyncIterator[tuple[Commit, list[Change]]]:
        """The commits that changed the subtree with what they changed in it, oldest first. Raises as `check`
        does, and TooLong after a look at `most` commits and changes."""
        looked, last = 0, self._low
        while last < self._high:
            commits = await self._store.commits(last, COMMITS)
            if not commits:
                return
            for commit in commits:
                last = commit.rev
                if last > self._high:
                    return
                looked += 1 + len(commit.changes)
                if looked > most:
                    raise TooLong
                changes = [change for change in commit.changes if self._covers(change)]
                if changes:
                    yield commit, changes
                if self._turns.over:
                    await self._turns.give_way()

    async def _by_commits(self) -> dict[str, Pair] | None:
        """The pairs by key; None where there is too much between."""
        pairs: dict[str, Pair] = {}
        try:
            async for commit, changes in self.commits():
                for change in changes:
                    known = pairs.get(change.key)
                    before = change.before if known is None else known.before
                    pairs[change.key] = Pair(change.key, before, change.after, commit)
        except TooLong:
            return None
        return {key: pair for key, pair in pairs.items() if _differs(pair)}

    def _covers(self, change: Change) -> bool:
        terms = (
            *(change.before.terms if change.before else ()),
            *(change.after.terms if change.after else ()),
        )
        return self._subtree.covers(change.key, terms)

    async def _by_objects(self, after: str) -> AsyncIterator[Pair]:
        for name in sorted([*self._subtree.single_keys, *self._subtree.terms], key=prefix_of):
            single = name in self._subtree.single_keys
            pairs = self._single(name) if single else self._merged(name, after)
            async for pair in pairs:
                if pair.key > after and _differs(pair):
                    yield pair

    async def _single(self, key: str) -> AsyncIterator[Pair]:
        async def at(rev: int) -> Record | None:
            return await ask(await self._store.at(rev), lambda snapshot: snapshot.get(key))

        yield Pair(key, await at(self._low), await at(self._high))

    async def _merged(self, term: str, after: str) -> AsyncIterator[Pair]:
        """The keys that carry the term at one of the two revs, with both versions."""
        olds, news = self._records(self._low, term, after), self._records(self._high, term, after)
        old, new = await anext(olds, None), await anext(news, None)
        while old is not None or new is not None:
            if new is None or (old is not None and old.key < new.key):
                assert old is not None, "one of the two is there"
                yield Pair(old.key, old, None)
                old = await anext(olds, None)
            elif old is None or new.key < old.key:
                yield Pair(new.key, None, new)
                new = await anext(news, None)
            else:
                yield Pair(new.key, old, new)
                old, new = await anext(olds, None), await anext(news, None)
            if self._turns.over:
                await self._turns.give_way()

    async def _records(self, rev: int, term: str, after: str) -> AsyncIterator[Record]:
        """The objects of the subtree with the term, by key; those of its kind that cannot be read as well."""
        prefix = prefix_of(term)

        async def all_of(term: str, after: str) -> AsyncIterator[Record]:
            while True:
                find = partial(_page, term=term, after=after)
                # Asked for anew: it may have left the memory since.
                records = await ask(await self._store.at(rev), find)
                for record in records:
                    if record.key.startswith(prefix) and self._subtree.covers(record.key, record.terms):
                        yield record
                if len(records) < PAGE:
                    return
                after = records[-1].key

        strange = all_of(UNREADABLE, max(after, prefix[:-1]))
        odd = await anext(strange, None)
        async for record in all_of(term, after):
            while odd is not None and odd.key < record.key:
                yield odd
                odd = await anext(strange, None)
            yield record
        while odd is not None:
            yield odd
            odd = await anext(strange, None)

    async def changed_by(self, pair: Pair) -> tuple[int, Journal] | None:
        """The last commit between the two that changed the key: its rev and its journal."""
        if pair.by is not None:
            return pair.by.rev, pair.by.journal
        rev = pair.after.rev if pair.after is not None else await self._gone_at(pair.key)
        journal = await self._store.journal_at(rev)
        return None if journal is None else (rev, journal)

    async def _gone_at(self, key: str) -> int:
        """A rev at which the key, which is there at `low` and not at `high`, went."""
        there, gone = self._low, self._high
        while gone - there > 1:
            middle = (there + gone) // 2
            if await ask(await self._store.at(middle), lambda snapshot: snapshot.get(key)) is None:
                gone = middle
            else:
                there = middle
        return gone


def _page(snapshot: Snapshot, term: str, after: str) -> Sequence[Record]:
    return scan(snapshot, term, after=after, limit=PAGE)


def _differs(pair: Pair) -> bool:
    before, after = as_object(pair.before), as_object(pair.after)
    return (before is None) != (after is None) or (
        before is not None and after is not None and before.rev != after.rev
    )
