"""The bytes of one event stream: a position in the shared history.

A subscriber holds a position and nothing else. What it has not been sent yet is in the history, which all
share. So a slow reader delays nobody, and when its position has left the history it gets `gone`.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from math import ceil

from app.errors import CoordinatorUnavailable, RevCompacted
from app.events import sse
from app.events.fanout import CHUNK, Channels
from app.events.filters import Filter
from app.events.position import Position
from app.events.standing import AskStanding, Standing, always
from app.events.waiter import Waiter
from app.models import keys
from app.models.event import KINDS
from app.store.contract import Snapshot, Store
from app.store.records import Record
from app.store.snapshots import find_page, scan

Write = Callable[[bytes], Awaitable[None]]
"""Sends bytes to the subscriber; returns when he has room for more."""

_PAGE, _PAGE_BYTES = 500, 4 * 1024 * 1024
"""Objects of a snapshot that are asked for at a time."""

_STEPS = 256
"""Moments within `keep_alive` seconds at which idle streams speak."""


class StreamOver(Exception):
    """The stream must not go on."""


SNAPSHOT_TERMS = {kind: f"{kind}/" for kind in KINDS} | {
    "instance": keys.LIVE,
    # A target of 0 is one that has ended, whatever is still left to stop.
    "scale": keys.SCALES_TO_SOME,
}


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: a comment when nothing was sent for `keep_alive`, a bookmark every `bookmark`, the end
    after `max_age` (0: never). `retry` in milliseconds.

    Streams that were opened together, or fell silent together, must not all speak together: each has
    its first bookmark sooner, by up to a half, and the others from there; its own patience before a
    comment, up to a tenth shorter; and its own age, up to a half shorter."""

    keep_alive: float = 15.0
    bookmark: float = 30.0
    max_age: float = 600.0
    retry: int = 2000


class Stream:
    """What one subscriber is sent, from a position on. With `snapshot` first what is there then; with `gone`
    it is told before that the position it came with is no longer kept. With `instance_rows` the snapshot has
    these fields of the instances, as rows."""

    def __init__(
        self,
        store: Store,
        channels: Channels,
        start: Position,
        wanted: Filter,
        pace: Pace,
        snapshot: bool = False,
        gone: bool = False,
        standing: AskStanding = always,
        instance_rows: tuple[str, ...] = (),
    ) -> None:
        self._store = store
        self._channels = channels
        self._channel = channels.of(wanted)
        self._at = start
        self._wanted = wanted
        self._pace = pace
        self._snapshot = snapshot
        self._gone = gone
        self._standing = standing
        self._fields = {"instance": instance_rows} if instance_rows else {}
        self._waiter = Waiter()
        self._left = False

    def leave(self) -> None:
        """Nobody reads it any more: it ends."""
        self._left = True
        self._waiter.wake()

    def look(self) -> None:
        """Whether it may go on has changed, perhaps: it looks at once."""
        self._waiter.wake()

    @property
    def _ending(self) -> bool:
        return self._left or self._channels.closing

    def _check_standing(self) -> None:
        """Raises StreamOver where it must not be written to any more, RevCompacted where its reader is to
        begin anew."""
        standing = self._standing()
        if standing is Standing.OVER:
            raise StreamOver
        if standing is Standing.WIDER:
            raise RevCompacted("The caller may see more than before: begin with a snapshot.")

    async def run(self, write: Write) -> None:
        """Write whole frames, many at once where many are pending, until the service stops, the place is
        gone, or the stream has reached its age."""
        opening = sse.retry(round(self._pace.retry * random.uniform(0.8, 1.2)))

        async def write_first(chunk: bytes) -> None:
            nonlocal opening
            self._check_standing()
            await write(opening + chunk)
            opening = b""

        measures = self._channels.measures
        measures.streams += 1
        try:
            if self._gone:
                measures.gone.inc()
                await write_first(sse.gone(self._store.oldest_rev))
            if self._snapshot:
                await self._write_snapshot(write_first, self._at.rev)
            else:
                # A client that is cut before the first event has a position to come back with.
                await write_first(sse.mark("bookmark", self._at))
            await self._write_on(write)
        except RevCompacted:
            measures.gone.inc()
            await write(opening + sse.gone(self._store.oldest_rev))
        except (CoordinatorUnavailable, StreamOver):
            return  # a clean end: its reader comes again with the place it has
        finally:
            measures.streams -= 1
            self._waiter.close()

    async def _write_on(self, write: Write) -> None:
        pace, channel, clock = self._pace, self._channel, asyncio.get_running_loop().time
        last_frame = clock()
        step = min(pace.keep_alive, pace.bookmark) / _STEPS
        patience = pace.keep_alive * random.uniform(0.9, 1.0) - step
        mark_at = last_frame + pace.bookmark * random.uniform(0.5, 1.0)
        end = last_frame + pace.max_age * random.uniform(0.5, 1.0) if pace.max_age else float("inf")
        while True:
            chunk, self._at = await channel.read(self._at)
            self._check_standing()
            now = clock()
            if now >= mark_at:
                chunk += sse.mark("bookmark", self._at) if self._at.index is None else b""
                mark_at = now + pace.bookmark
            elif not chunk and now >= last_frame + patience:
                chunk = sse.KEEP_ALIVE
            if chunk:
                await write(chunk)
                last_frame = clock()
            if now >= end or self._ending:
                return
            if channel.behind(self._at):
                await asyncio.sleep(0)  # catching up must not keep the others waiting
            else:
                # In steps, so that those who have something to say soon say it in one go: a process that
                # sleeps pays more for waking than for what it wakes for.
                due = ceil(min(last_frame + patience, mark_at, end) / step) * step
                await self._waiter.wait(channel.waiting, due)

    async def _write_snapshot(self, write: Write, rev: int) -> None:
        for kind, term in SNAPSHOT_TERMS.items():
            if self._wanted.wants_kind(kind):
                await self._write_kind(write, rev, kind, term)
        if not self._ending:
            await write(sse.mark("snapshot-end", Position(rev)))

    async def _write_kind(self, write: Write, rev: int, kind: str, term: str) -> None:
        def find(snapshot: Snapshot, after: str, limit: int) -> list[Record]:
            return scan(snapshot, term, after=after, limit=limit)

        after, more = "", True
        while more and not self._ending:
            # Asked for anew for each page: the rev may leave memory, or be compacted, meanwhile.
            page, more = await find_page(await self._store.at(rev), find, after, _PAGE, _PAGE_BYTES)
            await self._write_objects(write, kind, page)
            after = page[-1].key if page else ""

    async def _write_objects(self, write: Write, kind: str, page: list[Record]) -> None:
        """Those of a page that are wanted, in chunks. Ends early where nobody reads them any more."""
        frames, turns, fields = self._channels.frames, self._channels.turns, self._fields.get(kind, ())
        join = partial(sse.rows, kind, fields) if fields else b"".join
        chunk: list[bytes] = []
        size = 0
        for record in page:
            if turns.over:
                await turns.give_way()
            if self._ending:
                return
            shown = frames.of(kind, record, fields)
            if shown is None or not self._wanted.fits_subject(shown.subject):
                continue
            chunk.append(shown.frame)
            size += len(shown.frame)
            if size >= CHUNK:
                await write(join(chunk))
                chunk, size = [], 0
        if chunk:
            await write(join(chunk))
