"""The store on etcd v3: any number of processes, one registry. The coordinator's rev is etcd's revision.

Reads are answered from a history in memory that a watch feeds; a linearizable one asks the cluster first
whether that is the latest. A write is one transaction, guarded by everything that its rule has read.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from app.errors import (
    Conflict,
    CoordinatorUnavailable,
    RequestError,
    RevCompacted,
    RevInFuture,
    StartError,
    StorageFull,
)
from app.store.contract import (
    MAX_CHANGES,
    Changes,
    Commit,
    Fence,
    Health,
    Index,
    Journal,
    Origin,
    Outcome,
    Rule,
    Snapshot,
)
from app.store.etcd_archive import EtcdArchive
from app.store.etcd_client import (
    Ambiguous,
    Away,
    Compacted,
    EtcdClient,
    EtcdError,
    LeaseNotFound,
    NoSpace,
    NotDone,
    Refused,
    TxnResult,
)
from app.store.etcd_commit import Transaction, transaction, written
from app.store.etcd_confirm import Confirmer
from app.store.etcd_follow import Follower
from app.store.etcd_layout import SCHEMA, SCHEMA_KEY
from app.store.history import latest_time
from app.store.recording import Recording

logger = logging.getLogger(__name__)

T = TypeVar("T")

START_SECONDS = 5.0
WRITE_SECONDS = 2.8
"""A write that cannot be decided is answered within 3 s."""

RACES = 100
"""Times that a rule is run again before the race is called lost."""

HEARTBEAT = 2.0


class EtcdStore:
    """A store that others share. See `Store` for what its methods promise."""

    def __init__(
        self,
        connect: Callable[[], EtcdClient],
        prefix: str,
        index: Index,
        fence: Fence,
        *,
        history: int,
        memory_revs: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._connect = connect
        self._prefix = prefix
        self._index = index
        self._fence = fence
        self._keep = history
        self._window = min(history, memory_revs)
        self._clock = clock
        self._oldest = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._loose: set[asyncio.Task[Any]] = set()
        self._closing = False
        self._full = False
        self._trouble = "the store is not open yet"
        self._committed = 0
        self._races = 0
        self._unknown = 0

    @property
    def rev(self) -> int:
        return self._follower.history.rev if self._tasks else 0

    @property
    def oldest_rev(self) -> int:
        return self._oldest

    # Opening and closing

    async def open(self) -> None:
        if self._tasks:
            return
        self._client = client = self._connect()
        self._follower = Follower(client, self._prefix, self._index, self._window)
        self._confirmer = Confirmer(client, self._prefix, self._follower)
        self._archive = EtcdArchive(client, self._prefix, self._index)
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._check_versions()
                await self._check_schema()
                await self._follower.load()
                await self._learn_oldest()
        except (EtcdError, TimeoutError) as error:
            await client.close()
            raise StartError(
                f"etcd does not answer at {', '.join(client.endpoints)} ({error or 'no answer in 5 s'})"
            ) from error
        except BaseException:
            await client.close()
            raise
        self._trouble = ""
        self._tasks = [
            asyncio.create_task(self._follower.run(), name="visor-watch"),
            asyncio.create_task(self._heartbeat(), name="visor-heartbeat"),
        ]

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
        version = int(found.kvs[0].value) if found.kvs else SCHEMA
        if version > SCHEMA:
            raise StartError(
                f"the registry in etcd has schema {version}, this version knows {SCHEMA}: use a newer Visor"
            )
        if not found.kvs:
            # Of several that start at a time one writes it; for the others nothing is to do.
            journal = Journal(self._clock(), "visor", "schema")
            read = Recording(self._follower.history.snapshot(0), self._fence)
            changes = Changes(puts={SCHEMA_KEY: b"%d" % SCHEMA})
            first = self._transaction(read, changes, journal, {})
            await self._client.txn(first.compares, first.operations)

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        if not self._tasks:
            return
        self._follower.stop()
        for task in (*self._tasks, *self._loose):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._loose, return_exceptions=True)
        await self._confirmer.close()
        await self._client.close()

    async def _heartbeat(self) -> None:
        """Notice that etcd is away, or that the watch stands still, before anybody asks; and compact."""
        compacted = 0.0
        while True:
            await asyncio.sleep(HEARTBEAT * random.uniform(0.8, 1.2))
            try:
                await self._confirmer.confirm()
                self._trouble = self._follower.trouble
                if time.monotonic() - compacted > 30:
                    compacted = time.monotonic()
                    await self._learn_oldest()
                    if self.rev - self._keep > self._oldest:
                        await self.compact(self.rev - self._keep)
            except (CoordinatorUnavailable, EtcdError) as error:
                self._trouble = getattr(error, "detail", "") or f"etcd: {error}"

    async def _learn_oldest(self) -> None:
        """Find out what has been compacted, by us or by others."""
        oldest = await self._archive.oldest(self._oldest)
        if oldest > self._oldest:
            self._oldest = oldest
            self._follower.history.forget_before(oldest)

    # Reading

    async def latest(self) -> Snapshot:
        await self._confirmer.confirm()
        return self.stale()

    def stale(self) -> Snapshot:
        history = self._follower.history
        return history.snapshot(history.rev)

    async def at(self, rev: int) -> Snapshot:
        if rev > self.rev:
            reached = await self._confirmer.confirm()
            if rev > max(reached, self.rev):
                raise RevInFuture(
                    f"Rev {rev} has not been reached: the latest is {reached}.", current_rev=reached
                )
            # Nothing of ours has changed up to there, or the history would have it.
            self._follower.history.rev = max(self._follower.history.rev, reached)
        self._check_kept(rev)
        if rev >= self._follower.history.floor:
            return self._follower.history.snapshot(rev)
        try:
            return await self._archive.snapshot(rev, self._compacted)
        except Compacted:
            await self._learn_oldest_now()
            raise self._compacted() from None
        except EtcdError as error:
            raise CoordinatorUnavailable(f"etcd cannot be asked: {type(error).__name__}.") from error

    async def _learn_oldest_now(self) -> None:
        try:
            await self._learn_oldest()
        except EtcdError as error:
            logger.info("what is compacted is not known yet: %s", error)

    def _check_kept(self, rev: int) -> None:
        if rev < self._oldest:
            raise self._compacted()

    def _compacted(self) -> RevCompacted:
        return RevCompacted(
            f"The history before rev {self._oldest} is dropped: read from there on, or the latest snapshot.",
            oldest_rev=self._oldest,
        )

    async def journal_at(self, rev: int) -> Journal | None:
        commit = self._follower.history.last_commit(rev)
        if commit is not None:
            return commit.journal
        try:
            return await self._archive.journal_at(rev)
        except EtcdError:
            return None

    async def commits(self, after: int, limit: int) -> Sequence[Commit]:
        self._check_kept(after)
        history = self._follower.history
        if after >= history.floor:
            return history.commits_after(after, limit)
        try:
            return await self._archive.commits(after, min(history.floor, history.rev), limit)
        except Compacted:
            await self._learn_oldest_now()
            raise self._compacted() from None
        except EtcdError as error:
            raise CoordinatorUnavailable(f"etcd cannot be asked: {type(error).__name__}.") from error

    async def wait(self, after: int) -> None:
        await self._follower.reach(after + 1)

    async def compact(self, rev: int) -> None:
        rev = min(rev, self.rev)
        try:
            await self._client.compact(rev)
        except Compacted:
            await self._learn_oldest()
        except Away as error:
            raise CoordinatorUnavailable(f"etcd cannot be asked: {type(error).__name__}.") from error
        self._oldest = max(self._oldest, rev)
        self._follower.history.forget_before(self._oldest)

    def health(self) -> Health:
        trouble = self._trouble or (
            "etcd's quota is used up: compact and defragment it, or raise the quota" if self._full else ""
        )
        return Health(not trouble, trouble)

    def statistics(self) -> dict[str, float]:
        figures = {
            "rev": self.rev,
            "oldest_rev": self._oldest,
            "ready": float(self.health().ready),
            "commits_total": self._committed,
            "races_total": self._races,
            "unknown_outcomes_total": self._unknown,
        }
        if self._tasks:
            figures |= self._follower.history.statistics()
            figures["confirmations_total"] = self._confirmer.rounds
        return figures

    # Writing

    async def transact(self, rule: Rule, origin: Origin) -> Outcome:
        if self._closing or not self._tasks:
            raise CoordinatorUnavailable("The store is closing. Nothing was written; ask another replica.")
        # Shielded: a client that goes away does not take back what may be on its way.
        return await asyncio.shield(self._keep_running(self._transact(rule, origin)))

    def _keep_running(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        task = asyncio.create_task(work)
        self._loose.add(task)
        task.add_done_callback(self._loose.discard)
        return task

    async def _transact(self, rule: Rule, origin: Origin) -> Outcome:
        until = time.monotonic() + WRITE_SECONDS
        confirmed = False
        for race in range(RACES):
            outcome = await self._attempt(rule, origin, until, confirmed)
            if outcome is not None:
                return outcome
            self._races += 1
            if race:
                # Of many that race, some should be ahead.
                await asyncio.sleep(random.uniform(0, min(0.001 * 2**race, 0.03)))
            await self._confirmer.confirm()
            confirmed = True
        raise Conflict("The change lost too many races against others. Try again.")

    async def _attempt(self, rule: Rule, origin: Origin, until: float, confirmed: bool) -> Outcome | None:
        """Run the rule once and commit what it wants; None where it has to run again."""
        snapshot = self.stale()
        read = Recording(snapshot, self._fence)
        at = latest_time(self._clock(), self._follower.journal.at)
        try:
            changes = rule(read, at)
        except RequestError as error:
            # What is held may be old: a refusal counts only on the latest.
            if not confirmed:
                return None
            error.rev = snapshot.rev if error.rev is None else error.rev
            raise
        if changes.empty:
            if not confirmed:
                return None
            if not await self._renew(read, changes):
                return None
            record = read.get(changes.answer) if changes.answer else None
            return Outcome(snapshot.rev, changes, record, False)
        if len(changes.puts) + len(changes.deletes) + len(changes.prefixes) > MAX_CHANGES:
            raise ValueError(f"a rule changed more than {MAX_CHANGES} keys")
        return await self._commit(read, changes, Journal(at, origin.actor, origin.request), until)

    async def _renew(self, read: Recording, changes: Changes) -> bool:
        """Renew leases; False where one is gone, and the rule has to see that."""
        for key in changes.renews:
            record = read.get(key)
            try:
                if record is not None and record.lease:
                    await self._client.keep_alive_once(record.lease)
            except LeaseNotFound:
                return False
            except EtcdError as error:
                raise CoordinatorUnavailable(f"etcd cannot be asked: {type(error).__name__}.") from error
        return True

    async def _commit(
        self, read: Recording, changes: Changes, journal: Journal, until: float
    ) -> Outcome | None:
        try:
            leases = {key: (await self._client.grant(ttl)).id for key, ttl in changes.ttls.items()}
        except EtcdError as error:
            raise CoordinatorUnavailable(
                f"etcd cannot be asked: {type(error).__name__}. Nothing was written."
            ) from error
        made = self._transaction(read, changes, journal, leases)
        old = [before.lease for key in changes.puts if (before := read.keys.get(key)) and before.lease]
        seen = self._follower.awaited(made.id)
        try:
            rev = await self._send(made, seen, until)
        finally:
            self._follower.forget(made.id)
        for lease in leases.values() if rev is None else old:
            self._spawn_revoke(lease)
        if rev is None:
            return None
        self._committed += 1
        self._full = False
        try:
            # So that who asked sees it here at once, stale reads and events too.
            async with asyncio.timeout(1):
                await self._follower.reach(rev)
        except TimeoutError:
            logger.info("the watch has not brought revision %d within a second", rev)
        answer = changes.answer
        lease = leases.get(answer, 0) if answer else 0
        record = written(answer, read, changes, rev, lease, self._index) if answer else None
        return Outcome(rev, changes, record, True)

    def _transaction(
        self, read: Recording, changes: Changes, journal: Journal, leases: dict[str, int]
    ) -> Transaction:
        return transaction(self._prefix, read, changes, journal, leases, self._index, self._fence)

    async def _send(self, made: Transaction, seen: "asyncio.Future[int]", until: float) -> int | None:
        """The rev of the commit, or None where a guard did not hold."""
        while True:
            left = until - time.monotonic()
            try:
                result: TxnResult = await self._client.txn(
                    made.compares, made.operations, within=max(left, 0.1)
                )
                return result.revision if result.succeeded else None
            except NotDone as error:
                if time.monotonic() >= until - 0.2:
                    raise CoordinatorUnavailable("etcd cannot be reached. Nothing was written.") from error
                await asyncio.sleep(0.05)
            except (Ambiguous, NoSpace) as error:
                return await self._find_out(seen, until, error)
            except Refused as error:
                raise CoordinatorUnavailable(f"etcd refuses the write: {error}") from error
            except EtcdError as error:
                raise CoordinatorUnavailable(f"etcd cannot be asked: {type(error).__name__}.") from error

    async def _find_out(self, seen: "asyncio.Future[int]", until: float, error: EtcdError) -> int:
        """Whether a transaction whose answer was lost has been carried out: its journal entry tells.
        That there is none proves nothing, for it may still be on its way: then the outcome is unknown."""
        while time.monotonic() < until:
            try:
                async with asyncio.timeout(until - time.monotonic()):
                    await self._confirmer.confirm()
            except (CoordinatorUnavailable, TimeoutError):
                await asyncio.sleep(0.05)
                continue
            if seen.done():
                return seen.result()
            if isinstance(error, NoSpace):
                self._full = True
                raise StorageFull(
                    "etcd's quota is used up: nothing was changed. Compact and defragment it, or raise the "
                    "quota, and disarm the alarm."
                ) from error
            await asyncio.sleep(0.1)
        if seen.done():
            return seen.result()
        self._unknown += 1
        raise CoordinatorUnavailable(
            "etcd did not say whether the change was made: it may or may not have happened.",
            outcome="unknown",
        ) from error

    def _spawn_revoke(self, lease: int) -> None:
        async def revoke() -> None:
            with suppress(EtcdError):  # it ends by itself
                await self._client.revoke(lease)

        self._keep_running(revoke())
