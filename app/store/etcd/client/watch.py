"""A watch on etcd as whole revisions, in order, each once; it ends with an exception, never silently."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Self

import grpc  # type: ignore[import-untyped]
import grpc.aio  # type: ignore[import-untyped]

from app.store.etcd.client.errors import Compacted, EtcdError, WatchLost, classify, kind_of
from app.store.etcd.client.messages import MESSAGES
from app.store.etcd.client.revisions import Assembler, EtcdRevision, Progress

_AHEAD = 4096
"""Revisions read ahead of who iterates; after that, gRPC's flow control slows the member down."""


class _Over:
    """In the place of the call of a closed watch."""

    def cancel(self) -> None:
        pass

    async def write(self, _: Any) -> None:
        raise asyncio.InvalidStateError("the watch was closed")


class Watch:
    """A watch that the member has confirmed. Iterate it, or `take()` all there is; then `close()`.

    `last` is the last revision delivered: after any end but `Compacted`, `RevisionWentBack` and
    `RevisionSplit`, resume at `last + 1`.
    """

    def __init__(
        self,
        call: Any,
        first: Any,
        *,
        start_revision: int,
        trusted: bool,
        idle: float,
        alive: Callable[[], Awaitable[None]],
        closed: "Callable[[Watch], None]",
    ) -> None:
        self.revision: int = first.header.revision
        """The member's revision when the watch was created."""
        self._call: Any = call
        self._assembler = Assembler(start_revision - 1 if start_revision else self.revision, trusted)
        self.last = self._assembler.last
        self._idle = idle
        self._alive = alive
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._ready: deque[EtcdRevision | Progress] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._end: EtcdError | None = None
        self._tasks = [self._loop.create_task(self._pump()), self._loop.create_task(self._guard())]

    async def _pump(self) -> None:
        """Take what the member sends, whoever waits for it: a reader that gives up must not end the
        stream, as it would if it read from gRPC itself."""
        try:
            while True:
                response = await self._call.read()
                self._heard = self._loop.time()
                if response is grpc.aio.EOF:
                    raise WatchLost("the member has ended the watch")
                if response.canceled:
                    raise ended(response)
                self._ready.extend(self._assembler.feed(response))
                self._news.set()
                while len(self._ready) >= _AHEAD:
                    self._room.clear()
                    await self._room.wait()
        except grpc.aio.AioRpcError as failure:
            error = classify(failure.code(), failure.details() or "", "watch")
            self.finish(WatchLost(str(error)))
        except EtcdError as error:
            self.finish(error)
        except asyncio.CancelledError:
            self.finish(WatchLost("the watch was closed"))
        except Exception as error:
            self.finish(WatchLost(f"unreadable: {error!r}"))

    @property
    def known(self) -> int:
        """Up to this revision all is known otherwise: it need not be delivered."""
        return self._assembler.known

    @known.setter
    def known(self, revision: int) -> None:
        self._assembler.known = revision

    @property
    def over(self) -> bool:
        """Whether it has ended; what had come before may not be taken yet."""
        return self._end is not None

    def finish(self, error: EtcdError) -> None:
        """End it: once all that has come is taken, that raises this. The first reason counts."""
        if self._end is None:
            self._end = error
        self._call.cancel()
        self._news.set()

    async def _guard(self) -> None:
        """A member that is frozen or has no leader says nothing: ask it when all has been quiet."""
        while self._end is None:
            quiet = self._loop.time() - self._heard
            if quiet < self._idle:
                await asyncio.sleep(self._idle - quiet)
                continue
            try:
                await self._alive()
                self._heard = self._loop.time()
            except EtcdError as error:
                self.finish(WatchLost(f"the member does not answer: {error}"))

    async def take(self) -> list[EtcdRevision | Progress]:
        """All that has come, at least one; once that is taken, raises why the watch has ended."""
        await self._wait()
        taken = list(self._ready)
        self._ready.clear()
        self._room.set()
        for item in reversed(taken):
            if isinstance(item, EtcdRevision):
                self.last = item.revision
                break
        return taken

    async def _wait(self) -> None:
        while not self._ready:
            if self._end is not None:
                raise self._end
            self._news.clear()
            await self._news.wait()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EtcdRevision | Progress:
        await self._wait()
        item = self._ready.popleft()
        self._room.set()
        if isinstance(item, EtcdRevision):
            self.last = item.revision
        return item

    async def request_progress(self) -> None:
        """Ask for a `Progress`; it comes among the revisions."""
        lost = ""
        try:
            await self._call.write(MESSAGES["WatchRequest"](progress={}))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as failure:
            lost = f"the watch has ended: {failure!r}"
        if lost:
            raise self._end or WatchLost(lost)

    async def close(self) -> None:
        """End the watch. May be called twice, and while another iterates: that one gets `WatchLost`."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # A call that is still referred to keeps its channel from ending.
        self._call.cancel()
        self._call = _Over()
        self._closed(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def ended(response: Any) -> EtcdError:
    """Why a member has cancelled a watch."""
    if response.compact_revision:
        text = f"revisions before {response.compact_revision} are compacted"
        return Compacted(text, response.compact_revision)
    reason = response.cancel_reason or "without a reason"
    kind = kind_of(reason)
    if kind is None:
        return WatchLost(f"the member has cancelled the watch: {reason}")
    return kind(f"watch: {reason}")
