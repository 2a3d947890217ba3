"""The embedded store: one process, one writer, many requests to one fsync.

Requests hand in rules. The writer takes all that wait as one group, runs them one after the other on
a draft over the latest snapshot, and gives the group's commits to a log in a thread. Only when the
log says that they are durable do they become history, and only then is anyone answered: the
refused too, for what they were refused by was in the draft.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from app.errors import (
    CoordinatorUnavailable,
    RequestError,
    RevCompacted,
    RevInFuture,
    StorageFull,
)
from app.store.contract import (
    Changes,
    Commit,
    Health,
    Index,
    Journal,
    Origin,
    Outcome,
    Rule,
    Snapshot,
)
from app.store.embedded.group import Group, Waiting
from app.store.embedded.leases import Leases
from app.store.embedded.log import Loaded, Log, LogBroken
from app.store.history import Draft, History, Window
from app.store.history_size import HistorySize, Mark
from app.store.timings import LogTimings

logger = logging.getLogger(__name__)

GROUP = 256
"""Rules in one group: bounds how long the event loop runs rules without a pause."""

FORGET = 500
"""Changes forgotten at once when history is dropped: some milliseconds."""

REOPEN_SECONDS = 1.0
"""Between attempts to open a log again that failed in a way that leaves its state unknown, and to
write to one that was full."""

GIVE_UP_SECONDS = 10.0
"""For which a write waits to know what became of it while the log does not open."""


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
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.timings = LogTimings()
        self._log = log
        self._index = index
        self._keep = history
        self._keep_bytes = history_bytes
        self._size = HistorySize(history_bytes)
        self._window = Window(min(history, memory_revs), memory_bytes)
        self._clock = clock
        self._history = History(index, self._window)
        self._oldest = 0
        self._last: Journal | None = None
        self._queue: deque[Waiting] = deque()
        self._wake = asyncio.Event()
        self._news = asyncio.Event()
        self._leases = Leases()
        self._tasks: list[asyncio.Task[None]] = []
        self._turn = asyncio.Lock()
        self._until_room: asyncio.Task[None] | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="visor-log")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="visor-archive")
        self._closing = False
        self._trouble = "the store is not open yet"
        self._groups = 0
        self._committed = 0

    @property
    def rev(self) -> int:
        return self._history.rev

    @property
    def oldest_rev(self) -> int:
        return self._oldest

    async def open(self) -> None:
        if self._tasks:
            return
        self._install(*await asyncio.get_running_loop().run_in_executor(self._writer, self._load))
        self._trouble = ""
        self._tasks = [
            asyncio.create_task(self._write(), name="visor-writer"),
            asyncio.create_task(self._expire(), name="visor-leases"),
        ]

    def _load(self) -> tuple[History, Loaded]:
        """Read the log. Runs in the log's thread: it touches nothing that the event loop reads."""
        loaded = self._log.open(self._index, self._window)
        history = History(self._index, self._window)
        history.load(loaded.floor, loaded.records)
        for commit in loaded.commits:
            history.apply(commit)
        history.rev = loaded.rev
        return history, loaded

    def _install(self, history: History, loaded: Loaded) -> None:
        self._history = history
        self._last = loaded.last
        self._size = HistorySize(self._keep_bytes, loaded.marks)
        self._oldest = max(loaded.oldest_rev, loaded.rev - self._keep, self._size.oldest)
        self._leases.clear()
        for record in history.leased():
            self._leases.hold(record)

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._wake.set()
        self._news.set()
        if self._tasks:
            writer, leases = self._tasks
            leases.cancel()
            await asyncio.gather(leases, return_exceptions=True)
            if self._until_room is not None:
                self._until_room.cancel()
                await asyncio.gather(self._until_room, return_exceptions=True)
            await writer
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._reader, lambda: None)
        await loop.run_in_executor(self._writer, self._log.close)
        self._writer.shutdown()
        self._reader.shutdown()

    async def latest(self) -> Snapshot:
        # One process: what was acknowledged is in the history, so the newest held is the newest.
        return self.stale()

    def stale(self) -> Snapshot:
        return self._history.snapshot(self._history.rev)

    async def at(self, rev: int) -> Snapshot:
        if rev > self.rev:
            raise RevInFuture.asked(rev, self.rev)
        self._check_kept(rev)
        if rev >= self._history.floor:
            return self._history.snapshot(rev)
        return self._log.snapshot(rev)

    def _check_kept(self, rev: int) -> None:
        if rev < self._oldest:
            raise RevCompacted.before(self._oldest)

    async def journal_at(self, rev: int) -> Journal | None:
        commit = self._history.last_commit(rev)
        if commit is not None:
            return commit.journal
        if rev >= self.rev:
            return self._last
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._log.journal_at, rev)

    async def commits(self, after: int, limit: int) -> Sequence[Commit]:
        self._check_kept(after)
        if after >= self._history.floor:
            return self._history.commits_after(after, limit)
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._reader, self._log.commits, after, limit)
        self._check_kept(after)  # it may have been dropped while it was read
        return found

    async def wait(self, after: int) -> None:
        while self.rev <= after and not self._closing:
            await self._news.wait()

    async def compact(self, rev: int) -> None:
        failure = await self._append([], max(self._oldest, min(rev, self.rev)))
        if failure is not None:
            raise failure
        more = True
        while more:
            more = self._history.forget_before(self._oldest, FORGET)
            await asyncio.sleep(0)  # a little at a time: requests go first

    def health(self) -> Health:
        return Health(not self._trouble, self._trouble)

    def statistics(self) -> dict[str, float]:
        return {
            "rev": self.rev,
            "oldest_rev": self._oldest,
            "history_bytes": self._size.after(self._oldest),
            "groups_total": self._groups,
            "commits_total": self._committed,
            "ready": float(not self._trouble),
            **self._history.statistics(),
            **self._log.statistics(),
        }

    async def transact(self, rule: Rule, origin: Origin) -> Outcome:
        if self._closing or not self._tasks:
            raise CoordinatorUnavailable("The store is closing. Nothing was written; ask another replica.")
        waiting = Waiting(rule, origin, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._wake.set()
        # A caller that goes away takes nothing back: its rule is run, and nobody told.
        with self.timings.commit.time():
            return await waiting.answer

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            while self._queue:
                await self._write_group()
            self._wake.clear()
            if self._closing:
                return

    async def _write_group(self) -> None:
        waiting = [self._queue.popleft() for _ in range(min(GROUP, len(self._queue)))]
        group = Group(Draft(self._history), self._last, self._clock, self._leases.renew)
        for one in waiting:
            group.run(one)
        failure = None
        if group.commits:
            size = self._size.copy()
            marks = [mark for commit in group.commits if (mark := size.add(commit)) is not None]
            oldest = max(self._oldest, group.commits[-1].rev - self._keep, size.oldest)
            failure = await self._append(group.commits, oldest, group.answer, marks)
        group.answer(failure)

    async def _append(
        self,
        commits: list[Commit],
        oldest: int,
        give_up: Callable[[RequestError], None] = lambda failure: None,
        marks: Sequence[Mark] = (),
    ) -> RequestError | None:
        """Make the commits durable and then history; the error to answer with where that failed. `give_up`
        is told the error where it is not known yet how long it will take to find out."""
        loop = asyncio.get_running_loop()
        # One at a time, until its end: a compaction must not see a log that is being opened again.
        async with self._turn:
            try:
                with self.timings.append.time():
                    await loop.run_in_executor(self._writer, self._log.append, commits, oldest, marks)
            except StorageFull as error:
                self._trouble = error.detail
                if self._until_room is None or self._until_room.done():
                    self._until_room = asyncio.create_task(self._await_room(), name="visor-room")
                return error
            except Exception as error:
                # LogBroken, or what the log did not foresee: neither says what was kept.
                logger.error("the log failed: %s", error, exc_info=not isinstance(error, LogBroken))
                return await self._reopen(commits, str(error), give_up)
            self._trouble = ""
            if self._log.untidy:
                # In the log's thread, before what is appended next; whose commits these are need not wait.
                self._writer.submit(self._log.tidy)
            self._publish(commits, oldest)
            return None

    async def _await_room(self) -> None:
        """Try the log until it has room. While the store is not ready, it may be that nobody else does."""
        while self._trouble:
            await asyncio.sleep(REOPEN_SECONDS)
            await self._append([], self._oldest)

    def _publish(self, commits: list[Commit], oldest: int) -> None:
        for commit in commits:
            self._history.apply(commit)
            self._size.add(commit)
            self._last = commit.journal
            for change in commit.changes:
                if change.before is not None and change.before.ttl is not None:
                    self._leases.drop(change.key)
                if change.after is not None and change.after.ttl is not None:
                    self._leases.hold(change.after)
        if commits:
            self._groups += 1
            self._committed += len(commits)
        if oldest > self._oldest:
            self._oldest = oldest
            self._size.forget_before(oldest)
        # What is below `oldest` may be held a while longer: nobody is given it.
        self._history.forget_before(self._oldest, FORGET)
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
        if self._closing:
            self._news.set()

    async def _reopen(
        self, commits: list[Commit], reason: str, give_up: Callable[[RequestError], None]
    ) -> RequestError | None:
        """Open the log again and see whether it has the commits. Until it opens, nothing is written."""
        self._trouble = f"the store failed ({reason}); it is being opened again"
        loop = asyncio.get_running_loop()
        unknown = CoordinatorUnavailable(
            "The store failed while it wrote: this change may or may not have happened.",
            outcome="unknown",
        )
        began = time.monotonic()
        while not self._closing:
            try:
                await loop.run_in_executor(self._writer, self._log.close)
                known = self.rev
                loaded = await loop.run_in_executor(self._writer, self._load)
            except Exception as error:
                logger.error("the log does not open: %s", error)
                # It may never open: a damaged file does not mend itself.
                if time.monotonic() - began >= GIVE_UP_SECONDS:
                    give_up(unknown)
                self._refuse_waiting()
                await asyncio.sleep(REOPEN_SECONDS)
                continue
            self._install(*loaded)
            self._trouble = ""
            self._tell()
            if not commits or (self.rev, self._last) == (commits[-1].rev, commits[-1].journal):
                return None
            if self.rev == known:
                return CoordinatorUnavailable("The store failed while it wrote. Nothing was changed.")
            return unknown
        self._refuse_waiting()
        return unknown

    def _refuse_waiting(self) -> None:
        while self._queue:
            waiting = self._queue.popleft()
            if not waiting.answer.done():
                waiting.answer.set_exception(
                    CoordinatorUnavailable("The store failed and is being opened again. Nothing was written.")
                )

    async def _expire(self) -> None:
        """Take away the keys whose lease was not renewed, each in a commit of its own."""
        while True:
            await self._leases.next_end()
            for key, until in self._leases.ended():

                def expire(snapshot: Snapshot, at: datetime, key: str = key, until: float = until) -> Changes:
                    # Renewed between the deadline and now: it lives on.
                    if self._leases.until(key) != until or snapshot.get(key) is None:
                        return Changes()
                    return Changes(deletes={key})

                try:
                    await self.transact(expire, Origin("visor", "ttl"))
                except RequestError as error:
                    logger.warning("a lease ended but its key could not be removed yet: %s", error.detail)
                    await asyncio.sleep(REOPEN_SECONDS)
