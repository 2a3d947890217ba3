"""Sending a group to etcd, once; and finding out what became of it where the answer was lost."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress

from app.errors import CoordinatorUnavailable, RevCompacted, StorageFull
from app.store.contract import Fences
from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import (
    Ambiguous,
    EtcdError,
    LeaseNotFound,
    NoSpace,
    NotDone,
    Refused,
    cannot_ask,
)
from app.store.etcd.client.requests import RangeResult
from app.store.etcd.confirmer import Confirmer
from app.store.etcd.continuity import Continuity
from app.store.etcd.follower import Follower
from app.store.etcd.group import TransactionGroup
from app.store.etcd.transaction import Sums, Transaction, building
from app.store.records import Record
from app.store.steps import in_one_go, with_pauses
from app.store.troubles import Troubles

WRITE_SECONDS = 2.5
"""A write that cannot be decided is answered within 3 s, and the next one can be made then."""

OLD = 5.0
"""Seconds after which a group that was not sent is run again: its commits' times are no longer now."""

FULL, SLOW = "full", "slow"

QUOTA = "etcd's quota is used up: compact and defragment it, or raise the quota, and disarm the alarm"


class Lost(Exception):
    """A guard did not hold: nothing was done. `revision` is that of the last commit that etcd knows, 0
    where it was not asked. `late`: it was not even sent, for it had waited too long."""

    def __init__(self, revision: int = 0, *, late: bool = False) -> None:
        super().__init__()
        self.revision = revision
        self.late = late


class Unsaid(Exception):
    """etcd has not said whether it was done."""


class Sender:
    """`troubles` are told when etcd refuses writes for its quota, and when it does not say what became of
    them."""

    def __init__(
        self,
        client: EtcdClient,
        prefix: str,
        fences: Fences,
        follower: Follower,
        confirmer: Confirmer,
        continuity: Continuity,
        troubles: Troubles,
        patience: float,
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._fences = fences
        self._follower = follower
        self._confirmer = confirmer
        self._continuity = continuity
        self._troubles = troubles
        self._patience = patience

    async def grant(self, group: TransactionGroup) -> dict[str, int]:
        """Leases for the keys that are to live by one."""
        try:
            return {key: (await self._client.grant(ttl)).id for key, ttl in group.ttls.items()}
        except NoSpace as error:
            raise self._storage_full() from error
        except EtcdError as error:
            raise cannot_ask(error, " Nothing was written.") from error

    async def renew(self, leased: Iterable[Record | None]) -> None:
        """Raises LeaseNotFound where one of them has gone since its rule was run, EtcdError."""
        for record in leased:
            if record is None:
                raise LeaseNotFound("the key has gone since the rule was run")
            if record.lease:
                await self._client.keep_alive_once(record.lease)

    async def revoke(self, lease: int) -> None:
        with suppress(EtcdError):  # it ends by itself
            await self._client.revoke(lease)

    async def make(self, group: TransactionGroup, leases: dict[str, int]) -> Transaction:
        """The group's transaction: in steps where it is large."""
        follower = self._follower
        sums = Sums(follower.size.total, follower.count)
        steps = building(group, self._prefix, self._fences, sums, self._continuity.guards, leases)
        if not group.alone:
            return in_one_go(steps)
        try:
            await with_pauses(group.making())
            return await with_pauses(steps)
        except RevCompacted:
            raise Lost from None  # so much has come meanwhile that the state below has left the memory

    async def send(self, group: TransactionGroup, made: Transaction, until: float) -> int:
        """The revision of its commits. Raises Lost, Unsaid."""
        while True:
            young = group.formed + OLD - time.monotonic()
            if young < 0:
                raise Lost(late=True)
            try:
                result = await self._client.txn(
                    made.compares,
                    made.operations,
                    made.failure,
                    within=max(until - time.monotonic(), 0.1),
                    sent_within=young,
                )
            except NotDone as error:
                if time.monotonic() >= until - 0.2:
                    raise CoordinatorUnavailable("etcd cannot be reached. Nothing was written.") from error
                await asyncio.sleep(0.05)
            except (Ambiguous, NoSpace) as error:
                raise Unsaid from error
            except Refused as error:
                raise CoordinatorUnavailable(f"etcd refuses the write: {error}") from error
            except EtcdError as error:
                raise cannot_ask(error) from error
            else:
                if result.succeeded:
                    self._end_troubles()
                    return result.revision
                (journal,) = result.responses
                assert isinstance(journal, RangeResult)
                raise Lost(journal.kvs[0].mod_revision if journal.kvs else 0)

    async def find_out(self, seen: "asyncio.Future[int]", until: float, unsaid: Unsaid) -> int:
        """Whether a transaction whose answer was lost has been carried out: its journal entry tells.
        That there is none proves nothing, for it may still be on its way: then the outcome is unknown."""
        error = unsaid.__cause__
        while time.monotonic() < until:
            try:
                async with asyncio.timeout(until - time.monotonic()):
                    await self._confirmer.confirm()
            except (CoordinatorUnavailable, TimeoutError):
                await asyncio.sleep(0.05)
                continue
            if seen.done():
                break
            if isinstance(error, NoSpace):
                raise self._storage_full() from error
            await asyncio.sleep(0.1)
        if seen.done():
            self._end_troubles()
            return seen.result()
        self._troubles.begin(
            SLOW,
            f"etcd has not said within {self._patience:g} s whether a write was made: look at its members' "
            "disks and network",
        )
        raise self.unknown() from error

    def unknown(self) -> CoordinatorUnavailable:
        return CoordinatorUnavailable(
            "etcd did not say whether the change was made: it may or may not have happened.",
            outcome="unknown",
        )

    def _end_troubles(self) -> None:
        self._troubles.end(FULL)
        self._troubles.end(SLOW)

    def _storage_full(self) -> StorageFull:
        self._troubles.begin(FULL, QUOTA)
        return StorageFull(
            "etcd's quota is used up: nothing was changed. Compact and defragment it, or raise the "
            "quota, and disarm the alarm."
        )
