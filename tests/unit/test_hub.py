"""One follower: a commit is read from the store once, for the listeners and for all who follow."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from app.events.fanout import Channels
from app.events.filters import Filter
from app.events.hub import Hub
from app.events.position import Position
from app.events.stream import Pace, Stream
from app.models.app import AppCreate
from app.registry import apps
from app.registry.readable import index
from app.store.contract import Changes, Snapshot
from app.store.embedded.memory_log import NoLog
from app.store.embedded.store import EmbeddedStore
from app.store.records import Commit, Origin


class CountingStore(EmbeddedStore):
    """A store in memory that notes the revs of the commits that are read from it."""

    def __init__(self) -> None:
        super().__init__(NoLog(), index, history=1000, memory_revs=1000)
        self.read: list[int] = []

    async def commits(self, after: int, limit: int) -> Sequence[Commit]:
        found = await super().commits(after, limit)
        self.read += [commit.rev for commit in found]
        return found

    async def register(self, name: str, env: dict[str, str] | None = None) -> int:
        body = AppCreate(name=name, repo_url="https://x/y", stack="lxc", env=env or {})

        def rule(snapshot: Snapshot, at: datetime) -> Changes:
            return apps.register(snapshot, at, body)

        return (await self.transact(rule, Origin("tests", "TEST"))).rev


class Follower:
    """A stream, and the frames that it was sent."""

    def __init__(self, store: EmbeddedStore, channels: Channels, start: int) -> None:
        self.sent = b""
        self._stream = Stream(store, channels, Position(start), Filter(), Pace())
        self.task = asyncio.create_task(self._stream.run(self._write))

    async def _write(self, chunk: bytes) -> None:
        self.sent += chunk

    @property
    def revs(self) -> list[int]:
        """Of the events, in their order."""
        frames = self.sent.split(b"\n\n")
        return [
            int(frame.partition(b"id: ")[2].partition(b"-")[0])
            for frame in frames
            if b"app-register" in frame
        ]


@asynccontextmanager
async def running() -> AsyncIterator[tuple[CountingStore, Hub, Channels]]:
    store = CountingStore()
    await store.open()
    hub = Hub(store)
    channels = Channels(store, hub)
    hub.start()
    channels.start()
    try:
        yield store, hub, channels
    finally:
        await hub.close()
        await channels.close()
        await store.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            await asyncio.sleep(0.001)
            if holds():
                return


def test_a_commit_is_read_once_for_all_who_follow() -> None:
    async def live() -> None:
        async with running() as (store, hub, channels):
            told: list[int] = []
            hub.listen(lambda commit: told.append(commit.rev) if commit else None)
            start = store.rev
            followers = [Follower(store, channels, start) for _ in range(3)]
            await asyncio.sleep(0)
            revs = []
            for number in range(20):
                revs.append(await store.register(f"app-{number}"))
                # One after the other, or they would be one batch.
                await until(lambda: all(follower.revs == revs for follower in followers))
            assert told == revs
            assert store.read == revs

    asyncio.run(live())


def test_a_fan_out_that_is_far_behind_reads_the_history_and_loses_nothing() -> None:
    async def live() -> None:
        async with running() as (store, _, channels):
            follower = Follower(store, channels, store.rev)
            await until(lambda: b"bookmark" in follower.sent)
            await asyncio.sleep(0)
            # What is committed while the fan-out waits for its turn is more than the hub keeps at hand.
            go_on = asyncio.Event()
            give_way = channels._bring

            async def hold(events: object, to: int) -> None:
                await go_on.wait()
                await give_way(events, to)  # type: ignore[arg-type]

            channels._bring = hold  # type: ignore[method-assign,assignment]
            revs = [await store.register(f"app-{number}") for number in range(300)]
            await until(lambda: channels._hub.seen == revs[-1])
            go_on.set()
            await until(lambda: len(follower.revs) >= 300)
            assert follower.revs == revs

    asyncio.run(live())


def test_who_is_far_behind_has_large_commits_read_about_once() -> None:
    """Each chunk holds two of them: all that was read beyond would be read again for the next chunk."""

    async def live() -> None:
        async with running() as (store, _, channels):
            large = {"TEXT": "x" * 20_000}
            revs = [await store.register(f"app-{number}", large) for number in range(200)]
            await until(lambda: channels._head == revs[-1])
            store.read.clear()
            follower = Follower(store, channels, 0)
            await until(lambda: len(follower.revs) == 200)
            assert follower.revs == revs
            assert len(store.read) < 2 * 200

    asyncio.run(live())
