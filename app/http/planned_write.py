"""A write that takes long to plan.

It is planned on the latest snapshot, in small turns, while other writes go on. Its read set is kept, and
the plan is committed if nothing in it has changed since; otherwise it is planned again.
"""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

from app.errors import Conflict, RequestError
from app.events.turns import Turns
from app.http.writes import Write, nothing
from app.registry.idempotency import first_answer, keep_answer
from app.registry.plan import made_at
from app.store.contract import Changes, Outcome, Snapshot, Transact, check_changes
from app.store.reads import Moved, Remembering
from app.store.steps import Steps

RACES = 3
"""Times that a plan is made beside other writes. After that they wait for it."""

HELD = 2.0
"""Seconds for which they do at most, where other replicas' writes come between again and again. The plan that
is being made then is still tried."""

SteppedRule = Callable[[Snapshot, datetime], Steps[Changes]]
"""A rule whose changes are made in steps."""

Begin = Callable[[Remembering], Awaitable[SteppedRule]]
"""What has to be found out first, on the snapshot that the rule is run on; the rule. What it raises, the rule
is taken to have raised."""


async def plan_and_commit(write: Write, turns: Turns, begin: Begin) -> Outcome:
    """How the write ended, as `Write.commit`. Raises what that does, and Conflict where what it has read was
    changed again and again."""
    for _ in range(RACES):
        with suppress(Moved):
            return await _planned(write, turns, begin, write.store.transact)
    # It is changed all the time, and the others have had their turn.
    async with write.store.alone() as transact:
        until = time.monotonic() + HELD
        while True:
            with suppress(Moved):
                return await _planned(write, turns, begin, transact)
            if time.monotonic() > until:
                break
    raise Conflict("What this is about was changed again and again by other replicas meanwhile. Try again.")


async def _planned(write: Write, turns: Turns, begin: Begin, transact: Transact) -> Outcome:
    """The same; raises Moved where it has to be planned anew."""
    snapshot = Remembering(await write.store.latest())
    at = datetime.now(UTC)
    try:
        changes = await _changes(write, turns, begin, snapshot, at)
    except RequestError as error:
        error.rev = snapshot.rev if error.rev is None else error.rev
        raise
    if write.dry_run is not None:
        write.dry_run.planned_on(snapshot.rev)
        return await write.found_again(Outcome(snapshot.rev, changes, None, False))

    def ready(now: Snapshot, committed_at: datetime) -> Changes:
        # Time has passed, too: a token may have ended.
        write.permission.admit(now, committed_at)
        write.limits.check(now, changes)
        if now.has_changed(snapshot.reads):
            raise Moved
        return made_at(changes, at, committed_at)

    # Where there is nothing to change, too: the store may be one that takes no writes now.
    return await write.found_again(await transact(ready, write.origin))


async def _changes(write: Write, turns: Turns, begin: Begin, snapshot: Remembering, at: datetime) -> Changes:
    """What the plan changes, or the first answer to its Idempotency-Key."""
    scope, seen = write.permission.admit(snapshot, at)
    changes = None if write.call is None else first_answer(write.call, seen, at)
    if changes is None:
        write.conditions.check(seen, nothing)
        rule = await begin(snapshot)
        await turns.give_way()  # the call's body was read and checked in this turn
        changes = await turns.take(rule(seen, at))
        if write.call is not None:
            keep_answer(write.call, seen, at, changes)
    await turns.take(write.permission.checking(snapshot, changes, scope))
    if not changes.empty:
        check_changes(changes)
        write.limits.check(snapshot, changes)
    return changes
