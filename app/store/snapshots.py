"""Asking a snapshot: at once where it is in memory, in a thread where it waits for a disk."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from app.store.contract import Snapshot
from app.store.records import Record

T = TypeVar("T")


class Partial(list[Record]):
    """What was found up to the key `upto`, where to look at all the rest would take too long at once."""

    def __init__(self, records: Sequence[Record], upto: str) -> None:
        super().__init__(records)
        self.upto = upto


Find = Callable[[Snapshot, str, int], Sequence[Record]]
"""Finds records in a snapshot, by key: those after a key, at most so many. Less than that, and
not `Partial`, are all."""

_BESIDE = 128
"""Bytes of a record at most that are said beside its value: its revs, and what parts it from the next."""

_FIRST = 16
"""Records that are read from a disk before it is known how large they are."""


def scan(
    snapshot: Snapshot, term: str, *, after: str = "", limit: int | None = None, reverse: bool = False
) -> list[Record]:
    """The records that carry a term: `Snapshot.find` with one group of one."""
    return snapshot.find(((term,),), after=after, limit=limit, reverse=reverse)


async def ask(snapshot: Snapshot, query: Callable[[Snapshot], T]) -> T:
    """The query's answer. It is a pure function of the snapshot."""
    if snapshot.blocking:
        return await asyncio.to_thread(query, snapshot)
    return query(snapshot)


def kept_length(records: Sequence[Record]) -> int:
    """Bytes of what is kept of records."""
    return sum([len(record.value) for record in records])


async def find_page(
    snapshot: Snapshot,
    find: Find,
    after: str,
    limit: int,
    size: int,
    length_of: Callable[[Sequence[Record]], int] = kept_length,
) -> tuple[list[Record], bool]:
    """What `find` finds after a key, and whether there is more: at most `limit` records that take at
    most `size` bytes, but at least one. `length_of` is given all that is found, in its order, and says how
    many bytes it takes, at least those that are kept of it."""
    records: list[Record] = []
    length, step = 0, _FIRST if snapshot.blocking else limit + 1
    while True:
        step = min(step, limit + 1 - len(records))
        if snapshot.blocking:
            read = await asyncio.to_thread(find, snapshot, after, step)
        else:
            read = find(snapshot, after, step)
        records += read
        length += length_of(read)
        if (len(read) < step and not isinstance(read, Partial)) or len(records) > limit or length > size:
            return _cut(records, length, limit, size)
        after = read.upto if isinstance(read, Partial) else records[-1].key
        if snapshot.blocking and records:
            # As many as there should be room for: a page of large records must not be read into memory whole.
            step = max(_FIRST, (size - length) * len(records) // length)
        elif not snapshot.blocking:
            step = limit + 1
            await asyncio.sleep(0)  # others have their turn


def _cut(records: list[Record], length: int, limit: int, size: int) -> tuple[list[Record], bool]:
    if length + _BESIDE * len(records) <= size:
        return records[:limit], len(records) > limit
    page: list[Record] = []
    for record in records[:limit]:
        size -= len(record.value) + _BESIDE
        if size < 0 and page:
            break
        page.append(record)
    return page, len(records) > len(page)
