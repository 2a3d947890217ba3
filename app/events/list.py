"""The history as a list, for clients that cannot hold a stream open."""

import asyncio
from dataclasses import dataclass

from app.events.event import Event, events_in_turns
from app.events.fanout import Channels
from app.events.filters import Filter
from app.events.position import Position
from app.events.turns import Turns
from app.events.waiter import Waiter
from app.store.contract import Store

_COMMITS = 256


@dataclass(frozen=True, slots=True)
class FoundEvents:
    """`next` is where to go on: the last event, or the rev, when everything up to it was looked at."""

    rev: int
    events: list[Event]
    next: Position


async def read_page(
    store: Store, channels: Channels, start: Position, wanted: Filter, limit: int, size: int, wait: float
) -> FoundEvents:
    """Up to `limit` events after a place, of `size` bytes together, but at least one; where there is none,
    wait for one, at most `wait` seconds. Raises RevCompacted."""
    clock = asyncio.get_running_loop().time
    until = clock() + wait
    channel, waiter = channels.of(wanted), Waiter()
    try:
        while True:
            page = await _read(store, channels.turns, start, wanted, limit, size)
            if page.events or clock() >= until or channels.closing:
                return page
            start = page.next
            if not channel.behind(start):
                await waiter.wait(channel.waiting, until)
    finally:
        waiter.close()


async def _read(
    store: Store, turns: Turns, start: Position, wanted: Filter, limit: int, size: int
) -> FoundEvents:
    events: list[Event] = []
    at = start
    while True:
        latest = store.rev
        commits = await store.commits(at.after, _COMMITS)
        for commit in commits:
            for event in await events_in_turns(commit, turns):
                if turns.over:  # a long look back must not keep the others waiting
                    await turns.give_way()
                if at.passed(event.rev, event.index) or not wanted.fits(event.type, event.subjects):
                    continue
                size -= len(event.data) + 1
                if len(events) == limit or (events and size < 0):
                    return FoundEvents(commit.rev, events, Position(events[-1].rev, events[-1].index))
                events.append(event)
            at = Position(max(commit.rev, at.rev))
            if turns.over:
                await turns.give_way()
        if not commits:
            # A coordinator that others use has revs that are not ours: nothing of ours is up to here.
            at = Position(max(latest, at.rev))
        if not commits or at.rev >= store.rev:
            return FoundEvents(at.rev, events, at)
