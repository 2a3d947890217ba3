"""The writing half of the store on etcd: one transaction a command, guarded by everything its rule has
read; a lost race runs the rule again, and an answer that was lost is looked for, never asked for twice.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from app.errors import Conflict, CoordinatorUnavailable, RequestError, StorageFull
from app.store.clock_watch import ClockWatch
from app.store.contract import Changes, Fence, Index, Journal, Origin, Outcome, Rule, check_changes
from app.store.etcd.client.client import (
    Ambiguous,
    EtcdClient,
    EtcdError,
    LeaseNotFound,
    NoSpace,
    NotDone,
    Refused,
    TxnResult,
)
from app.store.etcd.client.errors import cannot_ask
from app.store.etcd.confirmer import Confirmer
from app.store.etcd.continuity import Continuity
from app.store.etcd.follower import Follower
from app.store.etcd.read_set import Recording
from app.store.etcd.transaction import Transaction, transaction, written
from app.store.etcd.write_queue import Turn, Turns
from app.store.history import latest_time
from app.store.troubles import Troubles, lost_error

logger = logging.getLogger(__name__)

T = TypeVar("T")

WRITE_SECONDS = 2.5
"""A write that cannot be decided is answered within 3 s, and the next one can be made then."""

FULL, SLOW = "full", "slow"

QUOTA = "etcd's quota is used up: compact and defragment it, or raise the quota, and disarm the alarm"

RACES = 100
"""Times that a rule is run again before the race is called lost."""


class Writer:
    """Runs rules and commits what they want. `troubles` are told when etcd refuses writes for its quota, and
    when it does not say what became of them."""

    def __init__(
        self,
        client: EtcdClient,
        prefix: str,
        index: Index,
        fence: Fence,
        follower: Follower,
        confirmer: Confirmer,
        clock: Callable[[], datetime],
        continuity: Continuity,
        troubles: Troubles,
        patience: float = WRITE_SECONDS,
    ) -> None:
        self._patience = patience
        self._client = client
        self._prefix = prefix
        self._index = index
        self._fence = fence
        self._follower = follower
        self._confirmer = confirmer
        self._clock = clock
        self._running: set[asyncio.Task[Any]] = set()
        self._turns = Turns()
        self._continuity = continuity
        self._troubles = troubles
        self._clock_watch = ClockWatch()
        self.committed = 0
        self.races = 0
        self.unknown = 0

    async def close(self) -> None:
        """Finish what was accepted: each write ends by its own deadline, and is told how."""
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * self._patience):
                while self._running:
                    await asyncio.wait(self._running)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def transact(self, rule: Rule, origin: Origin) -> Outcome:
        # Shielded: a client that goes away does not take back what may be on its way.
        return await asyncio.shield(self._keep_running(self._transact(rule, origin)))

    def _keep_running(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _transact(self, rule: Rule, origin: Origin) -> Outcome:
        until = time.monotonic() + self._patience
        confirmed = False
        for race in range(RACES):
            turn = self._turns.turn()
            try:
                outcome = await self._attempt(rule, origin, until, confirmed, turn)
                turn.release(answered=True)
            finally:
                turn.release()
            if outcome is not None:
                return outcome
            self.races += 1
            if race:
                # Of many that race, some should be ahead.
                await asyncio.sleep(random.uniform(0, min(0.001 * 2**race, 0.03)))
            await self._confirmer.confirm()
            confirmed = True
            until = _extended(until)
        raise Conflict("The change lost too many races against others. Try again.")

    async def _attempt(
        self, rule: Rule, origin: Origin, until: float, confirmed: bool, turn: Turn
    ) -> Outcome | None:
        """Run the rule and commit what it wants; None where it has lost a race and has to run again."""
        while True:
            found = await self._run(rule, origin, confirmed)
            if found is None or isinstance(found, Outcome):
                return found
            read, changes, journal = found
            made = self._transaction(read, changes, journal, {})
            before = turn.take(*made.keys)
            if before is None:
                return await self._commit(read, changes, journal, until, made)
            if await turn.wait(before, until - time.monotonic()):
                until = _extended(until)

    async def _run(
        self, rule: Rule, origin: Origin, confirmed: bool
    ) -> tuple[Recording, Changes, Journal] | Outcome | None:
        """Run the rule once: what it has read and wants; or the outcome, where it wants no commit; None
        where it has to run again on the latest snapshot."""
        self._check_writable()
        history = self._follower.history
        snapshot = history.snapshot(history.rev)
        read = Recording(snapshot, self._fence)
        now, last = self._clock(), self._follower.journal.at
        self._clock_watch.look(now, last)
        at = latest_time(now, last)
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
        check_changes(changes)
        return read, changes, origin.journal(at)

    def _check_writable(self) -> None:
        if self._continuity.lost:
            raise lost_error()
        if not self._continuity.writable:
            raise CoordinatorUnavailable(
                "The registry's schema is none that this version knows. Nothing was written: `/readyz` says "
                "what its operator has to do."
            )

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
                raise cannot_ask(error) from error
        return True

    async def _commit(
        self, read: Recording, changes: Changes, journal: Journal, until: float, made: Transaction
    ) -> Outcome | None:
        try:
            leases = {key: (await self._client.grant(ttl)).id for key, ttl in changes.ttls.items()}
        except NoSpace as error:
            raise self._storage_full() from error
        except EtcdError as error:
            raise cannot_ask(error, " Nothing was written.") from error
        if leases:
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
        self.committed += 1
        self._troubles.end(FULL)
        self._troubles.end(SLOW)
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
        return transaction(
            self._prefix,
            read,
            changes,
            journal,
            leases,
            self._index,
            self._fence,
            self._follower.size.total,
            self._continuity.guards,
        )

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
                raise cannot_ask(error) from error

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
                raise self._storage_full() from error
            await asyncio.sleep(0.1)
        if seen.done():
            return seen.result()
        self.unknown += 1
        self._troubles.begin(
            SLOW,
            f"etcd has not said within {self._patience:g} s whether a write was made: look at its members' "
            "disks and network",
        )
        raise CoordinatorUnavailable(
            "etcd did not say whether the change was made: it may or may not have happened.",
            outcome="unknown",
        ) from error

    def _storage_full(self) -> StorageFull:
        self._troubles.begin(FULL, QUOTA)
        return StorageFull(
            "etcd's quota is used up: nothing was changed. Compact and defragment it, or raise the "
            "quota, and disarm the alarm."
        )

    def _spawn_revoke(self, lease: int) -> None:
        async def revoke() -> None:
            with suppress(EtcdError):  # it ends by itself
                await self._client.revoke(lease)

        self._keep_running(revoke())


def _extended(until: float) -> float:
    """Until when etcd is waited for, which has just answered: a second more, at least."""
    return max(until, time.monotonic() + 1)
