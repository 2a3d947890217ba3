"""What many want is made once, for all of them, and wakes nobody else."""

import asyncio
import time
from collections import Counter
from typing import Any

import pytest

from app.events.fanout import Channel
from app.events.filters import Filter
from app.events.waiter import Waiter
from app.store.contract import Changes
from app.store.records import Origin
from tests.serving import Service
from tests.sse.conftest import Follow, Serve
from tests.sse.sse_reader import SseStream

NEVER = {"keep_alive": 10_000, "bookmark": 10_000}
MANY = 20


def _waiting(visor: Service, **wanted: Any) -> int:
    return len(visor.context.channels.of(Filter(**wanted)).waiting)


def _until_waiting(visor: Service, count: int, **wanted: Any) -> None:
    """Wait until so many have been sent all there is."""
    end = time.monotonic() + 60
    while _waiting(visor, **wanted) != count:
        assert time.monotonic() < end, "they do not come to wait"
        time.sleep(0.002)


def _count(monkeypatch: pytest.MonkeyPatch, kind: type, name: str) -> list[Any]:
    """What the method is called on, from now on."""
    calls: list[Any] = []
    method = getattr(kind, name)

    def counted(self: Any, *given: Any) -> Any:
        calls.append(self)
        return method(self, *given)

    monkeypatch.setattr(kind, name, counted)
    return calls


def _frames(streams: list[SseStream], count: int) -> list[list[bytes]]:
    return [[frame.raw for frame in stream.events(count)] for stream in streams]


def test_a_filter_is_decided_once_for_all_who_have_it(
    serve: Serve, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And all of them are sent the same bytes."""
    visor = serve(**NEVER)
    streams = [follow(visor, type="service-*") for _ in range(MANY)]
    wanted = {"types": Filter.types_of(["service-*"])}
    _until_waiting(visor, MANY, **wanted)
    decisions = _count(monkeypatch, Filter, "fits")
    for number in range(3):
        visor.made("/services", {"name": f"s{number}"})
        visor.put(f"/members/pms/10.0.0.{number}", {"version": "1"})
        first, *others = _frames(streams, 1)
        assert all(other == first for other in others)
        _until_waiting(visor, MANY, **wanted)
    follow(visor, rev=visor.nth(5)).events(1)  # all of the six have been looked at
    assert Counter(decisions)[Filter(**wanted)] == 6


def test_what_nobody_of_them_wants_wakes_none_of_them(
    serve: Serve, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    visor = serve(**NEVER)
    quiet = [follow(visor, app="nobody") for _ in range(MANY)]
    loud = follow(visor)
    _until_waiting(visor, MANY, apps=frozenset({"nobody"}))
    _until_waiting(visor, 1)
    woken = _count(monkeypatch, Waiter, "wake")
    for number in range(5):
        visor.made("/services", {"name": f"s{number}"})
        loud.events(1)
        _until_waiting(visor, 1)
    assert len(set(woken)) == 1
    assert _waiting(visor, apps=frozenset({"nobody"})) == MANY
    # Those who slept are no further back than the others.
    monkeypatch.undo()
    visor.made("/apps", {"name": "nobody", "repo_url": "https://git.example.com/n.git", "stack": "lenny"})
    assert {stream.events(1)[0].id for stream in quiet} == {f"{visor.nth(6)}-0"}


def test_commits_that_come_together_go_out_together(
    embedded_serve: Serve, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    visor = embedded_serve(**NEVER)
    streams = [follow(visor) for _ in range(MANY)]
    _until_waiting(visor, MANY)
    published = _count(monkeypatch, Channel, "publish")
    visor.inside(_write_group(visor, 8))
    first, *others = _frames(streams, 8)
    assert all(other == first for other in others)
    assert len(published) == 1


async def _write_group(visor: Service, count: int) -> None:
    """So many commits of one event, durable together."""
    await asyncio.gather(
        *(
            visor.context.store.transact(
                lambda snapshot, at, key=f"spaceship/{n}": Changes(puts={key: b"{}"}), Origin("test", "group")
            )
            for n in range(count)
        )
    )


def test_idle_streams_do_not_speak_all_at_once(embedded_serve: Serve, follow: Follow) -> None:
    """Neither those that were opened together, nor those that fell silent together."""
    visor = embedded_serve()
    streams = [follow(visor) for _ in range(60)]
    for number in range(2):
        _until_waiting(visor, len(streams))
        moments = Counter(waiter.due for waiter in visor.context.channels.of(Filter()).waiting)
        assert max(moments.values()) <= len(streams) / 4, moments
        visor.made("/services", {"name": f"s{number}"})
        _frames(streams, 1)


def test_one_that_is_frozen_among_many_costs_them_nothing(serve: Serve, follow: Follow) -> None:
    """They are all sent an event before the next is made; it reads all of them later."""
    visor = serve(**NEVER)
    visor.runnable()
    frozen = follow(visor, receive_buffer=4096)
    streams = [follow(visor) for _ in range(5)]
    for number in range(120):
        visor.put("/apps/cat/env/big", {"value": f"{number} {'x' * 60_000}"})
        _frames(streams, 1)
    assert [f.rev for f in frozen.events(120)] == [visor.nth(n) for n in range(4, 124)]
