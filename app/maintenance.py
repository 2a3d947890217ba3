"""The task that has old things dropped, a little at a time."""

import asyncio
import gc
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from app.errors import RequestError
from app.models import keys
from app.registry import upkeep
from app.store.contract import Changes, Origin, Snapshot, Store

logger = logging.getLogger(__name__)

SURPLUS_SECONDS = 60.0
"""Between looks for proctypes with more than their share of ended entries: a count each."""

OLD_PASSES = 60
"""Looks for a surplus to one look at everything that may be old."""

_ORIGIN = Origin("visor", "upkeep")


async def run(store: Store) -> None:
    """Look around for ever. Ends by being cancelled."""
    passes = 0
    while True:
        await asyncio.sleep(SURPLUS_SECONDS)
        passes += 1
        try:
            await drop_surplus(store)
            if passes % OLD_PASSES == 1:
                await drop_old(store)
                # Rings of objects that lived long; nobody else looks for them: see `main.THRESHOLDS`.
                gc.collect()
        except RequestError as error:
            logger.warning("upkeep goes on later: %s", error.detail)


async def drop_surplus(store: Store) -> None:
    """Have each proctype keep its newest ended entries only."""
    while surplus := upkeep.too_many(store.stale()):
        await _drop(store, surplus)


async def drop_old(store: Store) -> None:
    """Have everything dropped whose time is over."""
    for term in (keys.ENDED, keys.IDEMPOTENCY):
        after: str | None = ""
        while after is not None:
            old, after = upkeep.page_of_old(store.stale(), datetime.now(UTC), term, after)
            if old:
                await _drop(store, old)
            await asyncio.sleep(0)  # a page at a time: requests go first


async def _drop(store: Store, old: Sequence[str]) -> None:
    def rule(snapshot: Snapshot, at: datetime) -> Changes:
        return upkeep.drop(snapshot, at, old)

    await store.transact(rule, _ORIGIN)
