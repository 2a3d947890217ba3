"""The bytes of one event stream: a cursor over the shared history.

A subscriber has a place and nothing else. What it was not sent yet waits in the history, once for
all; one that reads slowly holds up nobody, and when its place is gone it is told so.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from app.errors import CoordinatorUnavailable, RevCompacted
from app.events.derive import describe, events_of, said_of, to_json
from app.events.filters import Filter
from app.events.hub import Hub
from app.events.position import Position
from app.models import keys
from app.models.event import KINDS
from app.store.contract import Record, Snapshot, Store
from app.store.reading import ask

_COMMITS = 64
_CHUNK = 64 * 1024
_PAGE = 500

SNAPSHOT_TERMS = {kind: keys.LIVE if kind == "instance" else f"{kind}/" for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: a comment when nothing was sent for `keep_alive`, a bookmark every `bookmark`, the end
    after `max_age` (0: never), shortened by up to a half at random so that streams opened together do
    not end together. `retry` in milliseconds."""

    keep_alive: float = 15.0
    bookmark: float = 30.0
    max_age: float = 600.0
    retry: int = 2000


def mark(event: str, rev: int) -> bytes:
    """`snapshot-end` or `bookmark`: everything up to the rev was sent."""
    return b'id: %d\nevent: %b\ndata: {"type":"%b","rev":%d}\n\n' % (rev, event.encode(), event.encode(), rev)


def gone(oldest_rev: int) -> bytes:
    return b'event: gone\ndata: {"type":"gone","oldest_rev":%d}\n\n' % oldest_rev


class Stream:
    """What one subscriber is sent, from a place on."""

    def __init__(
        self, store: Store, hub: Hub, start: Position, wanted: Filter, pace: Pace, snapshot: bool = False
    ) -> None:
        self._store = store
        self._hub = hub
        self._at = start
        self._wanted = wanted
        self._pace = pace
        self._snapshot = snapshot

    async def chunks(self) -> AsyncIterator[bytes]:
        """Whole frames, many in one chunk where many are pending. Ends at shutdown, when the place is
        gone, or at the stream's age."""
        pace = self._pace
        opened = said = marked = time.monotonic()
        end = opened + pace.max_age * random.uniform(0.5, 1.0) if pace.max_age else float("inf")
        yield b"retry: %d\n\n" % (pace.retry * random.uniform(0.8, 1.2))
        try:
            if self._snapshot:
                async for chunk in self._snapshot_chunks(self._at.rev):
                    yield chunk
            while not self._hub.closing:
                chunk = await self._pending()
                now = time.monotonic()
                if now - marked >= pace.bookmark:
                    chunk += mark("bookmark", self._at.rev) if self._at.index is None else b""
                    marked = now
                elif not chunk and now - said >= pace.keep_alive:
                    chunk = b": keep-alive\n\n"
                if chunk:
                    yield chunk
                    said = time.monotonic()
                if now >= end:
                    return
                if self._store.rev > self._at.rev:
                    await asyncio.sleep(0)  # catching up must not keep the others waiting
                else:
                    next_word = min(said + pace.keep_alive, marked + pace.bookmark, end)
                    await self._hub.news(self._at.rev, max(next_word - time.monotonic(), 0.001))
        except RevCompacted:
            yield gone(self._store.oldest_rev)
        except CoordinatorUnavailable:
            return  # a clean end: its reader comes again with the place it has

    async def _pending(self) -> bytes:
        """The frames of the next commits; moves the place."""
        chunk = bytearray()
        latest = self._store.rev
        commits = await self._store.commits(self._at.after, _COMMITS)
        if not commits:
            # A coordinator that others use has revs that are not ours: nothing of ours is up to here.
            self._at = Position(max(latest, self._at.rev))
        for commit in commits:
            for event in events_of(commit):
                if not self._at.passed(event.rev, event.index) and self._wanted.fits(
                    event.type, event.names, event.host
                ):
                    chunk += event.frame
            self._at = Position(max(commit.rev, self._at.rev))
            if len(chunk) >= _CHUNK:
                break
        return bytes(chunk)

    async def _snapshot_chunks(self, rev: int) -> AsyncIterator[bytes]:
        for kind, term in SNAPSHOT_TERMS.items():
            after = ""
            while not self._hub.closing:
                # Asked for anew for each page: the rev may leave memory, or be compacted, meanwhile.
                snapshot = await self._store.at(rev) if rev else self._store.stale()
                page = await ask(snapshot, _page_of(term, after)) if rev else []
                chunk = b"".join(filter(None, (self._snapshot_frame(kind, record) for record in page)))
                if chunk:
                    yield chunk
                if len(page) < _PAGE:
                    break
                after = page[-1].key
        if not self._hub.closing:
            yield mark("snapshot-end", rev)

    def _snapshot_frame(self, kind: str, record: Record) -> bytes | None:
        try:
            names, host = describe(kind, record)
            if not self._wanted.fits_object(kind, names, host):
                return None
            said = said_of(kind, record)
        except (ValueError, LookupError, TypeError, RecursionError):
            return None
        head = to_json({"rev": record.rev, "type": "snapshot", "kind": kind, **names})
        return b'event: snapshot\ndata: %b,"object":%b}\n\n' % (head[:-1], said)


def _page_of(term: str, after: str) -> Callable[[Snapshot], list[Record]]:
    def page(snapshot: Snapshot) -> list[Record]:
        return snapshot.scan(term, after=after, limit=_PAGE)

    return page
