"""Services with one deliberate defect each: what a judge is for, it has to find.

A mutant is patched in from here, in the process that is started with its name; the application knows
nothing of them.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.errors import RequestError
from app.events import fanout, sse, stream
from app.events.event import Event
from app.events.filters import Filter, Subject
from app.events.position import Position
from app.events.time_index import Point, TimeIndex
from app.events.turns import Turns
from app.http import reads, writes
from app.models import keys
from app.models.instance import Status
from app.registry import apps, claims, life, ports, preconditions, revert, scale, tickets
from app.routers import diff
from app.store.contract import Changes, Snapshot
from app.store.embedded import store as embedded
from app.store.embedded.leases import Leases
from app.store.etcd import store as etcd
from app.store.etcd.group import TransactionGroup
from app.store.records import Commit, Record


@dataclass(frozen=True)
class Mutant:
    """`patch` puts the defect in; `judge` names who has to find it: none where no promise is broken and the
    service is only slow, for which a run has floors. `kills` is true where it takes a crash to show.
    `writers` names the scripts that show it soon: all, where none is named."""

    name: str
    judge: str
    patch: Callable[[], None]
    kills: bool = False
    writers: tuple[str, ...] = ()


def _dropped_event() -> None:
    """A stream leaves one event out now and then."""
    made = fanout.events_in_turns

    async def dropped(commit: Commit, turns: Turns) -> list[Event]:
        return await made(commit, turns) if commit.rev % 41 else []

    fanout.events_in_turns = dropped


def _repeated_event() -> None:
    """A stream that is resumed says the last event again."""

    def passed(self: Position, rev: int, index: int) -> bool:
        return rev < self.rev or (rev == self.rev and (self.index is None or index < self.index))

    Position.passed = passed  # type: ignore[method-assign]


def _unfiltered_event() -> None:
    """A filter that does not look at the host."""
    fits = Filter.fits_subject

    def blind(self: Filter, subject: Subject) -> bool:
        return fits(replace(self, hosts=frozenset()), subject)

    Filter.fits_subject = blind  # type: ignore[method-assign]


def _early_bookmark() -> None:
    """A mark says that more was sent than was."""
    mark = sse.mark
    sse.mark = lambda event, at: mark(event, replace(at, rev=at.rev + 2) if event == "bookmark" else at)


def _partial_snapshot() -> None:
    """A stream's snapshot leaves the proctypes out."""
    stream.SNAPSHOT_TERMS.pop("proctype")


def _early_answer() -> None:
    """Writes are answered before they are on the disk."""
    keep = embedded.EmbeddedWriter._keep

    async def early(
        self: Any, commits: list[Commit], oldest: int, give_up: Any, marks: Any = ()
    ) -> RequestError | None:
        if not commits:
            return await keep(self, commits, oldest, give_up)
        await self._publish(commits, oldest)

        async def late() -> None:
            await asyncio.sleep(0.4)
            await self._thread.run(self._log.append, commits, oldest, marks)

        self._late = [*getattr(self, "_late", [])[-100:], asyncio.create_task(late())]
        return None

    embedded.EmbeddedWriter._keep = early  # type: ignore[method-assign]


def _stale_read() -> None:
    """A default read shows what was the latest two commits ago; on etcd, what the replica holds."""

    async def latest(self: Any) -> Snapshot:
        history = self._held.history
        return history.snapshot(max(history.floor, history.rev - 2))  # type: ignore[no-any-return]

    async def unconfirmed(self: Any) -> Snapshot:
        return self.stale()  # type: ignore[no-any-return]

    embedded.EmbeddedStore.latest = latest  # type: ignore[method-assign]
    etcd.EtcdStore.latest = unconfirmed  # type: ignore[method-assign]


def _rev_goes_back() -> None:
    """What a replica holds is an older state every third time."""
    count = 0
    snapshot = reads.View.snapshot

    async def back(self: Any) -> Snapshot:
        nonlocal count
        if not self._stale or self._rev is not None:
            return await snapshot(self)
        count += 1
        history = self._context.store._held.history
        return history.snapshot(max(history.floor, history.rev - (100 if count % 3 == 0 else 0)))  # type: ignore[no-any-return]

    reads.View.snapshot = back  # type: ignore[method-assign]


def _changing_snapshot() -> None:
    """A read at a rev shows the latest where that is near."""
    at = embedded.EmbeddedStore.at

    async def near(self: Any, rev: int) -> Snapshot:
        if 0 < self.rev - rev < 250:
            found: Snapshot = _At(self.stale(), rev)
            return found
        return await at(self, rev)

    embedded.EmbeddedStore.at = near  # type: ignore[method-assign]


class _At:
    """A snapshot that says that it is of another rev."""

    blocking = False

    def __init__(self, snapshot: Snapshot, rev: int) -> None:
        self.rev = rev
        self.get, self.find, self.count = snapshot.get, snapshot.find, snapshot.count


def _ignored_token() -> None:
    """Whoever is the host may speak, whichever claim it speaks of."""
    held = claims.held

    def deaf(snapshot: Snapshot, id: int, claimer: Any) -> Any:
        return held(
            snapshot, id, claimer.model_copy(update={"claim_rev": tickets.need_live(snapshot, id).claim_rev})
        )

    claims.held = life.held = deaf  # type: ignore[assignment]


