"""What Visor asks of a coordinator, whichever it is.

A store is a map from keys to values in which every commit has a rev. It knows nothing of apps or
instances: keys are text, values are JSON bytes. A driver has to give:

- `transact`: run a rule on a snapshot and commit its changes, all at one rev, only if nothing that
  the rule has read has changed since; else run the rule again on the newer snapshot;
- snapshots at any rev that is kept, by key and by term;
- the commits after a rev, whole and in order;
- leases: a key put with a `ttl` goes, in a commit of its own, when it is not renewed in time.

Limits, so that etcd can honour it too: a rule changes at most `MAX_CHANGES` keys (a deleted prefix
counts as one, as etcd's DeleteRange does), a value has at most `MAX_VALUE` bytes, all values of a commit
together at most `MAX_BYTES`.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from app.errors import BodyTooLarge, TooManyChanges
from app.store.records import Commit, Entry, Groups, Journal, Origin, Record
from app.store.timings import CommitTimings

MAX_CHANGES = 2000
"""Keys that one rule may change: on etcd, what is over 128 operations takes nested transactions."""

MAX_VALUE = 1024 * 1024
"""Bytes of one value: etcd takes requests of 1.5 MiB."""

MAX_BYTES = 1024 * 1024
"""Bytes of all values of one commit, where it has more than one."""


class Settled(NamedTuple):
    """`now` is the coordinator's time as far as it is known here; no commit that is made from now on has a
    time at or before `until`."""

    now: datetime
    until: datetime


@dataclass(slots=True)
class Reads:
    """What was read of the snapshot at `rev`: keys, there or not; terms whose records were looked at; terms
    whose records were only counted."""

    rev: int
    keys: set[str] = field(default_factory=set)
    terms: set[str] = field(default_factory=set)
    counted: set[str] = field(default_factory=set)


class Snapshot(Protocol):
    """The whole registry at one rev. Immutable."""

    @property
    def rev(self) -> int: ...

    @property
    def blocking(self) -> bool:
        """True where reading waits for a disk or a network: read it in a thread."""

    def get(self, key: str) -> Record | None:
        """The version of the key that is current at this rev, or None."""

    def find(
        self, groups: Groups, *, after: str = "", limit: int | None = None, reverse: bool = False
    ) -> list[Record]:
        """Records that carry at least one term of each group, by key, those after the key `after` (with
        `reverse`: from the last key down, `after` not used), at most `limit`. All terms are below one
        prefix; there is at least one group. Of a single term: `store.snapshots.scan`."""

    def count(self, term: str) -> int:
        """How many records carry the term."""

    def count_about(self, term: str) -> int:
        """The same for a rule that may commit though the number has changed since, so that it loses to no
        other writer. Where several processes write, each may have added a group of its own meanwhile."""

    def has_changed(self, reads: Reads) -> bool:
        """Whether, in this snapshot, anything is not as it was read at an earlier rev. True as well where
        that can no longer be told. A rule that asks has read it."""


@dataclass(slots=True)
class Changes:
    """What a rule wants to change. `answer` is the key whose state answers the request; `result` is
    for rules whose answer is more than one record."""

    puts: dict[str, bytes] = field(default_factory=dict)
    deletes: set[str] = field(default_factory=set)
    prefixes: set[str] = field(default_factory=set)
    ttls: dict[str, int] = field(default_factory=dict)
    renews: set[str] = field(default_factory=set)
    answer: str | None = None
    result: Any = None

    @property
    def empty(self) -> bool:
        """True where no commit is needed (a renewal of a lease needs none)."""
        return not (self.puts or self.deletes or self.prefixes)


Rule = Callable[[Snapshot, datetime], Changes]
"""A pure function of a snapshot and the commit's time. It may be run more than once."""

Index = Callable[[str, bytes], tuple[str, ...]]
"""The terms that a key with this value can be found by. A term is a key prefix (`app/`), or a
prefix, a `?` and a condition on the value (`instance/?host=10.0.0.1`): only keys below the prefix
may carry it, so that a driver without the index can scan the prefix instead."""


UNREADABLE = "?unreadable"
"""The one term of a key whose value the index cannot read: it is in no list. Its prefix is that of all keys.
Deleting a prefix deletes what cannot be read below it, too."""

FenceOf = Callable[[str], str | None]


class Fences(NamedTuple):
    """What to guard where keys can be guarded but sets cannot.

    `of_term`: the key that changes whenever a key comes to carry the term, or ceases to; None where no rule's
    outcome depends on that. A fence below `fence/` is put by the store itself, with each commit that changes
    who carries the term; any other is a key that the registry changes then anyway. One that ends in a slash
    stands for itself and all fences below it.

    `of_key`: the fence that the store puts with each commit that changes the key, in whatever way: who guards
    it need not guard the key. Where the key is the fence's own name (`app/cat` of `fence/app/cat`) and is
    deleted, so is the fence: nothing that it stands for is left then."""

    of_term: FenceOf
    of_key: FenceOf


