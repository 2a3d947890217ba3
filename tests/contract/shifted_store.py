"""A store seen from the rev at which a test began: there its history starts, and that rev is 0.

An etcd that many tests share has a rev from the start. Seen through this, the contract suite asks of
the store on etcd word for word what it asks of the others.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from app.errors import RequestError
from app.store.contract import (
    Change,
    Changes,
    Commit,
    Entry,
    Health,
    Journal,
    Origin,
    Outcome,
    Record,
    Rule,
    Settled,
)
from app.store.contract import Snapshot as StoreSnapshot
from app.store.etcd.store import EtcdStore

R = TypeVar("R", Record, None)


class ShiftedStore:
    """`base` is the etcd revision that is called 0; it is that of the first opening where none is said."""

    def __init__(self, store: EtcdStore, base: int | None) -> None:
        self._store = store
        self._base = base

    @property
    def base(self) -> int:
        return self._base or 0

    @property
    def rev(self) -> int:
        return max(self._store.rev - self.base, 0)

    @property
    def oldest_rev(self) -> int:
        return max(self._store.oldest_rev - self.base, 0)

    async def open(self) -> None:
        await self._store.open()
        if self._base is None:
            self._base = self._store.rev

    async def close(self) -> None:
        await self._store.close()

    async def latest(self) -> "ShiftedSnapshot":
        return ShiftedSnapshot(await self._store.latest(), self.base)

    def stale(self) -> "ShiftedSnapshot":
        return ShiftedSnapshot(self._store.stale(), self.base)

    async def at(self, rev: int) -> "ShiftedSnapshot":
        with shifted_errors(self.base):
            return ShiftedSnapshot(await self._store.at(rev + self.base), self.base)

    async def journal_at(self, rev: int) -> Journal | None:
        return await self._store.journal_at(rev + self.base) if rev else None

    async def journals(self, after: int, limit: int) -> Sequence[Entry]:
        with shifted_errors(self.base):
            found = await self._store.journals(after + self.base, limit)
        return [Entry(rev - self.base, journal) for rev, journal in found]

    async def settle(self, at: datetime) -> Settled:
        return await self._store.settle(at)

    async def transact(self, rule: Rule, origin: Origin) -> Outcome:
        def seen(snapshot: StoreSnapshot, at: datetime) -> Changes:
            return rule(ShiftedSnapshot(snapshot, self.base), at)

        with shifted_errors(self.base):
            outcome = await self._store.transact(seen, origin)
        return outcome._replace(rev=outcome.rev - self.base, record=shifted(outcome.record, self.base))

    async def commits(self, after: int, limit: int) -> Sequence[Commit]:
        with shifted_errors(self.base):
            found = await self._store.commits(after + self.base, limit)
        return [self._commit(commit) for commit in found]

    def _commit(self, commit: Commit) -> Commit:
        """Without the fences: those are the store's own."""
        changes = tuple(
            Change(change.key, shifted(change.before, self.base), shifted(change.after, self.base))
            for change in commit.changes
            if not change.key.startswith("fence/")
        )
        return Commit(commit.rev - self.base, commit.journal, changes)

    async def wait(self, after: int) -> None:
        await self._store.wait(after + self.base)

    def when_broken(self, tell: Callable[[], None]) -> None:
        self._store.when_broken(tell)

    async def compact(self, rev: int) -> None:
        await self._store.compact(rev + self.base)

    def health(self) -> Health:
        return self._store.health()

    def statistics(self) -> dict[str, float]:
        figures = self._store.statistics()
        return figures | {"rev": self.rev, "oldest_rev": self.oldest_rev}


class ShiftedSnapshot:
    """The same of a snapshot."""

    def __init__(self, snapshot: StoreSnapshot, base: int) -> None:
        self._snapshot = snapshot
        self._base = base
        self.rev = snapshot.rev - base
        self.blocking = snapshot.blocking

    def get(self, key: str) -> Record | None:
        with shifted_errors(self._base):
            return shifted(self._snapshot.get(key), self._base)

    def scan(
        self, term: str, *, after: str = "", limit: int | None = None, reverse: bool = False
    ) -> list[Record]:
        with shifted_errors(self._base):
            found = self._snapshot.scan(term, after=after, limit=limit, reverse=reverse)
        return [shifted(record, self._base) for record in found]

    def select(
        self, groups: Sequence[Collection[str]], *, after: str = "", limit: int | None = None
    ) -> list[Record]:
        with shifted_errors(self._base):
            found = self._snapshot.select(groups, after=after, limit=limit)
        return [shifted(record, self._base) for record in found]

    def count(self, term: str) -> int:
        with shifted_errors(self._base):
            return self._snapshot.count(term)


def shifted(record: R, base: int) -> R:
    if record is None:
        return None
    return replace(record, created_rev=record.created_rev - base, rev=record.rev - base)


@contextmanager
def shifted_errors(base: int) -> Iterator[None]:
    """The revs that an error tells of, shifted too."""
    try:
        yield
    except RequestError as error:
        if error.rev is not None:
            error.rev -= base
        for name in ("oldest_rev", "current_rev"):
            if name in error.members:
                error.members[name] -= base
        raise
