"""The store on etcd v3: any number of processes, one registry. A rev is etcd's revision x 1000 and a commit's
place in it.

Reads are answered from a history in memory that a watch feeds; a linearizable one asks the cluster first
whether that is the latest. Writes that wait go together, in one transaction, guarded by everything that their
rules have read.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from app.errors import CoordinatorUnavailable, RevCompacted, RevInFuture, StartError
from app.store.clock_watch import seconds_ahead
from app.store.contract import (
    Commit,
    Entry,
    Fences,
    Health,
    Index,
    Journal,
    Origin,
    Outcome,
    Rule,
    Settled,
    Snapshot,
    Transact,
)
from app.store.etcd import old_fences
from app.store.etcd.archive import EtcdArchive
from app.store.etcd.client.client import (
    Compacted,
    Compare,
    Delete,
    Denied,
    EtcdClient,
    EtcdError,
    MemberStatus,
    PermissionDenied,
    Put,
    StaleToken,
)
from app.store.etcd.client.errors import cannot_ask
from app.store.etcd.confirmer import Confirmer
from app.store.etcd.continuity import Continuity
from app.store.etcd.follower import Follower
from app.store.etcd.kept import Kept
from app.store.etcd.layout import (
    BEGAN_KEY,
    FENCE,
    JOURNAL,
    LEASE_ENDED,
    SCHEMA,
    SCHEMA_KEY,
    STORE_KEY,
    RevisionJournal,
    WriteEntry,
    entry_value,
)
from app.store.etcd.old_fences import OldFences
from app.store.etcd.revs import rev_of
from app.store.etcd.sending import FULL, QUOTA, SLOW, WRITE_SECONDS, Sender
from app.store.etcd.writer import EtcdWriter
from app.store.history import History, Window
from app.store.timings import EtcdTimings
from app.store.troubles import Troubles, lost_error

logger = logging.getLogger(__name__)

UNSETTLED = timedelta(seconds=10)
"""How far behind this clock the time of a commit may be that is not made yet: a writer sends it within
seconds, and its clock may be somewhat behind."""

START_SECONDS = 5.0
HEARTBEAT = 2.0
COMPACTION = 30.0
"""Seconds between two looks at what is to be compacted."""

_ALARMS = {
    "NOSPACE": (FULL, QUOTA),
    "CORRUPT": ("corrupt", "etcd says that a member's data is corrupt: replace that member"),
}
"""Alarms of etcd: the kind of trouble, and what to do."""

AWAY, WATCH = "away", "watch"


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
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
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
        self._continuity = Continuity(client, self._prefix, self._troubles)
        self._continuity.when_broken(self._tell_broken)
        self._follower = Follower(
            client, self._prefix, self._index, self._window, self._continuity, self._keep_bytes
        )
        self._confirmer = Confirmer(client, self._prefix, self._follower, self._continuity)
        sender = Sender(
            client,
            self._prefix,
            self._fences,
            self._follower,
            self._confirmer,
            self._continuity,
            self._troubles,
            self._patience,
        )
        self._writer = EtcdWriter(
            client,
            sender,
            self._fences,
            self._follower,
            self._confirmer,
            self._clock,
            self._continuity,
            self._troubles,
            self._patience,
        )
        self._archive = EtcdArchive(client, self._prefix, self._index, self._follower)
        self._kept = Kept(client, self._follower, self._archive, self._keep)
        self._old_fences = OldFences(client, self._prefix, self._follower, self._writer.transact)
        await self._load()
        self._tasks = [
            asyncio.create_task(self._follower.run(), name="visor-watch"),
            asyncio.create_task(self._heartbeat(), name="visor-heartbeat"),
        ]

    async def _load(self) -> None:
        """Have what etcd has, or close the client again. Raises StartError."""
        client = self._client
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._check_versions()
                await self._check_schema()
                await self._follower.load()
                await self._kept.learn()
        except Denied as error:
            await client.close()
            raise StartError(self._refused(error)) from error
        except (EtcdError, TimeoutError) as error:
            await client.close()
            raise StartError(
                f"etcd does not answer at {', '.join(client.endpoints)} ({error or 'no answer in 5 s'})"
            ) from error
        except BaseException:
            await client.close()
            raise

    def _refused(self, error: Denied) -> str:
        """What to do where etcd does not let the service in, or not to its keys."""
        if isinstance(error, StaleToken) and not self._user:
            return f"etcd wants a user: set VISOR_ETCD_USER and VISOR_ETCD_PASSWORD ({error})"
        if isinstance(error, PermissionDenied):
            return (
                f"etcd refuses the user {self._user!r} the keys that begin with `{self._prefix}` (no slash "
                "before it): grant them, with `etcdctl role grant-permission ROLE --prefix=true readwrite "
                f"{self._prefix}`"
            )
        return (
            f"etcd refuses the user {self._user!r}: look at VISOR_ETCD_USER and VISOR_ETCD_PASSWORD ({error})"
        )

    async def _check_versions(self) -> None:
        asked = (self._client.status(endpoint) for endpoint in self._client.endpoints)
        found = await asyncio.gather(*asked, return_exceptions=True)
        for status in found:
            if not isinstance(status, BaseException) and not status.progress_trusted:
                logger.warning(
                    "etcd %s at %s has known faults: 3.4.25 and 3.5.8 are the first to trust",
                    status.version,
                    status.endpoint,
                )
        if all(isinstance(status, BaseException) for status in found):
            raise next(status for status in found if isinstance(status, BaseException))

    async def _check_schema(self) -> None:
        key = (self._prefix + SCHEMA_KEY).encode()
        found = await self._client.range(key)
        try:
            version = int(found.kvs[0].value) if found.kvs else SCHEMA
        except ValueError:
            raise StartError(f"{key.decode()} in etcd is no schema's number: another program's?") from None
        if version > SCHEMA:
            raise StartError(
                f"the registry in etcd has schema {version}, this version knows {SCHEMA}: use a newer Visor"
            )
        missing: dict[str, bytes] = {}
        if not found.kvs or version < SCHEMA:
            missing[SCHEMA_KEY] = b"%d" % SCHEMA
        if version < SCHEMA:
            # What an older schema has kept is read alike; its history is not, and ends here.
            missing[BEGAN_KEY] = b"%d" % SCHEMA
        if not (await self._client.range((self._prefix + STORE_KEY).encode())).kvs:
            # It is new, or was made by a version that gave no id.
            missing[STORE_KEY] = uuid4().hex.encode()
        if missing:
            # Of several that start at a time one writes them; for the others nothing is to do.
            known = Compare(key, "mod_revision", "=", found.kvs[0].mod_revision if found.kvs else 0)
            entry = RevisionJournal(
                uuid4().hex, 0, 0, (WriteEntry(Journal(self._clock(), "visor", "schema")),)
            )
            puts = [*missing.items(), (JOURNAL, entry_value(entry))]
            await self._client.txn([known], [Put((self._prefix + one).encode(), said) for one, said in puts])

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

    async def _heartbeat(self) -> None:
        """Notice that etcd is away, or that the watch stands still, before anybody asks; and compact."""
        compacted, total = float("-inf"), self._follower.size.total
        fenced = time.monotonic()
        while True:
            await asyncio.sleep(HEARTBEAT * random.uniform(0.8, 1.2))
            if self._continuity.lost:
                continue
            try:
                await self._confirmer.confirm()
                self._troubles.end(AWAY)
                self._troubles.set(WATCH, self._follower.trouble)
                await self._look_at_alarms()
                if SLOW in self._troubles:
                    await self._try_to_commit()
                size = self._follower.size
                # Sooner than by the clock where much is written: etcd's quota does not wait.
                if time.monotonic() - compacted > COMPACTION or size.much_since(total):
                    compacted, total = time.monotonic(), size.total
                    await self._kept.learn()
                    await self._kept.drop_surplus()
                if time.monotonic() - fenced > old_fences.PASS:
                    fenced = time.monotonic()
                    await self._old_fences.drop()
            except (CoordinatorUnavailable, EtcdError) as error:
                self._troubles.begin(AWAY, self._why_away(error))

    def _why_away(self, error: CoordinatorUnavailable | EtcdError) -> str:
        cause = error if isinstance(error, EtcdError) else error.__cause__
        if isinstance(cause, Denied):
            return self._refused(cause)
        return error.detail.rstrip(".") if isinstance(error, CoordinatorUnavailable) else f"etcd: {error}"

    async def _try_to_commit(self) -> None:
        """Have etcd agree on a change that changes nothing: a write may not come while it is not ready."""
        nothing = Delete((self._prefix + FENCE + "nothing").encode())
        await self._client.txn([], [nothing])
        self._troubles.end(SLOW)

    async def _look_at_alarms(self) -> None:
        """What etcd's members complain of, with what to do."""
        asked = (self._client.status(endpoint) for endpoint in self._client.endpoints)
        found = await asyncio.gather(*asked, return_exceptions=True)
        said = [word for status in found if isinstance(status, MemberStatus) for word in status.errors]
        for name, (kind, what) in _ALARMS.items():
            self._troubles.set(kind, what if any(name in word for word in said) else "")

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
                raise RevInFuture.asked(rev, reached)
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
        found, ours = after, list[Entry]()
        while not ours:
            commits = await self.commits(found, limit)
            if not commits:
                break
            ours = [Entry(one.rev, one.journal) for one in commits if one.journal.request != LEASE_ENDED]
            found = commits[-1].rev
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
            found = await self._archive.commits(after, floor, limit)
        except Compacted:
            await self._learn_oldest()
            raise self._compacted(after) from None
        except EtcdError as error:
            raise cannot_ask(error) from error
        # The held ones go on where the archived ones end, unless they have moved on meanwhile.
        if found and (len(found) == limit or history.floor > floor):
            return found
        return [*found, *await self.commits(floor, limit - len(found))]

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