def _second_claimer() -> None:
    """A ticket that is claimed may be claimed again."""
    live = claims.live

    def pending(snapshot: Snapshot, id: int) -> Any:
        found = live(snapshot, id)
        if found.status is Status.CLAIMED:
            found.status = Status.PENDING
        return found

    claims.live = pending


def _half_commit() -> None:
    """An app goes, and its proctypes stay."""
    unregister = apps.unregister

    def half(snapshot: Snapshot, at: Any, name: str) -> Changes:
        changes = unregister(snapshot, at, name)
        changes.prefixes.discard(keys.proctypes_of(name))
        return changes

    apps.unregister = half


def _scale_off_by_one() -> None:
    """Down is one too few, and says that it is not: else the next step would make up for it."""
    down = scale._down

    def one_less(changes: Changes, at: Any, going: list[Record]) -> list[int]:
        ids = down(changes, at, going)
        if len(ids) > 1:
            del changes.puts[keys.instance(ids[-1])]
        return ids

    scale._down = one_less


def _forgotten_key() -> None:
    """A write is made again when it is asked for again."""
    writes.once = lambda call, rule: rule


def _port_twice() -> None:
    """A port is given without being counted."""
    ports.write = lambda changes, key, following: None


def _ignored_condition() -> None:
    """If-Match is not looked at."""
    preconditions.Preconditions.check = lambda self, snapshot, target: None  # type: ignore[method-assign]


def _untrue_answer() -> None:
    """A new app is shown with another stack than it has."""
    answer = reads.json_answer

    def untrue(body: bytes, rev: int, status: int = 200, **more: Any) -> Any:
        return answer(body.replace(b'"lenny"', b'"squeeze"'), rev, status, **more)

    writes.json_answer = untrue


def _early_end_of_lease() -> None:
    """A renewal ends the lease. One that was only not heard would show by milliseconds, for here members
    renew at once, and the event's way to who listens takes as long."""

    def end(self: Leases, key: str) -> None:
        held = self._held.get(key)
        if held is not None:
            self._held[key] = (self._clock(), held[1])
            self._changed.set()

    Leases.renew = end  # type: ignore[method-assign]


def _torn_commit() -> None:
    """A stream gives the second part of a commit first."""
    made = fanout.events_in_turns

    async def torn(commit: Commit, turns: Turns) -> list[Event]:
        events = await made(commit, turns)
        return [*events[1:], events[0]] if len(events) > 1 else events

    fanout.events_in_turns = torn


def _half_revert() -> None:
    """What goes back keeps a variable that came later."""
    parts = revert._Restoring._parts_of_app

    def some(self: Any, said: Any, there: Any) -> Any:
        whole = parts(self, said, there)
        later = {} if there is None else there["env"]
        return {**whole, "env": {**later, **whole["env"]}}

    revert._Restoring._parts_of_app = some  # type: ignore[method-assign]


def _silent_difference() -> None:
    """Now and then an object that has changed is none."""
    tell = diff.difference

    def silent(before: Record | None, after: Record | None, field: Sequence[str] = ()) -> Any:
        found = tell(before, after, field)
        return None if found is not None and after is not None and after.rev % 4 == 0 else found

    diff.difference = silent


def _late_time() -> None:
    """A time is that of the rev before the newest one."""
    at = TimeIndex.at

    def late(self: TimeIndex, time: int) -> Point | None:
        found = at(self, time)
        return found and (at(self, found.time - 1) or found)

    TimeIndex.at = late  # type: ignore[method-assign]


def _no_groups() -> None:
    """On etcd each write is a transaction of its own."""
    TransactionGroup._has_room = lambda *given: False  # type: ignore[method-assign]


MUTANTS = {
    mutant.name: mutant
    for mutant in (
        Mutant("dropped event", "events", _dropped_event),
        Mutant("repeated event", "events", _repeated_event),
        Mutant("unfiltered event", "events", _unfiltered_event),
        Mutant("early bookmark", "events", _early_bookmark),
        Mutant("torn commit", "events", _torn_commit),
        Mutant("partial snapshot", "starts", _partial_snapshot),
        Mutant("answer before the commit is durable", "acknowledged", _early_answer, kills=True),
        Mutant("forgotten key", "acknowledged", _forgotten_key),
        Mutant("stale read passed as fresh", "linearizable", _stale_read),
        Mutant("rev that goes back", "forward", _rev_goes_back),
        Mutant("changing snapshot", "snapshots", _changing_snapshot),
        Mutant("ignored fencing token", "fencing", _ignored_token),
        Mutant("second claimer", "racing", _second_claimer),
        Mutant("half commit", "whole", _half_commit),
        Mutant("scale off by one", "scale", _scale_off_by_one),
        Mutant("port twice", "unique", _port_twice),
        Mutant("ignored condition", "conditions", _ignored_condition),
        Mutant("untrue answer", "answers", _untrue_answer),
        Mutant("half a revert", "reverts", _half_revert, writers=("platforms",)),
        Mutant("silent difference", "differences", _silent_difference, writers=("platforms",)),
        Mutant("late time", "times", _late_time, writers=("variables",)),
        Mutant("early end of a lease", "members", _early_end_of_lease),
        Mutant("no groups on etcd", "", _no_groups),
    )
}
