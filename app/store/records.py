"""What a store keeps and hands out: versions of keys, the commits that made them, and who made those."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple


class Journal(NamedTuple):
    """What is kept of a commit beside its changes: its time, the actor, the request, the reason, the trace,
    and for whom it was made."""

    at: datetime
    actor: str
    request: str
    reason: str | None = None
    trace: str | None = None
    on_behalf_of: str | None = None


class Origin(NamedTuple):
    """What a caller of `transact` says of itself; with the time it becomes the journal entry."""

    actor: str
    request: str
    reason: str | None = None
    trace: str | None = None
    on_behalf_of: str | None = None

    def journal(self, at: datetime) -> Journal:
        return Journal(at, *self)


@dataclass(slots=True, eq=False)
class Record:
    """One version of one key. `value` is b"" where the version is the key's deletion.

    `created_rev` is the rev at which the key came to be, `rev` the one of this version; `ttl` in
    seconds, for a key that lives by a lease, where the coordinator has no number for the lease. `terms`
    is what the key can be found by. `wire` is a place for whoever encodes records to keep the result: a
    version never changes. `lease` is the coordinator's number of the key's lease, where it numbers them.
    """

    key: str
    value: bytes
    created_rev: int
    rev: int
    ttl: int | None = None
    terms: tuple[str, ...] = ()
    wire: bytes | None = None
    lease: int = 0

    @property
    def leased(self) -> bool:
        """Whether the key lives by a lease."""
        return self.ttl is not None or bool(self.lease)

    @property
    def deleted(self) -> bool:
        return not self.value


class Entry(NamedTuple):
    """The journal entry of the commit at a rev."""

    rev: int
    journal: Journal


class Change(NamedTuple):
    """A key before and after a commit; None where it is not there."""

    key: str
    before: Record | None
    after: Record | None


@dataclass(slots=True, eq=False)
class Commit:
    """All that happened at one rev, ordered by key. `events` is a place for the event layer to keep
    what it made of the commit."""

    rev: int
    journal: Journal
    changes: tuple[Change, ...]
    events: Any = None


Groups = Sequence[Collection[str]]
"""What records are looked for by: those that carry at least one term of each group."""


def carries(record: Record, groups: Groups) -> bool:
    """Whether the record carries at least one term of each group."""
    carried = record.terms.__contains__
    for group in groups:  # noqa: SIM110 - without a generator it takes half as long
        if not any(map(carried, group)):
            return False
    return True


def sorted_changes(changes: Iterable[Change]) -> tuple[Change, ...]:
    """The order of changes inside a commit, the same on every store and replica."""
    ordered = list(changes)
    if len(ordered) > 1:
        ordered.sort(key=attrgetter("key"))
    return tuple(ordered)
