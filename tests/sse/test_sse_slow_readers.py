"""A subscriber that reads slowly, or not at all, costs the others nothing, and is told when it is late."""

import pytest

from tests.etcd.cluster import until
from tests.serving import APP, Service
from tests.sse.conftest import Follow, Serve

BIG = "x" * 60_000


def _fill(visor: Service, revs: int, first: int = 0) -> None:
    """So many revs of one event of 60 kB each: together more than what is between two sockets holds."""
    for number in range(first, first + revs):
        answer = visor.put("/apps/cat/env/big", {"value": f"{number} {BIG}"})
        assert answer.status_code == 200


def test_a_slow_reader_falls_behind_and_the_others_do_not(serve: Serve, follow: Follow) -> None:
    """Its place is kept in the history: it reads all of it later, in order."""
    visor = serve()
    visor.runnable()
    slow = follow(visor, receive_buffer=4096)
    fast = follow(visor)
    for number in range(160):
        visor.put("/apps/cat/env/big", {"value": f"{number} {BIG}"})
        assert fast.events(1)[0].rev == visor.nth(number + 4), "the fast one waits for the slow one"
    assert [frame.rev for frame in slow.events(160)] == [visor.nth(n) for n in range(4, 164)]


def test_a_reader_whose_place_is_compacted_is_told(embedded_serve: Serve, follow: Follow) -> None:
    visor = embedded_serve(history=10)
    visor.runnable()
    slow = follow(visor, receive_buffer=4096)
    _fill(visor, 200)
    frames = slow.rest()
    assert slow.whole, "the stream ends as HTTP wants it"
    *before, last = frames
    revs = [frame.rev for frame in before if frame.is_event]
    assert revs == list(range(4, 4 + len(revs))), "what it did get is without a gap"
    assert len(revs) < 200
    assert (last.event, last.id) == ("gone", None)
    assert last.said["oldest_rev"] > revs[-1]
    assert last.said["oldest_rev"] <= visor.get("/rev").json()["oldest_rev"]
    assert "visor_streams_gone_total 1.0" in visor.get("/metrics").text, "and its operator can see it"
    assert follow(visor, last_event_id=before[-1].id).status == 410, "and it has to start afresh"
    assert follow(visor, snapshot=True).status == 200


def test_a_frozen_reader_is_let_go(serve: Serve, follow: Follow, caplog: pytest.LogCaptureFixture) -> None:
    """One that takes nothing for `send_timeout` gives its place back, without noise in the log."""
    visor = serve(send_timeout=0.3)
    visor.runnable()
    frozen = follow(visor, receive_buffer=4096)
    live = follow(visor)
    until(lambda: visor.context.capacity.subscribers == 2, "both have their places")
    for number in range(120):
        _fill(visor, 1, number)
        live.events(1)
    until(lambda: visor.context.capacity.subscribers == 1, "one place is free again")
    left = 2  # the live one's and the client's
    until(lambda: len(visor.server.server_state.connections) <= left, "the frozen one is cut off")
    assert len(list(iter(frozen.event, None))) < 120
    assert frozen.whole is False, "it was cut, so that it resumes"
    assert "Traceback" not in caplog.text
    assert not [r for r in caplog.records if r.exc_info], caplog.text


def test_a_reader_that_freezes_in_a_snapshot_is_let_go(serve: Serve, follow: Follow) -> None:
    """It has the place of a subscriber, and what is made for it is bounded: neither is kept for it."""
    visor = serve(send_timeout=0.3)
    for number in range(12):
        env = {f"K{n}": "x" * 60_000 for n in range(12)}
        visor.made("/apps", {**APP, "name": f"large{number}", "env": env})
    frozen = [follow(visor, receive_buffer=4096, snapshot=True) for _ in range(5)]
    until(lambda: visor.context.capacity.subscribers == 0, "all places are free again")
    # The one that is left is the client's.
    until(lambda: len(visor.server.server_state.connections) <= 1, "the frozen ones are cut off")
    for stream in frozen:
        assert "snapshot-end" not in [frame.event for frame in iter(stream.next, None)]
        assert stream.whole is False


def test_a_stream_ends_at_its_age_and_is_resumed_exactly(serve: Serve, follow: Follow) -> None:
    """Between events, as HTTP wants it, and not all streams at a time."""
    visor = serve(stream_max_age=0.3)
    visor.runnable()
    seen = []
    place = str(visor.nth(0))
    for round in range(6):
        stream = follow(visor, last_event_id=place)
        visor.scale(10 * (round + 1))
        frames = [frame for frame in stream.rest() if frame.is_event]
        assert stream.whole
        seen += frames
        place = frames[-1].id or "" if frames else place
    while len(seen) < 69:
        seen += [frame for frame in follow(visor, last_event_id=seen[-1].id).rest() if frame.is_event]
    # A stream would not be told all of it here where the machine is slow.
    headers = {"Accept": "application/json", "Last-Event-ID": str(visor.nth(0))}
    assert [frame.said for frame in seen] == visor.get("/events?limit=1000", headers=headers).json()["items"]


def test_without_an_age_streams_do_not_end(serve: Serve, follow: Follow) -> None:
    visor = serve(stream_max_age=0, keep_alive=0.02)
    stream = follow(visor)
    for _ in range(20):
        assert stream.next() is not None


def test_there_are_so_many_places_for_subscribers(serve: Serve, follow: Follow) -> None:
    """One too many is told so, with when to try again; a place that is free again can be had."""
    visor = serve(max_subscribers=2)
    streams = [follow(visor) for _ in range(2)]
    until(lambda: visor.context.capacity.subscribers == 2, "both have their places")
    refused = follow(visor)
    assert refused.status == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.problem["code"] == "too-many-subscribers"
    waiting = visor.get("/events?wait=1", headers={"Accept": "application/json"})
    assert waiting.status_code == 429
    assert visor.get("/events", headers={"Accept": "application/json"}).status_code == 200
    assert visor.post("/instances/claim", {"host": "10.0.0.7", "wait": 1}).status_code == 429
    assert visor.post("/instances/claim", {"host": "10.0.0.7"}).status_code == 204
    streams[0].close()
    until(lambda: visor.context.capacity.subscribers == 1, "one place is free again")
    assert follow(visor).status == 200
