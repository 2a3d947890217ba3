"""Chooses the snapshot of a read: the latest, what this replica holds, or the one at a rev or a time."""

from enum import StrEnum
from typing import Annotated

from fastapi import Query

from app.http.asked_rev import AskedRev, named_rev
from app.http.context import Call, Context
from app.models.times import AskedTime
from app.store.contract import Snapshot


class Consistency(StrEnum):
    """`linearizable`: sees every write acknowledged before, by any replica. `stale`: what this replica
    holds, without asking the coordinator."""

    LINEARIZABLE = "linearizable"
    STALE = "stale"


AskedConsistency = Annotated[Consistency, Query(description="`stale` reads what this replica holds.")]


async def chosen(context: Context, call: Call, point: AskedRev, *, stale: bool) -> Snapshot:
    """The snapshot as the caller may see it. Where no rev is asked for, `stale` takes what is held here and
    does not ask the coordinator. Raises RevCompacted, RevInFuture, TimeInFuture, TimeUnsettled,
    CoordinatorUnavailable."""
    see, store = call.principal.see, context.store
    if point is not None:
        return see(await store.at(await named_rev(context, point)))
    return see(store.stale() if stale else await store.latest())


def lasts(context: Context, call: Call, point: AskedRev) -> bool:
    """Whether the answer of a read of this rev is the same for ever. What a token may see may change."""
    named = point is not None and not (isinstance(point, AskedTime) and point.ago)
    return named and context.durable and call.principal.sight.all
