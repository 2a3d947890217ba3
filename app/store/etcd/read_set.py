"""A snapshot that remembers what was read of it: what a commit has to guard."""

from typing import Self

from app.store.contract import Fences, Reads
from app.store.etcd.revs import UnnumberedRecord, is_draft
from app.store.history import HeldSnapshot
from app.store.overlay import Draft
from app.store.records import Groups, Record


class Guards:
    """What the commits of a group have read of the state below them: keys, with what was there, and ranges of
    fences, which must not have changed."""

    def __init__(self, below: HeldSnapshot) -> None:
        self._below = below
        self.keys: dict[str, Record | None] = {}
        self.ranges: set[str] = set()

    def add(self, key: str) -> None:
        if key not in self.keys:
            self.keys[key] = self._below.get(key)

    def add_fence(self, fence: str) -> None:
        """One that ends in a slash stands for all below it too."""
        if fence.endswith("/"):
            self.ranges.add(fence)
        else:
            self.add(fence)

    def take(self, other: "Guards") -> None:
        """Guard all that the other one does too."""
        self.keys |= other.keys
        self.ranges |= other.ranges

    def copy(self) -> Self:
        copy = type(self)(self._below)
        copy.take(self)
        return copy

    def __len__(self) -> int:
        return len(self.keys) + len(self.ranges)


class Recording:
    """Reads of a group's draft by one rule. What is guarded is what lies below the draft; of a term that was
    scanned or counted, its fence. `drafted`: what was read is, or may be, of the group itself."""

    blocking = False

    def __init__(self, below: HeldSnapshot, draft: Draft, fences: Fences) -> None:
        self._draft = draft
        self._on_top = draft.over
        self._fences = fences
        self._get_below = below.get
        self.guards = Guards(below)
        self.rev = below.rev
        self.drafted = False

    def get(self, key: str) -> Record | None:
        on_top = self._on_top.get(key)
        if on_top is not None:
            self.guards.add(key)
            self.drafted = True
            return None if on_top.deleted else UnnumberedRecord(on_top)
        # The same record is what is read and what is guarded: it is looked up once.
        guarded = self.guards.keys
        if key not in guarded:
            guarded[key] = self._get_below(key)
        return guarded[key]

    def find(
        self, groups: Groups, *, after: str = "", limit: int | None = None, reverse: bool = False
    ) -> list[Record]:
        for term in {term for group in groups for term in group}:
            self._note(term)
        return self._told_of(self._draft.find(groups, after=after, limit=limit, reverse=reverse))

    def count(self, term: str) -> int:
        self._note(term)
        return self._draft.count(term)

    def count_about(self, term: str) -> int:
        # No fence: whoever registers an app would lose to each change of any other.
        return self._draft.count_about(term)

    def has_changed(self, reads: Reads) -> bool:
        for key in reads.keys:
            self.guards.add(key)
        for term in reads.terms | reads.counted:
            self._note(term)
        # A draft has what was read, or has changed it: that is of the group itself.
        return self._draft.has_changed(reads)

    def _note(self, term: str) -> None:
        self.drafted = self.drafted or self._draft.changed
        fence = self._fences.of_term(term)
        if fence is not None:
            self.guards.add_fence(fence)

    def _told_of(self, records: list[Record]) -> list[Record]:
        if not self._draft.changed:
            return records
        return [record if not is_draft(record.rev) else UnnumberedRecord(record) for record in records]
