"""What happens, in order and exactly once, through cuts, ends and restarts."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Self

import httpx2

from visor_client.aio.transport import AsyncTransport
from visor_client.decoding import read
from visor_client.messages import Event, Message, SnapshotBegin, SnapshotEnd, SnapshotItem
from visor_client.options import Query, query
from visor_client.problems import Problem, RevCompacted, RevInFuture, Unreachable
from visor_client.retrying import backoff, problem_of, repeatable, unreachable

_SILENCE = 45.0
"""Seconds: the service says every 15 that it is alive."""

_LONGEST_MESSAGE = 64 * 1024 * 1024

Several = Sequence[str | int]


class AsyncEventStream:
    """Iterate over it. It comes back by itself to where it was, as often as it is cut; `position` is where
    that is.

    Where its place in the history is gone, or the registry is another one, it goes on with a new
    snapshot: `SnapshotBegin` (forget what you knew), a `SnapshotItem` for each object, `SnapshotEnd`."""

    def __init__(
        self,
        transport: AsyncTransport,
        where: str,
        filters: Query,
        since: int | str | None,
        snapshot: bool,
    ) -> None:
        self.position: str | None = None if since is None else str(since)
        """The id of the last message: `since=` takes it."""
        self._transport = transport
        self._where = where
        self._params = [*filters, ("snapshot", "true")]
        self._snapshot = snapshot
        self._connected = False
        self._failures = 0
        self._since_success = time.monotonic()
        self._messages = self._follow()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        return await self._messages.__anext__()

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(self, *ended: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End it. `position` stays."""
        await self._messages.aclose()

    async def _begin(self) -> None:
        if self.position is None and not self._snapshot:
            # From now on, and not from whenever the connection comes to stand.
            now = await self._transport.request("GET", "/rev")
            self.position = str(now.json()["rev"])

    async def _follow(self) -> AsyncGenerator[Message, None]:
        await self._begin()
        while True:
            if self.position is None:
                yield SnapshotBegin()
            try:
                answer = await self._open()
                try:
                    async for received in httpx2.EventSource(answer, _LONGEST_MESSAGE):
                        message = self._take(received)
                        if message is not None:
                            yield message
                finally:
                    await answer.aclose()
                failure: Problem | Unreachable | None = None
            except httpx2.TransportError as error:
                failure = unreachable(error, self._transport.url, read=True)
            except (Problem, Unreachable) as error:
                failure = error
            await asyncio.sleep(self._pause(failure))

    async def _open(self) -> httpx2.Response:
        headers = {} if self.position is None else {"Last-Event-ID": self.position}
        answer = await self._transport.open(self._where, self._params, headers, _SILENCE)
        if not answer.is_success:
            await answer.aread()
            raise problem_of(answer)
        return answer

    def _take(self, received: httpx2.ServerSentEvent) -> Message | None:
        self._connected = True
        self._failures = 0
        self._since_success = time.monotonic()
        if received.event == "message":
            return None
        data = received.json()
        assert isinstance(data, dict), "the data of a message is an object"
        if received.event == "gone":
            self.position = None
            return SnapshotBegin()
        if received.event == "snapshot":
            return read(SnapshotItem, data)
        self.position = received.id or self.position
        if received.event == "bookmark":
            return None
        if received.event == "snapshot-end":
            return read(SnapshotEnd, data)
        return read(Event, data)

    def _pause(self, failure: Problem | Unreachable | None) -> float:
        """Seconds to the next connection. Raises the failure where there is to be none."""
        self._failures += 1
        if isinstance(failure, (RevInFuture, RevCompacted)) and self._connected:
            # Where we were has never been in the registry that answers now.
            self.position = None
        elif failure is not None:
            in_vain = (
                not self._connected and time.monotonic() - self._since_success > self._transport.retry_for
            )
            if in_vain or not repeatable(safe=True)(failure):
                raise failure
        if isinstance(failure, Problem) and failure.retry_after is not None:
            return failure.retry_after
        # One that has ended in good order is taken up again at once.
        return backoff(self._failures) if failure is not None or self._failures > 1 else 0


class AsyncEvents(AsyncTransport):
    """The calls under /events."""

    def events(
        self,
        since: int | str | None = None,
        *,
        snapshot: bool = False,
        app: Several = (),
        type: Several = (),
        proctype: Several = (),
        instance: Several = (),
        host: Several = (),
    ) -> AsyncEventStream:
        """Everything after `since` (a rev, or the `position` of an earlier stream), or from now on; with
        `snapshot` first what is there. *Now* is when its `with` is entered, or the first message asked
        for. It goes on for ever: leave it with `break`, and close it."""
        filters = {"type": type, "app": app, "proctype": proctype, "instance": instance, "host": host}
        each = {name: [values] if isinstance(values, str) else values for name, values in filters.items()}
        return AsyncEventStream(self, "/events", query(each), since, snapshot)

    async def list_events(
        self,
        since: int | str,
        *,
        limit: int | None = None,
        wait: int = 0,
        app: Several = (),
        type: Several = (),
        proctype: Several = (),
        instance: Several = (),
        host: Several = (),
    ) -> tuple[list[Event], str]:
        """A page of what happened after `since`, and the place to go on from. Where there is nothing yet, it
        waits up to `wait` seconds. `RevCompacted` where the place is gone."""
        filters = {"type": type, "app": app, "proctype": proctype, "instance": instance, "host": host}
        each = {name: [values] if isinstance(values, str) else values for name, values in filters.items()}
        params = query({**each, "rev": since, "limit": limit, "wait": wait or None})
        page = (await self.request("GET", "/events/list", params=params, wait=wait)).json()
        return [read(Event, item) for item in page["items"]], str(page["next"])
