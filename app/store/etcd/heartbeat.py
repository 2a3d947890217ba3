"""What a store on etcd does by itself, every few seconds."""

import asyncio
import random
import time

from app.errors import CoordinatorUnavailable
from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import Denied, EtcdError
from app.store.etcd.client.requests import Delete
from app.store.etcd.client.status import MemberStatus
from app.store.etcd.confirmer import Confirmer
from app.store.etcd.continuity import Continuity
from app.store.etcd.follower import Follower
from app.store.etcd.kept import Kept
from app.store.etcd.layout import FENCE
from app.store.etcd.old_fences import PASS, OldFences
from app.store.etcd.opening import denial
from app.store.etcd.sending import FULL, QUOTA, SLOW
from app.store.troubles import Troubles

HEARTBEAT = 2.0
COMPACTION = 30.0
"""Seconds between two looks at whether there is something to compact."""

_ALARMS = {
    "NOSPACE": (FULL, QUOTA),
    "CORRUPT": ("corrupt", "etcd says that a member's data is corrupt: replace that member"),
}
"""Alarms of etcd: the kind of trouble, and what to do."""

AWAY, WATCH = "away", "watch"


class Heartbeat:
    """Notices that etcd is away, or that the watch stands still, before anybody asks; and compacts. `user` is
    told where etcd refuses it."""

    def __init__(
        self,
        client: EtcdClient,
        prefix: str,
        user: str,
        follower: Follower,
        confirmer: Confirmer,
        continuity: Continuity,
        kept: Kept,
        old_fences: OldFences,
        troubles: Troubles,
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._user = user
        self._follower = follower
        self._confirmer = confirmer
        self._continuity = continuity
        self._kept = kept
        self._old_fences = old_fences
        self._troubles = troubles
        self._compacted, self._total = float("-inf"), follower.size.total
        self._fenced = time.monotonic()

    async def run(self) -> None:
        """For ever. Ends by being cancelled."""
        while True:
            await asyncio.sleep(HEARTBEAT * random.uniform(0.8, 1.2))
            if self._continuity.lost:
                continue
            try:
                await self._beat()
            except (CoordinatorUnavailable, EtcdError) as error:
                self._troubles.begin(AWAY, self._why_away(error))

    async def _beat(self) -> None:
        await self._confirmer.confirm()
        self._troubles.end(AWAY)
        self._troubles.set(WATCH, self._follower.trouble)
        await self._look_at_alarms()
        if SLOW in self._troubles:
            await self._try_to_commit()
        size = self._follower.size
        # Sooner than by the clock where much is written: etcd's quota does not wait.
        if time.monotonic() - self._compacted > COMPACTION or size.much_since(self._total):
            self._compacted, self._total = time.monotonic(), size.total
            await self._kept.learn()
            await self._kept.drop_surplus()
        if time.monotonic() - self._fenced > PASS:
            self._fenced = time.monotonic()
            await self._old_fences.drop()

    def _why_away(self, error: CoordinatorUnavailable | EtcdError) -> str:
        cause = error if isinstance(error, EtcdError) else error.__cause__
        if isinstance(cause, Denied):
            return denial(cause, self._user, self._prefix)
        return error.detail.rstrip(".") if isinstance(error, CoordinatorUnavailable) else f"etcd: {error}"

    async def _try_to_commit(self) -> None:
        """Have etcd agree on a change that changes nothing: a write may not come while it is not ready."""
        nothing = Delete((self._prefix + FENCE + "nothing").encode())
        await self._client.txn([], [nothing])
        self._troubles.end(SLOW)

    async def _look_at_alarms(self) -> None:
        """What etcd's members complain of, with what to do."""
        requests = (self._client.status(endpoint) for endpoint in self._client.endpoints)
        answers = await asyncio.gather(*requests, return_exceptions=True)
        alarms = [word for status in answers if isinstance(status, MemberStatus) for word in status.errors]
        for name, (kind, what) in _ALARMS.items():
            self._troubles.set(kind, what if any(name in word for word in alarms) else "")
