"""What a rule has read and wants, as one etcd transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import uuid4

from app.store.contract import Changes, Fence, Index, Journal, Record
from app.store.etcd.client.client import Compare, Delete, Op, Put, prefix_end
from app.store.etcd.layout import FENCE, JOURNAL, journal_value
from app.store.etcd.read_set import Recording


@dataclass(frozen=True, slots=True)
class Transaction:
    """`id` stands in the journal entry: by it the commit is known when its answer was lost."""

    id: str
    compares: list[Compare]
    operations: list[Op]

    @property
    def keys(self) -> tuple[set[bytes], set[bytes]]:
        """Those that it guards, and those that it writes, but for the journal, which every one writes
        last. (Of a range that is deleted only the first.)"""
        written = {operation.key for operation in self.operations[:-1] if isinstance(operation, Put | Delete)}
        return {compare.key for compare in self.compares}, written


def transaction(
    prefix: str,
    read: Recording,
    changes: Changes,
    journal: Journal,
    leases: dict[str, int],
    index: Index,
    fence: Fence,
    total: int = 0,
    guards: Sequence[Compare] = (),
) -> Transaction:
    """Guards on everything that was read or is written, then the changes, the fences, the journal. `total`
    goes into the journal's entry; `guards` are further ones."""

    def full(key: str) -> bytes:
        return (prefix + key).encode()

    fences: dict[str, None] = {}
    for key in (*changes.puts, *changes.deletes):
        before = read.get(key)
        value = changes.puts.get(key)
        own = key.startswith(FENCE)  # the store's own: nobody looks for it
        after = set(index(key, value)) if value is not None and not own else set()
        for term in after.symmetric_difference(before.terms if before else ()):
            named = fence(term)
            if named is not None and named.startswith(FENCE):
                fences[named] = None
    compares = [*guards]
    compares += [
        Compare(full(key), "mod_revision", "=", record.rev if record else 0)
        for key, record in read.keys.items()
    ]
    id = uuid4().hex
    operations: list[Op] = [
        Put(full(key), value, lease=leases.get(key, 0)) for key, value in changes.puts.items()
    ]
    operations += [Delete(full(key)) for key in changes.deletes if key not in changes.puts]
    kept = sorted(full(key) for key in changes.puts)
    operations += [gap for one in changes.prefixes for gap in _gaps(full(one), kept)]
    operations += [Put(full(key), b"1") for key in fences]
    operations.append(Put(full(JOURNAL), journal_value(journal, id, total)))
    return Transaction(id, compares, operations)


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


def written(key: str, read: Recording, changes: Changes, rev: int, lease: int, index: Index) -> Record | None:
    """The key's record after the commit, without waiting for it to come back by the watch."""
    value = changes.puts.get(key)
    before = read.keys.get(key)
    if value is None:
        return None if key in changes.deletes else before
    created = before.created_rev if before else rev
    return Record(key, value, created, rev, changes.ttls.get(key), index(key, value), lease=lease)
