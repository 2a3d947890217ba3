"""Asking the cluster whether what is held is the latest. One request serves all who wait."""

import asyncio

from app.errors import CoordinatorUnavailable
from app.store.etcd_client import EtcdClient, EtcdError, prefix_end
from app.store.etcd_errors import cannot_ask
from app.store.etcd_follow import Follower
from app.store.etcd_layout import JOURNAL

SECONDS = 2.5
"""How long a read may take to be confirmed: an answer has to come within 3 s when etcd is away."""


class Confirmer:
    """Linearizable reads of what the history holds, as etcd's ReadIndex does them."""

    def __init__(self, client: EtcdClient, prefix: str, follower: Follower) -> None:
        self._client = client
        self._prefix = prefix
        self._follower = follower
        self._next: asyncio.Task[int] | None = None
        self._now: asyncio.Task[int] | None = None
        self.rounds = 0

    async def confirm(self) -> int:
        """Return when the history has all that was committed before this call: etcd's revision then.
        Raises CoordinatorUnavailable, within `SECONDS`."""
        # A request that is under way may have been answered before this call began: wait for the next.
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._now), name="visor-confirm")
            # Where all who waited have given up, nobody else asks how it ended.
            self._next.add_done_callback(_noted)
        try:
            async with asyncio.timeout(SECONDS):
                return await asyncio.shield(self._next)
        except TimeoutError:
            raise self._unconfirmed() from None

    async def _after(self, before: "asyncio.Task[int] | None") -> int:
        if before is not None:
            await asyncio.wait({before})
        self._now, self._next = self._next, None
        self.rounds += 1
        try:
            async with asyncio.timeout(SECONDS):
                return await self._ask()
        except EtcdError as error:
            raise cannot_ask(error) from error
        except TimeoutError as error:
            raise self._unconfirmed() from error

    def _unconfirmed(self) -> CoordinatorUnavailable:
        return CoordinatorUnavailable(
            f"What etcd has was not seen here within {SECONDS:g} s: ask again, or another replica."
        )

    async def _ask(self) -> int:
        journal = (self._prefix + JOURNAL).encode()
        found = await self._client.range(journal, keys_only=True)
        # Every commit of ours puts the journal again, so its revision is that of the last one..
        await self._follower.reach(found.kvs[0].mod_revision if found.kvs else 0)
        # ..but for keys that go with their lease.
        for prefix in self._follower.leased_prefixes:
            await self._reach_count(prefix, found.revision)
        return found.revision

    async def _reach_count(self, prefix: str, revision: int) -> None:
        """Wait for the keys below the prefix to be as many as at the revision: after the last journal
        entry before it there can only be fewer of them."""
        full = (self._prefix + prefix).encode()
        found = await self._client.range(full, prefix_end(full), count_only=True, revision=revision)
        while not self._follower.closing:
            history = self._follower.history
            if history.rev > revision or history.count(prefix, history.rev) == found.total:
                return
            await self._follower.news()

    async def close(self) -> None:
        for task in (self._now, self._next):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


def _noted(ended: "asyncio.Task[int]") -> None:
    if not ended.cancelled():
        ended.exception()
