"""Asking the cluster whether what is held is the latest. One request serves all who wait."""

import asyncio
import time
from collections import deque

from app.errors import CoordinatorUnavailable
from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import (
    Compacted,
    EtcdError,
    NotDone,
    RevisionWentBack,
    WatchLost,
    WrongCluster,
    cannot_ask,
)
from app.store.etcd.client.requests import prefix_end
from app.store.etcd.continuity import Continuity
from app.store.etcd.follower import Follower
from app.store.etcd.layout import JOURNAL

SECONDS = 2.5
"""How long a read may take to be confirmed: an answer has to come within 3 s when etcd is away."""

LOOK_SECONDS = 0.5
"""How long it may take to see why."""


def _unconfirmed() -> CoordinatorUnavailable:
    return CoordinatorUnavailable(
        f"What etcd has was not seen here within {SECONDS:g} s: ask again, or another replica."
    )


class _Waiting:
    """The calls that wait for one request, each up to a deadline of its own; all with one timer: there may be
    thousands of them a second."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._futures: deque[tuple[float, asyncio.Future[int]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def join(self) -> "asyncio.Future[int]":
        future: asyncio.Future[int] = self._loop.create_future()
        until = self._loop.time() + SECONDS
        self._futures.append((until, future))
        if self._timer is None:
            self._timer = self._loop.call_at(until, self._end_some)
        return future

    def _end_some(self) -> None:
        """Tell those whose time is over; the others go on waiting."""
        now = self._loop.time()
        while self._futures and self._futures[0][0] <= now:
            self._end(self._futures.popleft()[1], _unconfirmed())
        self._timer = self._loop.call_at(self._futures[0][0], self._end_some) if self._futures else None

    def end(self, how: int | Exception) -> None:
        """Tell all."""
        if self._timer is not None:
            self._timer.cancel()
        for _, future in self._futures:
            self._end(future, how)

    @staticmethod
    def _end(future: "asyncio.Future[int]", how: int | Exception) -> None:
        if future.done():
            return
        if isinstance(how, Exception):
            future.set_exception(how)
        else:
            future.set_result(how)


class Confirmer:
    """Linearizable reads of what the history holds, as etcd's ReadIndex does them."""

    def __init__(self, client: EtcdClient, prefix: str, follower: Follower, continuity: Continuity) -> None:
        self._client = client
        self._continuity = continuity
        self._prefix = prefix
        self._follower = follower
        self._next: _Waiting | None = None
        self._asking: asyncio.Task[None] | None = None
        self.rounds = 0
        # What is loaded at the start, after this, is not older.
        self.confirmed_at = time.monotonic()

    async def confirm(self) -> int:
        """Return when the history has all that was committed before this call: etcd's revision then.
        Raises CoordinatorUnavailable, within `SECONDS`."""
        # A request that is under way may have been answered before this call began: wait for the next.
        if self._next is None:
            self._next = _Waiting(asyncio.get_running_loop())
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask_on(), name="visor-confirm")
        return await self._next.join()

    async def _ask_on(self) -> None:
        """Ask, one request after the other, as long as somebody waits."""
        while (waiting := self._next) is not None:
            self._next = None
            self.rounds += 1
            how: int | Exception = _unconfirmed()
            try:
                how = await self._ask_in_time()
            except EtcdError as error:
                if isinstance(error, WrongCluster | RevisionWentBack):
                    self._follower.distrust(error)
                how = cannot_ask(error)
                how.__cause__ = error
            except Exception as error:
                how = error
            finally:
                # Also when this is cancelled.
                waiting.end(how)

    async def _ask_in_time(self) -> int:
        before = self._follower.history.rev
        try:
            async with asyncio.timeout(SECONDS):
                return await self._ask()
        except TimeoutError:
            # Nothing waits for this request any more: the calls that did have been told.
            await self._look_for_a_hole(before)
            raise _unconfirmed() from None

    async def _ask(self) -> int:
        if self._continuity.lost:
            raise NotDone("what etcd has does not continue what was served")
        began = time.monotonic()
        journal = (self._prefix + JOURNAL).encode()
        highest = self._continuity.highest
        answer = await self._client.range(journal, keys_only=True)
        if answer.revision < highest:
            raise RevisionWentBack(f"etcd is at revision {answer.revision} and was at {highest}")
        self._continuity.saw(answer.revision)
        # Every commit of ours puts the journal again, so its revision is that of the last one..
        await self._follower.reach(answer.kvs[0].mod_revision if answer.kvs else 0)
        # ..but for keys that go with their lease.
        for prefix in self._follower.leased_prefixes:
            await self._reach_count(prefix, answer.revision)
        self.confirmed_at = began
        return answer.revision

    async def _reach_count(self, prefix: str, revision: int) -> None:
        """Wait for the keys below the prefix to be as many as at the revision: after the last journal
        entry before it there can only be fewer of them."""
        total = await self._count(prefix, revision)
        while not self._follower.closing:
            history = self._follower.history
            if self._follower.watched > revision or history.count_below(prefix, history.rev) == total:
                return
            await self._follower.news()

    async def _count(self, prefix: str, revision: int, within: float | None = None) -> int:
        full = (self._prefix + prefix).encode()
        answer = await self._client.range(
            full, prefix_end(full), count_only=True, revision=revision, within=within
        )
        return answer.total

    async def _look_for_a_hole(self, before: int) -> None:
        """What etcd has did not come; `before` is what the history had when it was asked for. That the watch
        has left it out shows by itself as soon as something comes that does not fit. Until then nothing
        could be read here."""
        history = self._follower.history
        rev, revision = history.rev, self._follower.watched
        held = {prefix: history.count_below(prefix, rev) for prefix in self._follower.leased_prefixes}
        try:
            there = {prefix: await self._count(prefix, revision, LOOK_SECONDS) for prefix in held}
        except Compacted as error:
            self._follower.distrust(error)
        except EtcdError:
            return
        else:
            if there != held:
                self._follower.distrust(EtcdError(f"the watch has left out what became of {list(held)}"))
            elif rev == before:
                self._follower.distrust(WatchLost("it has not brought what etcd has"))

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        if self._next is not None:
            self._next.end(_unconfirmed())
