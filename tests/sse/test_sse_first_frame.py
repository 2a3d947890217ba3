"""The first frame of a stream has a position: a client that is cut before the first event loses nothing."""

import socket
from typing import Any

from tests.serving import Service
from tests.sse.conftest import Follow, Serve
from tests.sse.sse_reader import SseStream, parse


def _services(visor: Service, *names: str) -> None:
    for name in names:
        visor.made("/services", {"name": name})


def _cut_after(visor: Service, size: int, **more: Any) -> bytes:
    """The first so many bytes of a stream's text; the connection is reset then."""
    with SseStream(visor.port, "/events", **more) as stream:
        while len(stream._text) < size:
            stream._next_chunk()
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return stream._text[:size]


def _received(text: bytes) -> tuple[str | None, list[str]]:
    """What a client makes of the part of a stream that it got: its last id, and the events, by their ids. A
    frame that is not whole is none."""
    frames = [parse(raw) for raw in text.split(b"\n\n")[:-1]]
    ids = [frame.id for frame in frames if frame.id is not None]
    return (ids[-1] if ids else None), [frame.id or "" for frame in frames if frame.is_event]


def test_the_first_frame_says_where_the_stream_begins(visor: Service, follow: Follow) -> None:
    _services(visor, "a", "b")
    now, first, inside = str(visor.nth(2)), str(visor.nth(1)), f"{visor.nth(2)}-0"
    for path in ("/events", "/apps/cat/events"):
        for query, place, rev in (
            ({}, now, visor.nth(2)),
            ({"rev": first}, first, visor.nth(1)),
            ({"last_event_id": first}, first, visor.nth(1)),
            ({"last_event_id": inside}, inside, visor.nth(2) - 1),
            ({"rev": inside}, inside, visor.nth(2) - 1),
            ({"type": "app-*"}, now, visor.nth(2)),
        ):
            frame = follow(visor, path, **query).next()
            assert frame is not None
            assert (frame.id, frame.event) == (place, "bookmark"), query
            assert frame.said == {"type": "bookmark", "rev": rev}, "all up to there was sent"
            assert frame.retry is not None
            assert frame.raw.startswith(b"retry: ")


def test_no_frame_is_without_data(serve: Serve, follow: Follow) -> None:
    """Some clients take a frame of `retry` alone for a message, and fail to read it."""
    visor = serve()
    _services(visor, "a")
    for query in ({"rev": visor.nth(0)}, {"snapshot": True}, {"snapshot": True, "app": "nobody"}):
        first = follow(visor, **query).next()
        assert first is not None
        assert first.retry is not None
        assert first.data is not None, query


def test_a_client_that_is_cut_at_any_byte_misses_nothing_and_gets_nothing_twice(
    serve: Serve, follow: Follow
) -> None:
    """One that got no id yet asks again as it did first."""
    visor = serve(bookmark=1000, keep_alive=1000)
    _services(visor, "a", "b")
    start = visor.nth(0)
    expected = [frame.id for frame in follow(visor, rev=start).events(2)]
    with SseStream(visor.port, "/events", rev=start) as stream:
        stream.events(2)
        stream.close()
    whole = b""
    with SseStream(visor.port, "/events", rev=start) as stream:
        while whole.count(b"\n\n") < 3:
            stream._next_chunk()
            whole = stream._text
    for size in range(len(whole) + 1):
        last_id, events = _received(_cut_after(visor, size, rev=start) if size else b"")
        left = len(expected) - len(events)
        with SseStream(visor.port, "/events", rev=start, last_event_id=last_id) as again:
            assert events + [frame.id for frame in again.events(left)] == expected, f"cut after {size} bytes"


def test_a_stream_from_now_on_that_is_cut_before_its_first_event_goes_on_from_where_it_began(
    serve: Serve,
) -> None:
    visor = serve(bookmark=1000, keep_alive=1000)
    visor.made("/services", {"name": "a"})
    with SseStream(visor.port, "/events") as stream:
        first = stream.next()
        assert first is not None
        size = len(first.raw) + 2
    last_id, events = _received(_cut_after(visor, size))
    assert events == []
    assert last_id == str(visor.nth(1))
    visor.made("/services", {"name": "b"})
    with SseStream(visor.port, "/events", last_event_id=last_id) as again:
        assert again.events(1)[0].id == f"{visor.nth(2)}-0"
