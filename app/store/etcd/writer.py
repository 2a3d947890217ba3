"""The writing half of the store on etcd: rules that wait go as one group, in one transaction that is
guarded by everything they have read.

One group at a time is on its way; the writes that come meanwhile make the next. A lost race writes nothing
and runs the group's rules again. A group whose answer was lost is looked for, never sent again; others go on
meanwhile, but for those that have to do with its keys.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

from app.errors import Conflict, CoordinatorUnavailable, RequestError
from app.store.clock_watch import ClockWatch
from app.store.contract import Changes, Fences, Outcome, Rule, Transact
from app.store.etcd.client.errors import EtcdError, LeaseNotFound, cannot_ask
from app.store.etcd.confirmer import Confirmer
from app.store.etcd.continuity import Continuity
from app.store.etcd.follower import Follower
from app.store.etcd.group import TransactionGroup
from app.store.etcd.patience import Patience
from app.store.etcd.sending import Lost, Sender, Unsaid
from app.store.etcd.sent import Sent
from app.store.etcd.transaction import Transaction
from app.store.etcd.waiting import Take, WaitingWrite, WriteQueue
from app.store.overlay import Draft
from app.store.records import Origin
from app.store.troubles import Troubles, lost_error

logger = logging.getLogger(__name__)

RACES = 100
"""Times that a rule is run again before the race is called lost."""

TURN = 0.01
"""Seconds of one turn of the loop for which rules are run."""


class EtcdWriter:
    """Runs rules and commits what they want. `patience`: seconds after which a write that cannot be decided
    is answered so."""

    def __init__(
        self,
        sender: Sender,
        fences: Fences,
        follower: Follower,
        confirmer: Confirmer,
        clock: Callable[[], datetime],
        continuity: Continuity,
        troubles: Troubles,
        patience: float,
    ) -> None:
        self._sender = sender
        self._fences = fences
        self._follower = follower
        self._confirmer = confirmer
        self._clock = clock
        self._continuity = continuity
        self._troubles = troubles
        self._seconds = patience
        self._clock_watch = ClockWatch()
        self._running: set[asyncio.Task[Any]] = set()
        self._queue = WriteQueue()
        self._flying = False
        self._holding = asyncio.Lock()
        self._unsaid: set[TransactionGroup] = set()
        """Groups of which etcd has not said what became of them."""
        self._patience = Patience(self._queue, self._unsaid)
        self.committed = 0
        self.groups = 0
        self.races = 0
        self.unknown = 0

    async def close(self) -> None:
        """Finish what was accepted: each write ends by its own deadline, and is told how."""
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * self._seconds):
                while self._running or self._queue:
                    await asyncio.wait(self._running or {asyncio.create_task(asyncio.sleep(0.01))})
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._queue.refuse_all(CoordinatorUnavailable("The store is closing. Nothing was written."))
        self._patience.close()

    async def transact(self, rule: Rule, origin: Origin) -> Outcome:
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.add(WaitingWrite(rule, origin, answer, time.monotonic() + self._seconds))
        # In this very turn where nothing is on its way: a write that is alone need not wait for others.
        self._go_on()
        # A client that goes away takes back nothing: its rule is run, and nobody told.
        return await answer

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[Transact]:
        """As `Store.alone`."""
        async with self._holding:
            self._queue.held = True
            try:
                while self._flying:
                    await asyncio.wait(set(self._running), return_when=asyncio.FIRST_COMPLETED)
                yield self._transact_now
            finally:
                self._queue.release()
                self._go_on()

    async def _transact_now(self, rule: Rule, origin: Origin) -> Outcome:
        """As `transact`, while all others wait."""
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.let_one(WaitingWrite(rule, origin, answer, time.monotonic() + self._seconds))
        self._go_on()
        return await answer

    def _keep_running(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    # Forming groups

    def _go_on(self) -> None:
        """Send the next group, unless one is on its way."""
        if self._flying or not self._queue.has_next:
            return
        refusal = self._refusal()
        if refusal is not None:
            self._queue.refuse_all(refusal)
            return
        self._patience.look_again()
        until = time.monotonic() + TURN
        group = self._form(until)
        if group.members:
            self._flying = True
            self._keep_running(self._fly(group))
        elif self._queue.has_next:
            asyncio.get_running_loop().call_soon(self._go_on)

    def _refusal(self) -> CoordinatorUnavailable | None:
        if self._continuity.lost:
            return lost_error()
        if not self._continuity.writable:
            return CoordinatorUnavailable(
                "The registry's schema is none that this version knows. Nothing was written: `/readyz` says "
                "what its operator has to do."
            )
        return None

    def _form(self, until: float) -> TransactionGroup:
        history = self._follower.history
        group = TransactionGroup(
            Draft(history),
            history.snapshot(history.rev),
            self._follower.watched,
            self._fences,
            self._follower.journal.at,
            self._clock,
            self._clock_watch,
        )
        while self._queue.has_next and time.monotonic() < until:
            waiting = self._queue.take()
            busy = set().union(*(other.touched for other in self._unsaid)) if self._unsaid else set()
            took = group.take(waiting, busy)
            if took is Take.NEXT:
                self._queue.put_back(waiting)
                break
            if took is Take.UNCONFIRMED:
                self._keep_running(self._confirm(waiting))
            elif took is Take.RENEWS and group.renewing is not None:
                self._keep_running(self._renew(waiting, group.renewing))
            elif took is Take.BUSY:
                # It waits for a group of which nobody knows, and is run again after that.
                next(iter(self._unsaid)).behind.append(waiting)
            elif took is Take.LAST:
                break
        return group

    def _again(self, waiting: Iterable[WaitingWrite]) -> None:
        """They are run again, ahead of the others, in their order."""
        until = self._patience.extended(0)
        for write in waiting:
            write.until = max(write.until, until)
            self._queue.put_behind_the_first(write)

    async def _confirm(self, waiting: WaitingWrite) -> None:
        try:
            await self._confirmer.confirm()
        except Exception as error:
            waiting.refuse(error)
            return
        self._patience.heard()
        waiting.confirmed = True
        self._again([waiting])
        self._go_on()

    async def _renew(self, waiting: WaitingWrite, changes: Changes) -> None:
        """Renew leases; where one is gone, the rule has to see that."""
        snapshot = self._follower.history.snapshot(self._follower.history.rev)
        # Read before anything is waited for: what a snapshot is of may leave the memory.
        leased = [snapshot.get(key) for key in changes.renews]
        answer = snapshot.get(changes.answer) if changes.answer else None
        try:
            await self._sender.renew(leased)
        except LeaseNotFound:
            self._count_race(waiting)
            await self._confirm(waiting)
        except EtcdError as error:
            waiting.refuse(cannot_ask(error))
        except Exception as error:
            waiting.refuse(error)
        else:
            waiting.tell(Outcome(snapshot.rev, changes, answer, False))

    # On its way

    async def _fly(self, group: TransactionGroup) -> None:
        """Bring a group to its end, whatever happens, and let the next one go."""
        try:
            await self._bring(group)
        except RequestError as error:
            group.refuse(error)
        except asyncio.CancelledError:
            group.refuse(self._sender.unknown())
            raise
        except Exception:
            # Whatever it is: a writer that ended in silence would keep all who write waiting for ever.
            logger.exception("the writer failed")
            group.refuse(self._sender.unknown())
        finally:
            if group in self._unsaid:
                self._unsaid.discard(group)
            else:
                self._flying = False
            self._again(group.behind)
            self._go_on()

    async def _bring(self, group: TransactionGroup) -> None:
        leases: dict[str, int] = {}
        try:
            leases = await self._sender.grant(group)
            made = await self._sender.make(group, leases)
            sent = Sent(group, made, self._follower.history)
            revision = await self._send(group, made, sent)
        except Lost as lost:
            self._revoke(leases.values())
            await self._run_again(group, lost)
            return
        self._patience.heard()
        self._revoke(group.leases_before)
        self.committed += len(group.members)
        self.groups += 1
        if not self._follower.take(sent, revision):
            await self._reach(revision)
        group.answer(revision, lambda key: leases.get(key, 0))

    async def _reach(self, revision: int) -> None:
        """Have who asked see it here at once, stale reads and events too."""
        try:
            async with asyncio.timeout(1):
                await self._follower.reach(revision)
        except TimeoutError:
            logger.info("the watch has not brought revision %d within a second", revision)

    async def _send(self, group: TransactionGroup, made: Transaction, sent: Sent) -> int:
        """The group's revision. Raises Lost."""
        until = self._patience.extended(group.until)
        self._follower.expect(sent)
        try:
            return await self._sender.send(group, made, until)
        except Unsaid as unsaid:
            # Others need not wait for what is not known: unless they have to do with the same keys.
            self._unsaid.add(group)
            self._flying = False
            self._go_on()
            try:
                return await self._sender.find_out(sent.seen, until, unsaid)
            except CoordinatorUnavailable:
                self.unknown += len(group.members)
                raise
        finally:
            self._follower.forget(sent)

    async def _run_again(self, group: TransactionGroup, lost: Lost) -> None:
        """The group has lost a race: what it was run on was not the latest."""
        waiting = [member.waiting for member in group.members]
        if lost.late:
            # At another time, that is all: it has raced with nobody.
            for write in reversed(waiting):
                self._queue.put_back(write)
            return
        self._patience.heard()
        self.races += 1
        for write in waiting:
            self._count_race(write)
        race = max(write.races for write in waiting)
        if race > 1:
            # Of many that race, some should be ahead.
            await asyncio.sleep(random.uniform(0, min(0.001 * 2**race, 0.03)))
        caught_up = False
        if race == 1 and lost.revision:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await self._follower.reach(lost.revision)
                    caught_up = True
        if not caught_up:
            await self._confirmer.confirm()
            for write in waiting:
                write.confirmed = True
        # Ahead of those that were put back while it was on its way.
        until = self._patience.extended(0)
        for write in reversed(waiting):
            write.until = max(write.until, until)
            if not write.answer.done() or write.races <= RACES:
                self._queue.put_back(write)

    def _count_race(self, waiting: WaitingWrite) -> None:
        waiting.races += 1
        if waiting.races > RACES:
            waiting.refuse(Conflict("The change lost too many races against others. Try again."))

    def _revoke(self, leases: Iterable[int]) -> None:
        for lease in leases:
            self._keep_running(self._sender.revoke(lease))