def _no_fence(name: str) -> str | None:
    return None


NO_FENCES = Fences(_no_fence, _no_fence)


def prefix_of(term: str) -> str:
    """The key prefix below which all keys that carry the term are."""
    return term.partition("?")[0]


class Outcome(NamedTuple):
    """How a transaction ended: `rev` of the commit, or, where nothing was to change
    (`committed` false), of the snapshot that the rule has read."""

    rev: int
    changes: Changes
    record: Record | None
    committed: bool


@dataclass(frozen=True, slots=True)
class Health:
    """`ready` false says why in `reason`, with what to do."""

    ready: bool
    reason: str = ""


Transact = Callable[[Rule, Origin], Awaitable[Outcome]]


class Store(Protocol):
    """A coordinator. All methods belong to one event loop."""

    @property
    def timings(self) -> CommitTimings:
        """What it measures of its own work."""

    @property
    def rev(self) -> int:
        """The latest rev held here."""

    @property
    def oldest_rev(self) -> int:
        """The oldest rev that can still be read."""

    async def open(self) -> None:
        """Load what there is; nothing where that was done already. Raises StartError with a line for
        the operator."""

    async def close(self) -> None:
        """Finish what was accepted, refuse the rest, let go of everything. May be called twice."""

    async def latest(self) -> Snapshot:
        """A snapshot that has every write acknowledged before the call, by any replica."""

    def stale(self) -> Snapshot:
        """The latest snapshot held here, at once."""

    @property
    def age(self) -> float | None:
        """Seconds since what is held here was known to be the latest; None before the first load."""

    async def at(self, rev: int) -> Snapshot:
        """The snapshot at `rev`. Raises RevCompacted, RevInFuture."""

    async def journal_at(self, rev: int) -> Journal | None:
        """The journal of the latest commit at or before `rev`; None where none is kept. Raises
        RevCompacted, CoordinatorUnavailable: what cannot be read is not taken for none."""

    async def journals(self, after: int, limit: int) -> Sequence[Entry]:
        """Up to `limit` journal entries after `rev`, in order; nothing of commits that have none of their own
        (a lease's end, where nobody writes it). None only where there is none up to the rev held here when it
        was asked. Raises RevCompacted where one may be gone."""

    async def settle(self, at: datetime) -> Settled:
        """Have all commits from now on carry later times than `at`, as far as that can be had: where others
        write too, they may be a while behind. What the latest snapshot has not got once it returns will have
        a time after `until`, which may be before `at`. Raises CoordinatorUnavailable."""

    async def transact(self, rule: Rule, origin: Origin) -> Outcome:
        """Run the rule and commit what it wants; answered when it is durable. What the rule raises
        is raised here, once what it has read is durable. Raises CoordinatorUnavailable, StorageFull."""

    def alone(self) -> AbstractAsyncContextManager[Transact]:
        """Keeps all other writes of this process waiting: what is read meanwhile stays so until it is written
        by the `transact` that this gives, as far as other processes leave it. For a moment only."""

    async def commits(self, after: int, limit: int) -> Sequence[Commit]:
        """Up to `limit` commits after `rev`, in order; none only where there is none up to the rev held
        here when it was asked. Raises RevCompacted where one is gone."""

    async def wait(self, after: int) -> None:
        """Return as soon as there is a commit after `rev` (which may be at once)."""

    def when_broken(self, tell: Callable[[], None]) -> None:
        """Have `tell` called whenever it is found that what the coordinator has does not continue what was
        served. Whoever follows the history can not go on from where they are, even if the store does later:
        then it is from another beginning. Until then `latest`, `commits` and `transact` raise
        CoordinatorUnavailable, and `at` gives what is held, never what is stored now."""

    async def compact(self, rev: int) -> None:
        """Drop the history before `rev`. What is newer than the latest rev is not an error: it
        drops all but the latest."""

    def health(self) -> Health: ...

    def statistics(self) -> dict[str, float]:
        """Figures for the metrics: name -> value."""


def check_changes(changes: Changes) -> None:
    """Raises ValueError where a rule puts nothing, TooManyChanges or BodyTooLarge where it wants more than a
    coordinator takes at once."""
    count = len(changes.puts) + len(changes.deletes) + len(changes.prefixes)
    if count > MAX_CHANGES:
        raise TooManyChanges.of(count, MAX_CHANGES)
    size = 0
    for key, value in changes.puts.items():
        if not value:
            raise ValueError(f"a rule put nothing at {key!r}: an empty value means a deletion")
        if len(value) > MAX_VALUE:
            raise BodyTooLarge(f"This would take {len(value)} bytes: make it smaller.", limit=MAX_VALUE)
        size += len(value)
    if size > MAX_BYTES and len(changes.puts) > 1:
        raise TooManyChanges.of_bytes(count, size, MAX_BYTES)
