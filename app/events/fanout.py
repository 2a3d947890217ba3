"""Fan-out: subscribers with the same filter share a channel, whose bytes are made once.

A synced subscriber waits in the channel of its filter. When commits arrive, one task decides for each
channel which of their events match, joins them to one chunk, and wakes the subscribers of the channel. If
nothing matches, nobody in the channel wakes. Who was not waiting, because he is new or reads slowly,
reads the history from his own place until he has caught up, and holds up nobody.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from weakref import WeakValueDictionary

from app.errors import RequestError, RevCompacted
from app.events.event import Event, events_in_turns
from app.events.filters import Filter
from app.events.hub import Hub
from app.events.position import Position
from app.events.snapshot_frames import SnapshotFrames
from app.events.turns import Turns
from app.events.waiter import Waiter
from app.store.contract import Store
from app.store.records import Commit

logger = logging.getLogger(__name__)

_COMMITS = 64
CHUNK = 32 * 1024
"""Bytes after which a chunk is full. With what a connection may have buffered already it bounds what a
subscriber that does not read costs."""

BATCH, BUSY_BATCH = 64, 512
"""Subscribers that are woken before others, requests above all, have a turn."""

_DECISIONS = 4096
"""The same for events looked at."""


class Channel:
    """Those who want the same. `head` is the rev up to which was looked at what there is for them."""

    __slots__ = (
        "__weakref__",
        "_chunk",
        "_next",
        "_quiet",
        "_reads",
        "_since",
        "_store",
        "_turns",
        "_upto",
        "broken",
        "head",
        "waiting",
        "wanted",
    )

    def __init__(self, store: Store, turns: Turns, wanted: Filter, head: int) -> None:
        self._store = store
        self._turns = turns
        self.wanted = wanted
        self.head = head
        self.broken = False
        """Whether what comes next does not continue what those of this channel were sent."""
        self.waiting: dict[Waiter, None] = {}
        self._quiet = head
        """After this rev, and up to the head, nothing came that is wanted."""
        self._reads = _COMMITS
        """Commits to read at a time from the history: about as many as fill a chunk, since the others are
        read again for the next one."""
        self._since, self._upto, self._chunk, self._next = 0, -1, b"", Position(head)
        """The last chunk: all for one whose place is between `_since` and `_upto`, and his place then."""

    def behind(self, at: Position) -> bool:
        """Whether there may be something to read for one at this place."""
        return self.broken or at.after < (self._quiet if at.index is None else self.head)

    def publish(self, events: Sequence[Event], to: int) -> list[Waiter]:
        """Take in the events up to a rev; who has to be woken because of them."""
        if self.waiting:
            chunk = b"".join([event.frame for event in events if self._fits(event)])
            if chunk:
                self._since, self._upto, self._chunk, self._next = self._quiet, self.head, chunk, Position(to)
                return self.skip(to)
        elif events:
            return self.skip(to)
        self.head = to
        return []

    def skip(self, to: int) -> list[Waiter]:
        """Go on at a rev without a look at what was before it; all of whom are to look for themselves."""
        self.head = self._quiet = to
        woken = list(self.waiting)
        self.waiting.clear()
        return woken

    async def read(self, at: Position) -> tuple[bytes, Position]:
        """What comes next for one at this place, and his place then. Never waits for news. Raises
        RevCompacted, CoordinatorUnavailable."""
        if self.broken:
            raise RevCompacted("What was served is not continued: begin with a snapshot.")
        if at.index is None:
            if at.rev >= self._quiet:
                return b"", at if at.rev >= self.head else Position(self.head)
            if self._since <= at.rev <= self._upto:
                return self._chunk, self._next
        return await self._catch_up(at)

    async def _catch_up(self, at: Position) -> tuple[bytes, Position]:
        """The same from the history. Not beyond the head: what is there is brought to all together."""
        head = self.head
        if at.after >= head:
            return b"", at
        chunk = bytearray()
        commits = await self._store.commits(at.after, self._reads)
        known = [commit for commit in commits if commit.rev <= head]
        for number, commit in enumerate(known, 1):
            for event in await events_in_turns(commit, self._turns):
                if not at.passed(event.rev, event.index) and self._fits(event):
                    chunk += event.frame
                if self._turns.over:
                    await self._turns.give_way()
            at = Position(max(commit.rev, at.rev))
            if len(chunk) >= CHUNK:
                self._reads = number
                return bytes(chunk), at
        self._reads = min(2 * self._reads, _COMMITS)
        if len(known) < len(commits) or not commits:
            # A coordinator that others use has revs that are not ours: nothing of ours is up to here.
            at = Position(max(head, at.rev))
        return bytes(chunk), at

    def _fits(self, event: Event) -> bool:
        return self.wanted.fits(event.type, event.subjects)


class Channels:
    """All channels that somebody uses, and the task that brings them what happens."""

    def __init__(self, store: Store, hub: Hub) -> None:
        self._store = store
        self._hub = hub
        self.measures = hub.measures
        self._channels: WeakValueDictionary[Filter, Channel] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        self.turns = Turns()
        self.frames = SnapshotFrames()
        self._head = 0
        self.closing = False
        """True once all that was committed before the hub stopped has been brought to who waited."""

    def start(self) -> None:
        self._head = self._store.rev
        self._store.when_broken(self._break)
        self._tasks.add(asyncio.create_task(self._run(), name="visor-channels"))

    async def close(self) -> None:
        """After the hub has stopped: let everybody go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.closing = True

    def of(self, wanted: Filter) -> Channel:
        """The channel for this filter. It is kept for as long as somebody has it."""
        channel = self._channels.get(wanted)
        if channel is None:
            channel = self._channels[wanted] = Channel(self._store, self.turns, wanted, self._head)
        return channel

    def _break(self) -> None:
        """What comes next does not continue what was served: whoever follows has to begin anew."""
        ended = list(self._channels.values())
        self._channels.clear()
        for channel in ended:
            channel.broken = True
        waking = asyncio.create_task(
            self._wake(waiter for channel in ended for waiter in list(channel.waiting))
        )
        self._tasks.add(waking)
        waking.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        while not self._hub.closing:
            await self._bring_all(await self._hub.news(self._head))
        await self._bring_all(self._store.rev)  # what the hub has not seen any more
        self.closing = True
        await self._wake(
            waiter for channel in list(self._channels.values()) for waiter in list(channel.waiting)
        )

    async def _bring_all(self, latest: int) -> None:
        try:
            if not self._channels:
                # Nobody to bring them to: the events are made when they are asked for.
                self._head = latest
            while self._head < latest:
                commits = await self._hub.commits(self._head)
                async for events, to in _waves(commits, self.turns):
                    await self._bring(events, to)
                if not commits:
                    await self._bring([], latest)
        except RequestError as error:
            logger.warning("subscribers read on for themselves from rev %d: %s", self._head, error.detail)
            await self._skip(latest)
        except Exception:
            logger.exception("events could not be brought to all; subscribers read them for themselves")
            await self._skip(latest)

    async def _bring(self, events: Sequence[Event], to: int) -> None:
        """Bring events to every channel. A new one, made meanwhile, begins behind them."""
        self._head = to
        by_app: dict[str | int | None, list[Event]] = {}
        for event in events:
            for app in {subject.names.get("app") for subject in event.subjects}:
                by_app.setdefault(app, []).append(event)
        woken: list[Waiter] = []
        decisions = 0
        for channel in list(self._channels.values()):
            app, *others = channel.wanted.apps or (None,)
            possible = events if app is None or others else by_app.get(app, ())
            woken += channel.publish(possible, to)
            decisions += len(possible)
            if len(woken) >= self._batch or decisions >= _DECISIONS:
                await self._wake(woken)
                woken, decisions = [], 0
        await self._wake(woken)

    @property
    def _batch(self) -> int:
        """Subscribers to wake at a time: more, where new commits have come while the last were brought.
        Else those who write would leave the events no time, and the events fall behind for ever."""
        return BATCH if self._head >= self._store.rev else BUSY_BATCH

    async def _skip(self, to: int) -> None:
        self._head = to
        for channel in list(self._channels.values()):
            await self._wake(channel.skip(to))

    async def _wake(self, waiters: Iterable[Waiter]) -> None:
        """Wake them, some at a time: a commit that thousands wait for must not hold up the requests."""
        left = self._batch
        for waiter in waiters:
            waiter.wake()
            left -= 1
            if left <= 0:
                await asyncio.sleep(0)
                left = self._batch
        # Once more, so that the last of them take the chunk before there is another.
        await asyncio.sleep(0)


async def _waves(commits: Iterable[Commit], turns: Turns) -> AsyncIterator[tuple[list[Event], int]]:
    """The events of the commits in pieces that are sent as one chunk, and the rev that each goes up to."""
    events: list[Event] = []
    size = 0
    commit = None
    for commit in commits:
        wave = await events_in_turns(commit, turns)
        events += wave
        size += sum(len(event.data) for event in wave)
        if size >= CHUNK:
            await _make_frames(events, turns)
            yield events, commit.rev
            events, size, commit = [], 0, None
    if commit is not None:
        yield events, commit.rev


async def _make_frames(events: Iterable[Event], turns: Turns) -> None:
    """Have the frames made with pauses that are asked for without one."""
    for event in events:
        _ = event.frame
        if turns.over:
            await turns.give_way()
