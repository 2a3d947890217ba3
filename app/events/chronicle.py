"""The map between times and revs of one store, and the counts of commits over time. It follows the
journal."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import NamedTuple

from app.errors import RequestError, RevCompacted, TimeInFuture, TimeUnsettled
from app.events.time_index import Point, TimeIndex
from app.models.base import rfc3339
from app.models.commit import ASKED_KINDS, UPKEEP, asked_kind
from app.models.times import AskedTime
from app.store.contract import Store
from app.store.micros import micros, moment
from app.store.records import Journal

logger = logging.getLogger(__name__)

_READ = 4096
"""Entries that are read at a time: some milliseconds."""

PAUSE = 1.0
"""Seconds between looks for more, where nobody asks."""

_KINDS = {kind: number for number, kind in enumerate(ASKED_KINDS)}
_UPKEEP = _KINDS[UPKEEP]


SeenUpTo = Callable[[int], Awaitable[tuple[TimeIndex, int]]]
"""Gives the commits up to a rev that somebody may see, and the time after which all of them are there."""


class RevAtTime(NamedTuple):
    """The rev that was the latest at a time, and since when; and the first one after it, if there is one."""

    rev: int
    at: datetime
    following: Point | None


class Chronicle:
    """One for a store. What is asked of it waits until it has read the journal up to the present."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._index = TimeIndex()
        self._reading = asyncio.Lock()
        self._begun = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._store.when_broken(self._begin_anew)
        self._task = asyncio.create_task(self._follow(), name="visor-chronicle")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _begin_anew(self) -> None:
        self._index, self._begun = TimeIndex(), False

    async def _follow(self) -> None:
        while True:
            try:
                await self.catch_up()
            except RequestError as error:
                logger.info("the journal is read on in a moment: %s", error.detail)
            await asyncio.sleep(PAUSE)

    async def catch_up(self) -> None:
        """Have all entries that the store holds now. Raises CoordinatorUnavailable."""
        if self._begun and self._index.upto >= self._store.rev:
            return
        async with self._reading:
            wanted = self._store.rev
            while not self._begun or self._index.upto < wanted:
                index = self._index
                if not self._begun:
                    await self._begin(index)
                try:
                    entries = await self._store.journals(index.upto, _READ)
                except RevCompacted:
                    # The history has passed by what was read of it.
                    self._begin_anew()
                    continue
                if index is not self._index:
                    continue
                for rev, journal in entries:
                    index.add(rev, micros(journal.at), kind_of(journal))
                if not entries:
                    # What is left has no entries of its own, or is not of this registry.
                    index.upto = max(index.upto, wanted)
                if len(entries) == _READ:
                    await asyncio.sleep(0)
            self._index.forget_before(self._store.oldest_rev)

    async def _begin(self, index: TimeIndex) -> None:
        """With the commit that made the oldest snapshot, where there is one."""
        oldest = self._store.oldest_rev
        journal = await self._store.journal_at(oldest) if oldest else None
        if journal is not None:
            index.add(oldest, micros(journal.at), kind_of(journal))
        index.upto = oldest
        self._begun = index is self._index

    async def at(self, wanted: AskedTime) -> RevAtTime:
        """The rev that was the latest at the time. Raises RevCompacted, TimeInFuture, TimeUnsettled,
        CoordinatorUnavailable."""
        time = await self._settled(wanted)
        index, oldest = self._index, self._store.oldest_rev
        nearest = index.at(time)
        if nearest is None:
            first = index.first()
            beginning = "the history is empty" if first is None else f"it begins at {_text(first.time)}"
            raise RevCompacted(
                f"There is no history of that time: {beginning}.",
                oldest_rev=oldest,
                oldest_at=None if first is None else _text(first.time),
            )
        return RevAtTime(max(nearest.rev, oldest), moment(nearest.time), index.after(time))

    async def span(self, wanted: AskedTime) -> int:
        """As `at`, for who asks what came after: before the history it is its beginning."""
        try:
            return (await self.at(wanted)).rev
        except RevCompacted:
            return self._store.oldest_rev

    async def counts(
        self, start: AskedTime | None, end: AskedTime, buckets: int, seen: SeenUpTo | None = None
    ) -> tuple[int, list[int], list[dict[str, int]]]:
        """The rev up to which was counted, the edges of so many equal spans from the start (none: where the
        history begins) to the end, and how many commits were asked for in each, by kind. With `seen` only of
        those that are seen, and from no earlier than these are known."""
        begin = None if start is None else await self._settled(start)
        last = await self._settled(end)
        index = self._index
        if seen is not None:
            index, since = await seen(index.upto)
            begin = max(since, self._beginning(last), begin or 0)
        elif begin is None:
            begin = self._beginning(last)
        begin = min(begin, last)
        edges = [begin + (last - begin) * number // buckets for number in range(buckets + 1)]
        nearest = self._index.at(last)
        named = [
            {ASKED_KINDS[kind]: count for kind, count in sorted(counts.items()) if kind != _UPKEEP}
            for counts in index.counts(edges)
        ]
        return max(nearest.rev if nearest else 0, self._store.oldest_rev), edges, named

    def _beginning(self, otherwise: int) -> int:
        """The time after which the history's first commit was made."""
        first = self._index.first()
        if first is None:
            return otherwise
        # What the commit that made the oldest snapshot has changed is not kept.
        return first.time if first.rev <= self._store.oldest_rev else first.time - 1

    async def back(self, rev: int, entries: int) -> int:
        """A rev that so many commits, or some more, lie behind up to `rev`; not before the oldest."""
        await self.catch_up()
        return max(self._index.back(rev, entries), self._store.oldest_rev)

    async def back_to(self, rev: int, entries: int) -> Point:
        """As `back`, and since when that rev was the latest; 0 where nobody knows."""
        start = await self.back(rev, entries)
        return Point(start, self._index.time_of(start))

    async def _settled(self, wanted: AskedTime) -> int:
        """The time that is meant, once no commit can come at or before it any more, and all are here."""
        time = wanted.micros
        if wanted.ago:
            time = micros((await self._store.settle(_EARLIEST)).now) - time
        settled = await self._store.settle(moment(min(max(time, micros(_EARLIEST)), micros(_LATEST))))
        if time > micros(settled.now):
            now = rfc3339(settled.now)
            raise TimeInFuture(f"{_text_of(time)} has not come: it is {now} here.", now=now)
        if time > micros(settled.until) and not wanted.ago:
            until = rfc3339(settled.until)
            raise TimeUnsettled(
                f"Another replica may still commit at that time: ask for {until} or before.", settled_at=until
            )
        await self._store.latest()
        await self.catch_up()
        return min(time, micros(settled.until))


_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def _text_of(time: int) -> str:
    return _text(time) if time <= micros(_LATEST) else "That time"


def _text(time: int) -> str:
    return rfc3339(moment(time))


def kind_of(journal: Journal) -> int:
    """The number of what a commit was asked to change, as an index counts it."""
    return _KINDS[asked_kind(journal.actor, journal.request)]
