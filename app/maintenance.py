"""The task that drops old things, a little at a time."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from app.errors import RequestError
from app.models import keys
from app.models.instance import Status
from app.registry import idempotency, overdue, scale, upkeep
from app.registry.batch import BATCH
from app.registry.overdue import Limit, OverduePage
from app.store.contract import UNREADABLE, Changes, Snapshot, Store
from app.store.records import Origin, Record
from app.store.snapshots import scan

logger = logging.getLogger(__name__)

T = TypeVar("T")

SURPLUS_SECONDS = 60.0
"""Between looks for proctypes with more than their share of ended entries: a count each."""

USES_SECONDS = 60.0
"""Between commits that say which tokens were used, at most."""

OLD_PASSES = 60
"""Looks for a surplus to one look at everything that may be old."""

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between looks for instances that are too long in a status."""

LOOK = 1000
"""Records that are looked at in one go."""

_ORIGIN = Origin("visor", "upkeep")


async def run(store: Store) -> None:
    """Look around for ever. Ends by being cancelled."""
    passes = unreadable = 0
    while True:
        unreadable = tell_unreadable(store.stale(), unreadable)
        await asyncio.sleep(SURPLUS_SECONDS)
        passes += 1
        try:
            await drop_surplus(store)
            await drop_surplus_keys(store)
            await drop_ended_targets(store)
            if passes % OLD_PASSES == 1:
                await drop_old(store)
                # Rings of objects that lived long; nobody else looks for them: see `lifespan.THRESHOLDS`.
                gc.collect()
        except RequestError as error:
            logger.warning("upkeep goes on later: %s", error.detail)


async def write_uses(write: Callable[[], Awaitable[None]]) -> None:
    """Have it written down for ever which tokens are used. Ends by being cancelled."""
    while True:
        await asyncio.sleep(USES_SECONDS)
        try:
            await write()
        except RequestError as error:
            logger.warning("when tokens were used is written down later: %s", error.detail)


def tell_unreadable(snapshot: Snapshot, before: int) -> int:
    """Log how many keys cannot be read, where these are not as many as were told of."""
    count = snapshot.count(UNREADABLE)
    if count > 0 and count != before:
        named = ", ".join(record.key[:100] for record in scan(snapshot, UNREADABLE, limit=5))
        logger.warning(
            "%d keys of the store have values that another program wrote and that cannot be read: "
            "they are left out of all lists. DELETE removes those that can be named. The first: %s",
            count,
            named,
        )
    elif count != before:
        logger.warning("all keys of the store can be read again")
    return count


async def enforce(store: Store, limit: Limit) -> None:
    """Look for ever for instances that are too long in a status, as often as there may be one. Ends by
    being cancelled."""
    while True:
        try:
            pause = await act_on_overdue(store, limit)
        except RequestError as error:
            logger.warning("upkeep goes on later: %s", error.detail)
            pause = LONGEST_PAUSE
        await asyncio.sleep(pause)


async def act_on_overdue(store: Store, limit: Limit) -> float:
    """Do what the limit says with all that are over it now. Seconds until the next one may be: of those that
    are there the first, and who comes into the status later has all of the time before him."""
    began = datetime.now(UTC)
    earliest = began + limit.lifetime
    for status in limit.statuses:

        def read(after: str, status: Status = status) -> tuple[OverduePage, str | None]:
            page = overdue.page_of(store.stale(), datetime.now(UTC), limit, status, after)
            return page, page.following

        async for page in _pages(read):
            for start in range(0, len(page.over), limit.batch):
                await _act(store, limit, page.over[start : start + limit.batch])
            earliest = min(earliest, page.next_due or earliest)
    pause = (earliest - datetime.now(UTC)).total_seconds()
    # Not for each by itself: those that are due soon after one another go together.
    shortest = min(max(limit.lifetime.total_seconds() / 100, SHORTEST_PAUSE), LONGEST_PAUSE)
    return min(max(pause, shortest), LONGEST_PAUSE)


async def _act(store: Store, limit: Limit, over: Sequence[str]) -> None:
    def rule(snapshot: Snapshot, at: datetime) -> Changes:
        return limit.act(snapshot, at, over, limit.lifetime)

    await store.transact(rule, _ORIGIN)


async def _pages(read: Callable[[str], tuple[T, str | None]]) -> AsyncIterator[T]:
    """Page by page: `read` is given the key to go on after, and gives a page with the next such key, or None
    after the last page. Between two pages requests go first."""
    after: str | None = ""
    while after is not None:
        page, after = read(after)
        yield page
        await asyncio.sleep(0)


def _scanned(store: Store, term: str, after: str, limit: int) -> tuple[list[Record], str | None]:
    """A page of the records that carry a term."""
    page = scan(store.stale(), term, after=after, limit=limit)
    return page, page[-1].key if len(page) == limit else None


async def drop_surplus(store: Store) -> None:
    """Have each proctype keep its newest ended entries only."""
    while surplus := upkeep.too_many(store.stale()):
        await _drop(store, surplus)


async def drop_surplus_keys(store: Store) -> None:
    """Have no more idempotency records kept than there may be: the oldest go before their time."""
    if store.stale().count(keys.IDEMPOTENCY) <= idempotency.MAX_RECORDS:
        return
    seen: dict[str, int] = {}
    async for page in _pages(lambda after: _scanned(store, keys.IDEMPOTENCY, after, LOOK)):
        seen.update((record.key, record.rev) for record in page)
    surplus = list((await asyncio.to_thread(upkeep.keys_too_many, seen)).items())
    for start in range(0, len(surplus), upkeep.BATCH):
        old = dict(surplus[start : start + upkeep.BATCH])

        def rule(snapshot: Snapshot, at: datetime, old: dict[str, int] = old) -> Changes:
            return upkeep.drop_keys(snapshot, at, old)

        await store.transact(rule, _ORIGIN)


async def drop_ended_targets(store: Store) -> None:
    """Have targets of 0 dropped of which nothing is left."""
    async for page in _pages(lambda after: _scanned(store, keys.SCALES_TO_NONE, after, BATCH)):
        over = [record.key for record in page]

        def rule(snapshot: Snapshot, at: datetime, over: Sequence[str] = over) -> Changes:
            return scale.forget_ended(snapshot, at, over)

        if over:
            await store.transact(rule, _ORIGIN)


async def drop_old(store: Store) -> None:
    """Have everything dropped whose time is over."""
    for term in (keys.ENDED, keys.IDEMPOTENCY):

        def read(after: str, term: str = term) -> tuple[Sequence[str], str | None]:
            return upkeep.page_of_old(store.stale(), datetime.now(UTC), term, after)

        async for old in _pages(read):
            if old:
                await _drop(store, old)


async def _drop(store: Store, old: Sequence[str]) -> None:
    def rule(snapshot: Snapshot, at: datetime) -> Changes:
        return upkeep.drop(snapshot, at, old)

    await store.transact(rule, _ORIGIN)
