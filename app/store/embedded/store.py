"""The embedded store: one process, one history in memory, and a log below it.

Four parts: this one, which reads and wires; the writer (`writer.py`), by which all commits go; the recovery
(`recovery.py`), which has a drawing of the store's states; and the leases (`leases.py`). What they share is
what is held in memory (`held.py`).
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime

from app.errors import CoordinatorUnavailable, RevCompacted, RevInFuture
from app.store.clock_watch import SYSTEM_CLOCK, seconds_ahead
from app.store.contract import Changes, Health, Index, Outcome, Rule, Settled, Snapshot, Transact
from app.store.embedded.held import Held
from app.store.embedded.leases import Leases, expire
from app.store.embedded.log import Log
from app.store.embedded.log_thread import LogThread
from app.store.embedded.recovery import Recovery
from app.store.embedded.writer import EmbeddedWriter
from app.store.records import Commit, Entry, Journal, Origin
from app.store.timings import LogTimings
from app.store.troubles import lost_error
from app.store.window import Window

logger = logging.getLogger(__name__)

COMMIT_SECONDS = 2.5
"""After which a commit that is not on the disk is one whose outcome is unknown."""


class EmbeddedStore:
    """A store in this process, on a log. See `Store` for what its methods promise."""

    def __init__(
        self,
        log: Log,
        index: Index,
        *,
        history: int,
        history_bytes: int | None = None,
        memory_revs: int,
        memory_bytes: int | None = None,
        clock: Callable[[], datetime] = SYSTEM_CLOCK,
        commit_timeout: float = COMMIT_SECONDS,
    ) -> None:
        self.timings = LogTimings()
        window = Window(min(history, memory_revs), memory_bytes)
        self._log = log
        self._clock = clock
        self._patience = commit_timeout
        self._held = Held(index, window, history, history_bytes)
        self._leases = Leases()
        self._log_thread = LogThread("visor-log")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="visor-archive")
        self._recovery = Recovery(log, index, window, self._held, self._leases, self._log_thread)
        self._troubles = self._recovery.troubles
        self._writer = EmbeddedWriter(
            log,
            self._held,
            self._leases,
            self._recovery,
            self._log_thread,
            clock,
            patience=commit_timeout,
            timings=self.timings,
        )
        self._writing: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False

    @property
    def rev(self) -> int:
        return self._held.history.rev

    @property
    def oldest_rev(self) -> int:
        return self._held.oldest

    # Opening and closing

    async def open(self) -> None:
        if self._writing is not None:
            return
        await self._recovery.open()
        self._writing = asyncio.create_task(self._writer.run(), name="visor-writer")
        self._tasks = [
            asyncio.create_task(
                expire(self._leases, self.transact, self._recovery.refusal), name="visor-leases"
            ),
            asyncio.create_task(self._writer.watch_place(), name="visor-place"),
        ]

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._held.close()
        self._recovery.close()
        self._writer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        loop = asyncio.get_running_loop()
        if self._writing is not None and not await self._written():
            return
        await loop.run_in_executor(self._reader, lambda: None)
        await self._log_thread.run(self._log.close)
        self._log_thread.end()
        self._log_thread.join()
        self._reader.shutdown()

    async def _written(self) -> bool:
        """Whether all that was accepted is written. A disk that hangs cannot be waited for."""
        assert self._writing is not None
        done, _ = await asyncio.wait({self._writing}, timeout=2 * self._patience)
        if not done:
            logger.error("closed with a commit on its way to the disk: the next start finds out what is kept")
            self._writing.cancel()
            self._log_thread.submit(self._log.close)  # once the disk answers
            self._log_thread.end()
            self._reader.shutdown(wait=False)
        return bool(done)

    def when_broken(self, tell: Callable[[], None]) -> None:
        self._recovery.when_broken(tell)

    # Reading

    async def latest(self) -> Snapshot:
        # One process: what was acknowledged is in the history, so the newest held is the newest.
        if self._troubles.lost:
            raise lost_error()
        return self.stale()

    def stale(self) -> Snapshot:
        history = self._held.history
        return history.snapshot(history.rev)

    @property
    def age(self) -> float | None:
        return None if self._writing is None else self._recovery.lost_for

    async def at(self, rev: int) -> Snapshot:
        if rev > self.rev:
            if self._troubles.lost:
                raise lost_error()
            raise RevInFuture.beyond(rev, self.rev)
        self._check_kept(rev)
        if rev >= self._held.history.floor:
            return self._held.history.snapshot(rev)
        if self._troubles.lost:
            raise lost_error()
        return self._log.snapshot(rev)

    def _check_kept(self, rev: int) -> None:
        if rev < self._held.oldest:
            raise RevCompacted.before(self._held.oldest)

    async def journal_at(self, rev: int) -> Journal | None:
        commit = self._held.history.last_commit(rev)
        if commit is not None:
            return commit.journal
        if rev >= self.rev:
            return self._held.last
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._log.journal_at, rev)

    async def journals(self, after: int, limit: int) -> Sequence[Entry]:
        if self._troubles.lost:
            raise lost_error()
        self._check_kept(after)
        if after >= self._held.history.floor:
            return [
                Entry(commit.rev, commit.journal) for commit in self._held.history.commits_after(after, limit)
            ]
        loop = asyncio.get_running_loop()
        entries = await loop.run_in_executor(self._reader, self._log.journals, after, limit)
        self._check_kept(after)  # as with commits
        return entries

    async def settle(self, at: datetime) -> Settled:
        now = self._clock()
        at = min(at, now)
        if self._writer.raise_floor(at):
            # A commit that is on its way may have an earlier time: what comes after it has not.
            await self.transact(lambda snapshot, at: Changes(), Origin("visor", "settle"))
        return Settled(now, at)

    async def commits(self, after: int, limit: int) -> Sequence[Commit]:
        if self._troubles.lost:
            raise lost_error()
        self._check_kept(after)
        if after >= self._held.history.floor:
            return self._held.history.commits_after(after, limit)
        loop = asyncio.get_running_loop()
        commits = await loop.run_in_executor(self._reader, self._log.commits, after, limit)
        self._check_kept(after)  # it may have been dropped while it was read
        return commits

    async def wait(self, after: int) -> None:
        await self._held.wait(after)

    def health(self) -> Health:
        if self._writing is None:
            return Health(False, "the store is not open yet")
        return Health(not self._troubles, self._troubles.reason)

    def statistics(self) -> dict[str, float]:
        last = self._held.last
        return {
            "rev": self.rev,
            "oldest_rev": self._held.oldest,
            "history_bytes": self._held.bytes_kept,
            "groups_total": self._writer.groups,
            "commits_total": self._writer.committed,
            "ready": float(self.health().ready),
            "clock_ahead_seconds": seconds_ahead(self._clock(), last.at if last else None),
            **self._held.history.statistics(),
            **self._log.statistics(),
        }

    # Writing

    async def transact(self, rule: Rule, origin: Origin) -> Outcome:
        self._check_open()
        began = time.perf_counter()
        try:
            return await self._writer.transact(rule, origin)
        finally:
            self.timings.commit.observe(time.perf_counter() - began)

    def _check_open(self) -> None:
        if self._closing or self._writing is None:
            raise CoordinatorUnavailable("The store is closing. Nothing was written; ask another replica.")

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[Transact]:
        self._check_open()
        async with self._writer.alone() as transact:
            yield transact

    async def compact(self, rev: int) -> None:
        if self._troubles.lost:
            raise lost_error()
        failure = await self._writer.append([], max(self._held.oldest, min(rev, self.rev)))
        if failure is not None:
            raise failure
        await self._held.forget()
