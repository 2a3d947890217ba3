"""The store on etcd v3: any number of processes, one registry. A rev is etcd's revision x 1000 and a commit's
place in it.

Reads are answered from a history in memory that a watch feeds; a linearizable one asks the cluster first
whether that is the latest. Writes that wait go together, in one transaction, guarded by everything that their
rules have read.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from app.errors import CoordinatorUnavailable, RevCompacted, RevInFuture, StartError
from app.store.clock_watch import SYSTEM_CLOCK, seconds_ahead
from app.store.contract import Fences, Health, Index, Outcome, Rule, Settled, Snapshot, Transact
from app.store.etcd.archive import EtcdArchive
from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import Compacted, Denied, EtcdError, cannot_ask
from app.store.etcd.confirmer import Confirmer
from app.store.etcd.continuity import Continuity
from app.store.etcd.follower import Follower
from app.store.etcd.heartbeat import Heartbeat
from app.store.etcd.kept import Kept
from app.store.etcd.layout import (
    LEASE_ENDED,
)
from app.store.etcd.old_fences import OldFences
from app.store.etcd.opening import check_schema, check_versions, denial
from app.store.etcd.revs import rev_of
from app.store.etcd.sending import WRITE_SECONDS, Sender
from app.store.etcd.writer import EtcdWriter
from app.store.history import History
from app.store.records import Commit, Entry, Journal, Origin
from app.store.timings import EtcdTimings
from app.store.troubles import Troubles, lost_error
from app.store.window import Window

logger = logging.getLogger(__name__)

UNSETTLED = timedelta(seconds=10)
"""How far behind this clock the time of a commit may be that is not made yet: a writer sends it within
seconds, and its clock may be somewhat behind."""

START_SECONDS = 5.0


class EtcdStore:
    """A store that others share. See `Store` for what its methods promise."""

    def __init__(
        self,
        connect: Callable[[], EtcdClient],
        prefix: str,
        index: Index,
        fences: Fences,
        *,
        history: int,
        history_bytes: int | None = None,
        memory_revs: int,
        memory_bytes: int | None = None,
        clock: Callable[[], datetime] = SYSTEM_CLOCK,
        commit_timeout: float = WRITE_SECONDS,
        user: str = "",
    ) -> None:
        self._user = user
        self._patience = commit_timeout
        self.timings = EtcdTimings()
        self._connect = connect
        self._prefix = prefix
        self._index = index
        self._fences = fences
        self._keep = history
        self._keep_bytes = history_bytes
        self._window = Window(min(history, memory_revs), memory_bytes)
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self._troubles = Troubles()
        self._when_broken: list[Callable[[], None]] = []

    @property
    def rev(self) -> int:
        return self._follower.history.rev if self._tasks else 0

    @property
    def oldest_rev(self) -> int:
        return self._kept.oldest_rev if self._tasks else 0

    # Opening and closing

    async def open(self) -> None:
        if self._tasks:
            return
        self._client = client = self._connect()
        client.measure(self.timings)
        self._put_together(client)
        await self._load()
        heartbeat = Heartbeat(
            client,
            self._prefix,
            self._user,
            self._follower,
            self._confirmer,
            self._continuity,
            self._kept,
            self._old_fences,
            self._troubles,
        )
        self._tasks = [
            asyncio.create_task(self._follower.run(), name="visor-watch"),
            asyncio.create_task(heartbeat.run(), name="visor-heartbeat"),
        ]

    async def _load(self) -> None:
        """Have what etcd has, or close the client again. Raises StartError."""
        client = self._client
        try:
            async with asyncio.timeout(START_SECONDS):
                await check_versions(client)
                await check_schema(client, self._prefix, self._clock)
                await self._follower.load()
                await self._kept.learn()
        except Denied as error:
            await client.close()
            raise StartError(denial(error, self._user, self._prefix)) from error
        except (EtcdError, TimeoutError) as error:
            await client.close()
            raise StartError(
                f"etcd does not answer at {', '.join(client.endpoints)} ({error or 'no answer in 5 s'})"
            ) from error
        except BaseException:
            await client.close()
            raise

    def _put_together(self, client: EtcdClient) -> None:
        """The store's parts, around this client."""
        prefix, troubles, patience = self._prefix, self._troubles, self._patience
        self._continuity = continuity = Continuity(client, prefix, troubles)
        continuity.when_broken(self._tell_broken)
        self._follower = follower = Follower(
            client, prefix, self._index, self._window, continuity, self._keep_bytes
        )
        self._confirmer = confirmer = Confirmer(client, prefix, follower, continuity)
        sender = Sender(client, prefix, self._fences, follower, confirmer, continuity, troubles, patience)
        self._writer = EtcdWriter(
            sender, self._fences, follower, confirmer, self._clock, continuity, troubles, patience
        )
        self._archive = EtcdArchive(client, prefix, self._index, follower)
        self._kept = Kept(client, follower, self._archive, self._keep)
        self._old_fences = OldFences(client, prefix, follower, self._writer.transact)

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        if not self._tasks:
            return
        await self._writer.close()
        self._follower.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._confirmer.close()
        await self._client.close()

    def when_broken(self, tell: Callable[[], None]) -> None:
        self._when_broken.append(tell)

    def _tell_broken(self) -> None:
        for tell in self._when_broken:
            tell()

    # Reading

    async def latest(self) -> Snapshot:
        self._check_continued()
        await self._confirmer.confirm()
        return self.stale()

    def _check_continued(self) -> None:
        if self._continuity.lost:
            raise lost_error()

    def stale(self) -> Snapshot:
        history = self._follower.history
        return history.snapshot(history.rev)

    @property
    def age(self) -> float | None:
        return time.monotonic() - self._confirmer.confirmed_at if self._tasks else None

    async def at(self, rev: int) -> Snapshot:
        if rev > self.rev:
            self._check_continued()
            reached = max(rev_of(await self._confirmer.confirm()), self.rev)
            if rev > reached:
                raise RevInFuture.beyond(rev, reached)
            # Nothing of ours has changed up to there, or the history would have it.
        self._check_kept(rev)
        if rev >= self._follower.history.floor:
            return self._follower.history.snapshot(rev)
        if rev == 0:
            return History(self._index, Window(0)).snapshot(0)  # etcd would take it for the latest
        self._check_continued()
        try:
            return await self._archive.snapshot(rev, lambda: self._compacted(rev))
        except Compacted:
            await self._learn_oldest()
            raise self._compacted(rev) from None
        except EtcdError as error:
            raise cannot_ask(error) from error

    async def _learn_oldest(self) -> None:
        try:
            await self._kept.learn()
        except EtcdError as error:
            logger.info("what is compacted is not known yet: %s", error)

    def _check_kept(self, rev: int) -> None:
        if rev < self.oldest_rev:
            raise self._compacted(rev)

    def _compacted(self, rev: int) -> RevCompacted:
        return RevCompacted.before(max(self.oldest_rev, rev + 1))

    async def journal_at(self, rev: int) -> Journal | None:
        commit = self._follower.history.last_commit(rev)
        if commit is not None:
            return commit.journal
        if rev == 0:
            return None
        try:
            return await self._archive.journal_at(rev)
        except Compacted:
            await self._learn_oldest()
            raise self._compacted(rev) from None
        except EtcdError as error:
            raise cannot_ask(error) from error

    async def journals(self, after: int, limit: int) -> Sequence[Entry]:
        # A lease's end has the entry of the commit before it, which is not its own.
        position, ours = after, list[Entry]()
        while not ours:
            commits = await self.commits(position, limit)
            if not commits:
                break
            ours = [
                Entry(commit.rev, commit.journal)
                for commit in commits
                if commit.journal.request != LEASE_ENDED
            ]
            position = commits[-1].rev
        return ours

    async def settle(self, at: datetime) -> Settled:
        now = self._clock()
        return Settled(now, min(at, now - UNSETTLED))

    async def commits(self, after: int, limit: int) -> Sequence[Commit]:
        self._check_continued()
        self._check_kept(after)
        history = self._follower.history
        if after >= history.floor:
            return history.commits_after(after, limit)
        floor = history.floor
        try:
            commits = await self._archive.commits(after, floor, limit)
        except Compacted:
            await self._learn_oldest()
            raise self._compacted(after) from None
        except EtcdError as error:
            raise cannot_ask(error) from error
        # The held ones go on where the archived ones end, unless they have moved on meanwhile.
        if commits and (len(commits) == limit or history.floor > floor):
            return commits
        return [*commits, *await self.commits(floor, limit - len(commits))]

    async def wait(self, after: int) -> None:
        await self._follower.reach_rev(after + 1)

    async def compact(self, rev: int) -> None:
        self._check_continued()
        await self._kept.compact(rev)

    def health(self) -> Health:
        if not self._tasks:
            return Health(False, "the store is not open yet")
        return Health(not self._troubles, self._troubles.reason)

    def statistics(self) -> dict[str, float]:
        figures = {
            "rev": self.rev,
            "oldest_rev": self.oldest_rev,
            "ready": float(self.health().ready),
        }
        if self._tasks:
            figures["clock_ahead_seconds"] = seconds_ahead(self._clock(), self._follower.journal.at)
            figures["commits_total"] = self._writer.committed
            figures["history_revs"] = self._follower.count - self._kept.commits_up_to + 1
            figures["groups_total"] = self._writer.groups
            figures["races_total"] = self._writer.races
            figures["unknown_outcomes_total"] = self._writer.unknown
            figures["history_bytes"] = self._follower.size.total - self._kept.total_before
            figures |= self._follower.history.statistics()
            figures["confirmations_total"] = self._confirmer.rounds
        return figures

    # Writing

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[Transact]:
        self._check_open()
        async with self._writer.alone() as transact:
            yield transact

    def _check_open(self) -> None:
        if self._closing or not self._tasks:
            raise CoordinatorUnavailable("The store is closing. Nothing was written; ask another replica.")

    async def transact(self, rule: Rule, origin: Origin) -> Outcome:
        self._check_open()
        began = time.perf_counter()
        try:
            return await self._writer.transact(rule, origin)
        finally:
            self.timings.commit.observe(time.perf_counter() - began)
