"""A store seen from the rev at which a test began: there its history starts, and that rev is 0.

An etcd that many tests share has a rev from the start, and its revs are not counted up one by one. Seen
through this, where the first commit is 1 and the next one 2, the contract suite asks of the store on etcd
word for word what it asks of the others.
"""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from app.errors import RequestError
from app.store.contract import Changes, Health, Outcome, Reads, Rule, Settled, Transact
from app.store.contract import Snapshot as StoreSnapshot
from app.store.etcd.revs import UnnumberedRecord
from app.store.etcd.store import EtcdStore
from app.store.records import Change, Commit, Entry, Journal, Origin, Record

R = TypeVar("R", Record, None)


class Numbering:
    """The revs of the commits since a test began. `base` is the one that is called 0."""

    def __init__(self) -> None:
        self.base: int | None = None
        self._revs: list[int] = []

    def note(self, commit: Commit) -> None:
        if not self._revs or commit.rev > self._revs[-1]:
            self._revs.append(commit.rev)

    def shifted(self, rev: int) -> int:
        """How many commits there were up to the rev."""
        return bisect_right(self._revs, rev)

    def real(self, number: int) -> int:
        if number <= 0:
            return (self.base or 0) + number
        known = len(self._revs)
        if number <= known:
            return self._revs[number - 1]
        # One that is not there yet.
        return (self._revs[-1] if known else self.base or 0) + number - known


class ShiftedStore:
    """Its first opening, where nothing is yet, says what is called 0."""

    def __init__(self, store: EtcdStore, numbering: Numbering) -> None:
        self._store = store
        self._numbering = numbering

    @property
    def rev(self) -> int:
        return self._numbering.shifted(self._store.rev)

    @property
    def oldest_rev(self) -> int:
        return self._numbering.shifted(self._store.oldest_rev)

    async def open(self) -> None:
        await self._store.open()
        if self._numbering.base is None:
            self._numbering.base = self._store.rev
        follower = self._store._follower
        commits_of, note = follower._commits_of, follower._note

        async def read(*given: Any) -> list[Commit]:
            # A large one is taken in step by step: its number is known before that.
            commits = await commits_of(*given)
            for commit in commits:
                self._numbering.note(commit)
            return commits

        def noted(commit: Commit, *more: Any) -> None:
            self._numbering.note(commit)
            note(commit, *more)

        follower._commits_of, follower._note = read, noted

    async def close(self) -> None:
        await self._store.close()

    async def latest(self) -> "ShiftedSnapshot":
        return ShiftedSnapshot(await self._store.latest(), self._numbering)

    def stale(self) -> "ShiftedSnapshot":
        return ShiftedSnapshot(self._store.stale(), self._numbering)

    async def at(self, rev: int) -> "ShiftedSnapshot":
        with shifted_errors(self._numbering):
            return ShiftedSnapshot(await self._store.at(self._numbering.real(rev)), self._numbering)

    async def journal_at(self, rev: int) -> Journal | None:
        return await self._store.journal_at(self._numbering.real(rev)) if rev else None

    async def journals(self, after: int, limit: int) -> Sequence[Entry]:
        with shifted_errors(self._numbering):
            found = await self._store.journals(self._numbering.real(after), limit)
        return [Entry(self._numbering.shifted(rev), journal) for rev, journal in found]

    async def settle(self, at: datetime) -> Settled:
        return await self._store.settle(at)

    async def transact(self, rule: Rule, origin: Origin) -> Outcome:
        return await self._shifted(self._store.transact, rule, origin)

    async def _shifted(self, transact: Transact, rule: Rule, origin: Origin) -> Outcome:
        def seen(snapshot: StoreSnapshot, at: datetime) -> Changes:
            return rule(ShiftedSnapshot(snapshot, self._numbering), at)

        with shifted_errors(self._numbering):
            outcome = await transact(seen, origin)
        if outcome.committed:
            # On a busy machine the answer may come before the watch has brought the commit, which numbers it.
            async with asyncio.timeout(60):
                await self._store._follower.reach_rev(outcome.rev)
        return outcome._replace(
            rev=self._numbering.shifted(outcome.rev), record=shifted(outcome.record, self._numbering)
        )

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[Transact]:
        async with self._store.alone() as transact:

            async def shifted_transact(rule: Rule, origin: Origin) -> Outcome:
                return await self._shifted(transact, rule, origin)

            yield shifted_transact

    async def commits(self, after: int, limit: int) -> Sequence[Commit]:
        with shifted_errors(self._numbering):
            found = await self._store.commits(self._numbering.real(after), limit)
        return [self._commit(commit) for commit in found]

    def _commit(self, commit: Commit) -> Commit:
        """Without the fences: those are the store's own."""
        changes = tuple(
            Change(
                change.key, shifted(change.before, self._numbering), shifted(change.after, self._numbering)
            )
            for change in commit.changes
            if not change.key.startswith("fence/")
        )
        return Commit(self._numbering.shifted(commit.rev), commit.journal, changes)

    async def wait(self, after: int) -> None:
        while self.rev <= after and not self._store._closing:
            await self._store.wait(self._store.rev)

    def when_broken(self, tell: Callable[[], None]) -> None:
        self._store.when_broken(tell)

    async def compact(self, rev: int) -> None:
        await self._store.compact(self._numbering.real(rev))

    def health(self) -> Health:
        return self._store.health()

    def statistics(self) -> dict[str, float]:
        figures = self._store.statistics()
        return figures | {"rev": self.rev, "oldest_rev": self.oldest_rev}


class ShiftedSnapshot:
    """The same of a snapshot."""

    def __init__(self, snapshot: StoreSnapshot, numbering: Numbering) -> None:
        self._snapshot = snapshot
        self._numbering = numbering
        self.rev = numbering.shifted(snapshot.rev)
        self.blocking = snapshot.blocking

    def get(self, key: str) -> Record | None:
        with shifted_errors(self._numbering):
            return shifted(self._snapshot.get(key), self._numbering)

    def find(
        self,
        groups: Sequence[Collection[str]],
        *,
        after: str = "",
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[Record]:
        with shifted_errors(self._numbering):
            found = self._snapshot.find(groups, after=after, limit=limit, reverse=reverse)
        return [shifted(record, self._numbering) for record in found]

    def count(self, term: str) -> int:
        with shifted_errors(self._numbering):
            return self._snapshot.count(term)

    count_about = count

    def has_changed(self, reads: Reads) -> bool:
        return self._snapshot.has_changed(replace(reads, rev=self._numbering.real(reads.rev)))


def shifted(record: R, numbering: Numbering) -> R:
    if record is None or isinstance(record, UnnumberedRecord):
        return record
    return replace(
        record, created_rev=numbering.shifted(record.created_rev), rev=numbering.shifted(record.rev)
    )


@contextmanager
def shifted_errors(numbering: Numbering) -> Iterator[None]:
    """The revs that an error tells of, shifted too."""
    try:
        yield
    except RequestError as error:
        if error.rev is not None:
            error.rev = numbering.shifted(error.rev)
        for name in ("oldest_rev", "current_rev"):
            if name in error.members:
                error.members[name] = numbering.shifted(error.members[name])
        raise
