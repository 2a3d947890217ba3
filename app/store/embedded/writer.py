"""The writing half of the embedded store: one writer, many requests to one fsync.

Requests hand in rules. The writer takes all that wait as one group, runs them one after the other on
a draft over the latest snapshot, and gives the group's commits to a log in a thread. Only when the
log says that they are durable do they become history, and only then is anyone answered: the
refused too, for what they were refused by was in the draft.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from app.errors import CoordinatorUnavailable, RequestError, StorageFull
from app.store.clock_watch import ClockWatch
from app.store.contract import Outcome, Rule, Transact
from app.store.embedded import recovery
from app.store.embedded.group import CommitGroup, WaitingRule
from app.store.embedded.held import Held
from app.store.embedded.leases import Leases
from app.store.embedded.log import Log, LogBroken, LogMoved
from app.store.embedded.log_thread import LogThread
from app.store.embedded.recovery import FULL, SLOW, GiveUp, Recovery, unknown
from app.store.history_size import Mark
from app.store.overlay import Draft
from app.store.records import Commit, Origin
from app.store.timings import LogTimings

logger = logging.getLogger(__name__)

GROUP = 256
"""Rules in one group: bounds how long the event loop runs rules without a pause."""


_MOMENT = timedelta(microseconds=1)


def _wait_on(failure: RequestError) -> None:
    """Where no caller waits."""


class EmbeddedWriter:
    """Runs rules and commits what they want. A commit that takes more than `patience` seconds is one whose
    outcome is unknown to its callers."""

    def __init__(
        self,
        log: Log,
        held: Held,
        leases: Leases,
        rescue: Recovery,
        thread: LogThread,
        clock: Callable[[], datetime],
        *,
        patience: float,
        timings: LogTimings,
    ) -> None:
        self._log = log
        self._held = held
        self._leases = leases
        self._recovery = rescue
        self._thread = thread
        self._clock = clock
        self._patience = patience
        self._timings = timings
        self._clock_watch = ClockWatch()
        self._floor: datetime | None = None
        self._queue: deque[WaitingRule] = deque()
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._until_room: asyncio.Task[None] | None = None
        self._closing = False
        self.groups = 0
        self.committed = 0
        rescue.refuse_waiting = self._refuse_waiting

    async def transact(self, rule: Rule, origin: Origin) -> Outcome:
        refusal = self._recovery.refusal()
        if refusal is not None:
            raise refusal
        waiting = WaitingRule(rule, origin, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._wake.set()
        # A caller that goes away takes nothing back: its rule is run, and nobody told.
        return await waiting.answer

    def raise_floor(self, at: datetime) -> bool:
        """Have rules that run from now on commit at later times than `at`. Whether a commit that is not
        history yet may have an earlier one."""
        last = self._held.last
        if last is not None and at < last.at:
            return False  # times do not go back
        self._floor = max(self._floor or at, at)
        return True

    def _after_floor(self) -> datetime:
        """The clock's time, or the first one that is after the floor."""
        now = self._clock()
        return now if self._floor is None else max(now, self._floor + _MOMENT)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[Transact]:
        """As `Store.alone`."""
        async with self._turn:
            yield self._transact_now

    async def _transact_now(self, rule: Rule, origin: Origin) -> Outcome:
        """As `transact`, for the caller that has the turn."""
        refusal = self._recovery.refusal()
        if refusal is not None:
            raise refusal
        waiting = WaitingRule(rule, origin, asyncio.get_running_loop().create_future())
        writing = asyncio.create_task(self._write_group([waiting]))
        try:
            await asyncio.shield(writing)
        finally:
            # A caller that goes away takes nothing back, and has the turn until what was begun is finished.
            await asyncio.wait([writing])
        return await waiting.answer

    async def run(self) -> None:
        """Write for ever; what waits when the writer is closed is written still."""
        while True:
            await self._wake.wait()
            while self._queue:
                # Writes that wait for the turn stay in the queue: where it is found meanwhile that nothing
                # can be written, they are refused there.
                async with self._turn:
                    # A write that was made alone meanwhile may have had them refused.
                    await self._write_group(
                        [self._queue.popleft() for _ in range(min(GROUP, len(self._queue)))]
                    )
            self._wake.clear()
            if self._closing:
                return

    def close(self) -> None:
        self._closing = True
        self._wake.set()
        if self._until_room is not None:
            self._until_room.cancel()

    async def _write_group(self, waiting: Sequence[WaitingRule]) -> None:
        try:
            await self._write(waiting)
        except Exception:
            # Whatever it is: a writer that ended in silence would keep all who write waiting for ever.
            logger.exception("the writer failed")
            for write in waiting:
                if not write.answer.done():
                    write.answer.set_exception(unknown("The store failed while it wrote"))

    async def _write(self, waiting: Sequence[WaitingRule]) -> None:
        held = self._held
        group = CommitGroup(
            Draft(held.history), held.last, self._after_floor, self._clock_watch, self._leases.renew
        )
        for write in waiting:
            await group.run(write)
        failure = None
        if group.commits:
            oldest, marks = held.with_more(group.commits)
            failure = await self._keep(group.commits, oldest, group.answer, marks)
        group.answer(failure)

    async def append(self, commits: Sequence[Commit], oldest: int) -> RequestError | None:
        """Make the commits durable and then history; the error to answer with where that failed."""
        # One at a time, until its end: a compaction must not see a log that is being opened again.
        async with self._turn:
            return await self._keep(commits, oldest, _wait_on)

    async def _keep(
        self, commits: Sequence[Commit], oldest: int, give_up: GiveUp, marks: Sequence[Mark] = ()
    ) -> RequestError | None:
        """The same for the caller that has the turn. `give_up` is told the error where it is not known yet
        how long it will take to find out."""
        try:
            await self._append(commits, oldest, marks, give_up)
        except StorageFull as error:
            self._recovery.troubles.begin(FULL, error.detail.rstrip("."))
            if self._until_room is None or self._until_room.done():
                self._until_room = asyncio.create_task(self._await_room(), name="visor-room")
            return error
        except Exception as error:
            # LogBroken, LogMoved, or what the log did not foresee: neither says what was kept.
            expected = isinstance(error, LogBroken | LogMoved)
            logger.error("the log failed: %s", error, exc_info=not expected)
            return await self._recovery.find_out(error, commits, give_up)
        self._recovery.troubles.end(FULL)
        if self._log.untidy:
            # In the log's thread, before what is appended next; whose commits these are need not wait.
            self._thread.submit(self._log.tidy)
        await self._publish(commits, oldest)
        return None

    async def _append(
        self, commits: Sequence[Commit], oldest: int, marks: Sequence[Mark], give_up: GiveUp
    ) -> None:
        """Have the log keep them, however long it takes: a disk that hangs cannot be told to stop."""
        loop = asyncio.get_running_loop()
        patience = loop.call_later(self._patience, self._tell_slow, give_up)
        appending = self._thread.run(self._log.append, commits, oldest, marks)
        try:
            with self._timings.append.time():
                await appending
        finally:
            patience.cancel()
            if not appending.cancelled():
                self._recovery.troubles.end(SLOW)

    def _tell_slow(self, give_up: GiveUp) -> None:
        self._recovery.troubles.begin(
            SLOW,
            f"a commit has not come to the disk within {self._patience:g} s: look at the disk; "
            "writes are refused until it has",
        )
        give_up(unknown("The store's disk did not answer in time"))
        self._refuse_waiting()

    async def _await_room(self) -> None:
        """Try the log until it has room. While the store is not ready, it may be that nobody else does."""
        while FULL in self._recovery.troubles:
            await asyncio.sleep(recovery.REOPEN_SECONDS)
            await self.append([], self._held.oldest)

    async def watch_place(self) -> None:
        """Look again and again whether the log is where it was: for when nobody writes."""
        while True:
            await asyncio.sleep(recovery.REOPEN_SECONDS)
            async with self._turn:
                try:
                    await self._thread.run(self._log.check)
                except LogMoved as error:
                    logger.error("the log failed: %s", error)
                    await self._recovery.find_out(error, (), _wait_on)

    async def _publish(self, commits: Sequence[Commit], oldest: int) -> None:
        await self._held.publish(commits, oldest)
        for commit in commits:
            self._leases.follow(commit)
        if commits:
            self.groups += 1
            self.committed += len(commits)

    def _refuse_waiting(self) -> None:
        refusal = self._recovery.refusal() or CoordinatorUnavailable(
            "The store is closing. Nothing was written; ask another replica."
        )
        while self._queue:
            waiting = self._queue.popleft()
            if not waiting.answer.done():
                waiting.answer.set_exception(refusal)
