"""A group of commits as one etcd transaction.

What is larger than etcd's 128 operations is nested: guards and inner transactions above, the operations in
the inner ones. Guards stand above only, so that one that does not hold keeps all from being done.
"""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.errors import TooManyChanges
from app.store.contract import MAX_CHANGES, Fences
from app.store.etcd.client.requests import Compare, Delete, Get, Op, Put, Txn, prefix_end
from app.store.etcd.group import TransactionGroup
from app.store.etcd.layout import JOURNAL, RevisionJournal, entry_value, is_bare, stamped
from app.store.etcd.read_set import Guards
from app.store.etcd.revs import index_of, revision_of
from app.store.records import Record
from app.store.steps import STEP

FLAT = 128
"""Operations of a transaction, and guards."""

NESTED = 64
"""Guards and inner transactions of a nested one, and operations of each inner one: what etcd takes at one
level it takes off from what is allowed at the next."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """`entry` is what the journal is told, in its value `journal`: by it the commits are known when the
    answer was lost. `failure` is what is asked for where a guard does not hold."""

    entry: RevisionJournal
    journal: bytes
    compares: list[Compare]
    operations: list[Op]
    failure: list[Op]


class Sums(NamedTuple):
    """Of all commits before: how many bytes they took, and how many they were."""

    total: int
    commits: int


def building(
    group: TransactionGroup,
    prefix: str,
    fences: Fences,
    sums: Sums,
    guards: Sequence[Compare],
    leases: dict[str, int],
) -> Generator[None, None, Transaction]:
    """The transaction, made in steps. `guards` are further ones. Raises TooManyChanges."""

    def full(key: str) -> bytes:
        return (prefix + key).encode()

    operations: list[Op] = []
    for number, (key, after) in enumerate(group.finals.items(), start=1):
        if after.value:
            operations.append(_put(full(key), key, after, leases))
        elif group.guards.keys.get(key) is not None:
            operations.append(Delete(full(key)))
        if number % STEP == 0:
            yield
    if group.prefixes:
        kept = sorted(full(key) for key, after in group.finals.items() if not after.deleted)
        operations += [gap for below in sorted(group.prefixes) for gap in _gaps(full(below), kept)]
    for fence, stays in group.fences.items():
        operations.append(Put(full(fence), b"1") if stays else Delete(full(fence)))
    entry = group.entry(*sums)
    journal = entry_value(entry)
    operations.append(Put(full(JOURNAL), journal))
    flat = len(operations) <= FLAT
    most = (FLAT if flat else NESTED) - len(guards)
    compares = [*guards, *_compares(group.guards, prefix, group.revision, fences, most)]
    if not flat:
        operations = [Txn(success=operations[at : at + NESTED]) for at in range(0, len(operations), NESTED)]
    if max(len(compares), len(operations)) > (FLAT if flat else NESTED):
        raise TooManyChanges.of(len(group.finals), MAX_CHANGES)
    return Transaction(entry, journal, compares, operations, [Get(full(JOURNAL), keys_only=True)])


def _put(full: bytes, key: str, after: Record, leases: dict[str, int]) -> Put:
    if is_bare(key):
        return Put(full, after.value)
    value = stamped(after.value, index_of(after.rev), index_of(after.created_rev))
    return Put(full, value, lease=leases.get(key, 0))


def _gaps(prefix: bytes, kept: Sequence[bytes]) -> Iterator[Delete]:
    """Deletions of all below the prefix but the kept keys: etcd takes no transaction that puts a key
    and deletes a range around it."""
    start, end = prefix, prefix_end(prefix)
    for key in kept:
        if start <= key < end:
            if start < key:
                yield Delete(start, key)
            start = key + b"\0"
    yield Delete(start, end)


# Guards


def _compares(guards: Guards, prefix: str, revision: int, fences: Fences, most: int) -> list[Compare]:
    """That nothing of what is guarded has changed since the revision, in at most so many compares, where that
    can be."""
    if len(guards) > most:
        guards = _without_covered(guards, fences)
    summed = _Ranges(guards, fences)
    if len(guards) > most:
        for parent_of in (_parent, _kind):
            summed.sum_up(parent_of, most)

    def full(key: str) -> bytes:
        return (prefix + key).encode()

    compares = [
        Compare(full(key), "mod_revision", "=", revision_of(record.rev) if record else 0)
        for key, record in summed.guards.keys.items()
    ]
    # Of a key that is not there any more this sees nothing.
    compares += [
        Compare(full(start), "mod_revision", "<", revision + 1, end) for start, end in summed.ranges(full)
    ]
    return compares


def _without_covered(guards: Guards, fences: Fences) -> Guards:
    """The same, without keys whose fence is guarded."""
    fewer = guards.copy()
    for key in guards.keys:
        fence = fences.of_key(key)
        if fence is not None and fence != key and (fence in guards.keys or _parent(fence) in guards.ranges):
            del fewer.keys[key]
    return fewer


def _parent(key: str) -> str:
    return key[: key.rfind("/") + 1]


def _kind(key: str) -> str:
    return key[: key.find("/") + 1]


class _Ranges:
    """Guards, of which many keys are put into a range each."""

    def __init__(self, guards: Guards, fences: Fences) -> None:
        self.guards = guards.copy()
        self._fences = fences
        self._spans: dict[str, tuple[str, str]] = {}
        """Below a prefix, the first key and the last."""

    def sum_up(self, parent_of: Callable[[str], str], most: int) -> None:
        below: dict[str, list[str]] = defaultdict(list)
        for key in self.guards.keys:
            below[parent_of(key)].append(key)
        for parent, keys in sorted(below.items(), key=lambda each: -len(each[1])):
            if len(self.guards) + len(self._spans) <= most or len(keys) == 1 or not parent:
                return
            records = [self.guards.keys.pop(key) for key in keys]
            if is_bare(parent):
                self.guards.ranges.add(parent)
                continue
            first, last = self._spans.get(parent, (keys[0], keys[0]))
            self._spans[parent] = min(first, *keys), max(last, *keys)
            self._see_deletions(record for record in records if record is not None)

    def _see_deletions(self, records: Iterable[Record]) -> None:
        """A range does not see that a key has gone: what stands for the sets that it was in does."""
        for term in {term for record in records for term in record.terms}:
            fence = self._fences.of_term(term)
            if fence is not None:
                self.guards.add_fence(fence)

    def ranges(self, full: Callable[[str], bytes]) -> Iterator[tuple[str, bytes]]:
        for prefix in self.guards.ranges:
            yield prefix, prefix_end(full(prefix))
        for first, last in self._spans.values():
            yield first, full(last) + b"\0"
