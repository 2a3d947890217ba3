"""A channel and its readers, in any order of what can happen: nobody misses an event or gets one twice."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.events.event import Event
from app.events.fanout import Channel
from app.events.filters import Filter, Subject
from app.events.position import Position
from app.events.turns import Turns
from app.events.waiter import Waiter
from app.store.records import Commit, Journal

WANTED = Filter(apps=frozenset({"cat"}))
JOURNAL = Journal(datetime(2026, 1, 1, tzinfo=UTC), "me", "now")


class Past:
    """The part of a store that a channel uses. Commits have revs with gaps, as on a shared etcd."""

    def __init__(self) -> None:
        self.done: list[Commit] = []
        self.rev = 0

    def commit(self, apps: list[str], gap: int) -> None:
        self.rev += 1 + gap
        events = [
            Event(self.rev, index, "app-update", (Subject({"app": app}),), b"{}")
            for index, app in enumerate(apps)
        ]
        self.done.append(Commit(self.rev, JOURNAL, (), events))

    async def commits(self, after: int, limit: int) -> Sequence[Commit]:
        return [commit for commit in self.done if commit.rev > after][:limit]

    def events(self, after: int, to: int) -> list[Event]:
        return [event for commit in self.done if after < commit.rev <= to for event in commit.events]


class Reader:
    """One who reads from a place on, and remembers what he was sent."""

    def __init__(self, start: Position) -> None:
        self.start = self.at = start
        self.sent = b""

    async def read(self, channel: Channel) -> None:
        chunk, self.at = await channel.read(self.at)
        self.sent += chunk

    def expected(self, past: Past) -> bytes:
        return b"".join(
            event.frame
            for event in past.events(0, past.rev)
            if event.subjects[0].names["app"] == "cat" and not self.start.passed(event.rev, event.index)
        )


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("commit"),
            st.lists(st.sampled_from(["cat", "dog"]), max_size=3),
            st.sampled_from([0, 0, 3]),
        ),
        st.tuples(st.just("bring"), st.integers(1, 3), st.just(0)),
        st.tuples(st.just("bring all"), st.just(0), st.just(0)),
        st.tuples(st.just("skip"), st.just(0), st.just(0)),
        st.tuples(st.just("join"), st.integers(0, 9), st.sampled_from([None, 0, 1])),
        st.tuples(st.just("read"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("wait"), st.integers(0, 9), st.just(0)),
    ),
    max_size=40,
)


@given(STEPS)
def test_whatever_happens_each_reader_gets_each_event_once_and_in_order(steps: list[Any]) -> None:
    asyncio.run(_live(steps))


async def _live(steps: list[Any]) -> None:
    past = Past()
    channel = Channel(past, Turns(), WANTED, 0)  # type: ignore[arg-type]
    readers: list[Reader] = []

    def bring(to: int) -> None:
        events = past.events(channel.head, to)
        channel.publish([event for event in events if event.subjects[0].names["app"] == "cat"], to)

    for step, what, more in steps:
        match step:
            case "commit":
                past.commit(what, more)
            case "bring":
                ahead = [commit.rev for commit in past.done if commit.rev > channel.head][:what]
                bring(ahead[-1] if ahead else channel.head)
            case "bring all":
                bring(past.rev)
            case "skip":
                channel.skip(past.rev)
            case "join":
                # Of now, or of before; and maybe ahead of what the channel has seen.
                readers.append(Reader(Position(max(past.rev - what, 0), more)))
            case "read" if readers:
                await readers[what % len(readers)].read(channel)
            case "wait" if readers and not channel.behind(readers[what % len(readers)].at):
                channel.waiting[Waiter()] = None
    bring(past.rev)
    for reader in readers:
        for _ in range(len(past.done) + 1):
            await reader.read(channel)
        assert not channel.behind(reader.at)
        assert reader.sent == reader.expected(past)
