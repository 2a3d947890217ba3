"""Fences of sets that have become empty: they go, so that there are no more of them than there are sets.

A fence is put when a key comes to carry its term, and when one ceases to; nobody takes it away then, for that
would race with those who guard it. What a scale counts has one for each revision that was ever deployed.

A fence that is not there stands for an empty set, as one whose set is empty does. So it may go where its set
is empty in the very commit that deletes it, which is guarded by the fence itself: what comes to carry the
term puts it anew. It has to have been so for a whole pass before: no transaction is on its way for so long.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from app.errors import RequestError
from app.store.contract import Changes, Outcome, Rule, Snapshot
from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.requests import prefix_end
from app.store.etcd.follower import Follower
from app.store.etcd.layout import FENCE
from app.store.records import Origin

logger = logging.getLogger(__name__)

PASS = 600.0
"""Seconds between two looks."""

LOOK = 1000
"""Fences that are looked at in one pass; the next one goes on after them."""

REMEMBERED = 10_000
"""Fences of which it is known that they were empty. Of more, the ones that come first go in a later pass."""

BATCH = 50
"""Fences of one commit."""

_ORIGIN = Origin("visor", "upkeep")


class OldFences:
    """`transact` runs a rule as any other."""

    def __init__(
        self,
        client: EtcdClient,
        prefix: str,
        follower: Follower,
        transact: Callable[[Rule, Origin], Awaitable[Outcome]],
    ) -> None:
        self._client = client
        self._full = prefix + FENCE
        self._follower = follower
        self._transact = transact
        self._after = b""
        self._empty: dict[str, int] = {}
        """Fences whose sets were empty in the pass before, with their revisions."""

    async def drop(self) -> None:
        """Look at some, and delete those that have stood for nothing since they were last looked at. Raises
        EtcdError."""
        begin = self._full.encode()
        start = self._after + b"\0" if self._after else begin
        page = await self._client.range(start, prefix_end(begin), limit=LOOK, keys_only=True)
        self._after = page.kvs[-1].key if page.more else b""
        history = self._follower.history
        old, empty = list[str](), dict[str, int]()
        for kv in page.kvs:
            term = kv.key[len(begin) :].decode(errors="replace")
            # The others stand for what has a key of its own, and go with it.
            if "?" in term and history.count(term, history.rev) == 0:
                empty[term] = kv.mod_revision
                if self._empty.get(term) == kv.mod_revision:
                    old.append(term)
        # Of many, a page is seen again only after all others: what was empty is remembered for so long.
        self._empty = dict([*self._empty.items(), *empty.items()][-REMEMBERED:])
        for at in range(0, len(old), BATCH):
            try:
                await self._transact(_deleting(old[at : at + BATCH]), _ORIGIN)
            except RequestError as error:
                logger.info("fences of empty sets are dropped later: %s", error.detail)
                return


# - fence/{term}, each whose term nobody carries
def _deleting(terms: list[str]) -> Rule:
    def rule(snapshot: Snapshot, at: datetime) -> Changes:
        there = [term for term in terms if snapshot.get(FENCE + term) is not None]
        return Changes(deletes={FENCE + term for term in there if snapshot.count(term) == 0})

    return rule
