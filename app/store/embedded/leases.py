"""Which keys live by a lease in this process, and until when; and the task that takes those away that end."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

from app.errors import RequestError
from app.store.contract import Changes, Outcome, Rule, Snapshot
from app.store.records import Commit, Origin, Record

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"""Between attempts to take a key away that could not be written."""


class Leases:
    """Deadlines on the monotonic clock: a wall clock that is set does not end a lease."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[str, tuple[float, int]] = {}
        self._changed = asyncio.Event()

    def hold(self, record: Record) -> None:
        """Start the lease of a key that was just put (or loaded: after a restart each gets its whole
        time again, for nobody could renew it meanwhile)."""
        if record.ttl is not None:
            self._held[record.key] = (self._clock() + record.ttl, record.ttl)
            self._changed.set()

    def follow(self, commit: Commit) -> None:
        """Start and end leases as the commit says."""
        for change in commit.changes:
            if change.before is not None and change.before.ttl is not None:
                self.drop(change.key)
            if change.after is not None and change.after.ttl is not None:
                self.hold(change.after)

    def clear(self) -> None:
        self._held.clear()
        self._changed.set()

    def renew(self, key: str) -> None:
        held = self._held.get(key)
        if held is not None:
            self._held[key] = (self._clock() + held[1], held[1])

    def drop(self, key: str) -> None:
        self._held.pop(key, None)

    def until(self, key: str) -> float | None:
        held = self._held.get(key)
        return held[0] if held else None

    def ended(self) -> list[tuple[str, float]]:
        """Keys whose time is over, with the deadline that passed."""
        now = self._clock()
        return [(key, until) for key, (until, _) in self._held.items() if until <= now]

    async def next_end(self) -> None:
        """Return when the earliest deadline is over."""
        while True:
            self._changed.clear()
            if not self._held:
                await self._changed.wait()
                continue
            left = min(until for until, _ in self._held.values()) - self._clock()
            if left <= 0:
                return
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                return


async def expire(
    leases: Leases,
    transact: Callable[[Rule, Origin], Awaitable[Outcome]],
    refusal: Callable[[], RequestError | None],
) -> None:
    """Take away the keys whose lease was not renewed, each in a commit of its own, for ever. `refusal` says
    whether nothing can be written anyway, which the log has said then."""
    while True:
        await leases.next_end()
        for key, until in leases.ended():
            try:
                await transact(_taking_away(leases, key, until), Origin("visor", "ttl"))
            except RequestError as error:
                if refusal() is None:
                    logger.warning("a lease ended but its key could not be removed yet: %s", error.detail)
                await asyncio.sleep(RETRY_SECONDS)


def _taking_away(leases: Leases, key: str, until: float) -> Rule:
    def rule(snapshot: Snapshot, at: datetime) -> Changes:
        # Renewed between the deadline and now: it lives on.
        if leases.until(key) != until or snapshot.get(key) is None:
            return Changes()
        return Changes(deletes={key})

    return rule
