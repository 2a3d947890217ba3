"""An idle stream still speaks: keep-alives, bookmarks to resume from, and once, when to try again."""

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.sse.conftest import Follow, Serve
from tests.sse.sse_reader import Frame, SseStream


def test_a_stream_says_first_and_once_when_to_try_again(serve: Serve, follow: Follow) -> None:
    """2,000 ms, each stream a little different, so that those cut together do not return together."""
    visor = serve(bookmark=0.02)
    retries = []
    for _ in range(12):
        stream = follow(visor, rev=visor.start)
        first, others = stream.up_to(0)[0], stream.up_to(0)
        assert first.raw.startswith(b"retry: %d\n" % (first.retry or 0))
        assert all(frame.retry is None for frame in others)
        retries.append(first.retry)
    assert all(retry is not None and 1000 <= retry <= 3000 for retry in retries)
    assert len(set(retries)) > 1, "they are all the same"


def test_an_idle_stream_has_comments(serve: Serve, follow: Follow) -> None:
    visor = serve(keep_alive=0.05)
    stream = follow(visor, rev=0)
    assert stream.next() is not None
    for _ in range(3):
        frame = stream.next()
        assert frame is not None
        assert frame == Frame(b": keep-alive", comment="keep-alive")
    visor.made("/services", {"name": "a"})
    assert stream.events(1)[0].id == f"{visor.nth(1)}-0", "events go on between them"


def test_bookmarks_say_how_far_a_filtered_stream_is(serve: Serve, follow: Follow) -> None:
    visor = serve(bookmark=0.05)
    stream = follow(visor, app="nobody")
    visor.runnable()
    rev = visor.nth(3)
    frames = stream.up_to(rev)
    assert not any(frame.is_event for frame in frames)
    last = frames[-1]
    assert (last.event, last.id, last.said) == ("bookmark", str(rev), {"type": "bookmark", "rev": rev})


def test_bookmarks_come_to_a_busy_stream_too(serve: Serve, follow: Follow) -> None:
    """One who asks for a rev that all streams have reached need not wait for a pause."""
    visor = serve(bookmark=0.05)
    stream = follow(visor)
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            visor.put("/members/pms/10.0.0.7", {"version": str(number)})

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        marks = 0
        while marks < 3:
            frame = stream.next()
            assert frame is not None
            marks += frame.event == "bookmark"
        stop.set()
        writing.result()


def test_a_bookmark_is_a_place_to_resume_from_exactly(serve: Serve, follow: Follow) -> None:
    """While others write: everything up to it came before, and nothing at or before it follows."""
    visor = serve(bookmark=0.005, keep_alive=0.003)
    visor.runnable()
    stop = threading.Event()

    def write(host: int) -> None:
        with SseStream(visor.port, "/livez"):  # a connection of its own; the client is shared
            pass
        while not stop.is_set():
            visor.put(f"/members/pms/10.0.0.{host}", {"version": "1"})
            visor.delete(f"/members/pms/10.0.0.{host}")
            visor.scale(3, ref="128af9") if host == 1 else None
            visor.scale(0, ref="128af9") if host == 1 else None

    seen: list[Frame] = []
    with ThreadPoolExecutor(2) as pool:
        writing = [pool.submit(write, host) for host in (1, 2)]
        try:
            place = "0"
            for _ in range(15):
                stream = follow(visor, last_event_id=place)
                marks = 0
                while marks < 2:
                    frame = stream.next()
                    assert frame is not None
                    if frame.event == "bookmark":
                        marks += 1
                        place = frame.id or ""
                    elif frame.is_event:
                        assert frame.rev > int(place), f"{frame.id} after bookmark {place}"
                        seen.append(frame)
                stream.close()
        finally:
            stop.set()
        for each in writing:
            each.result()
    whole = follow(visor, rev=0).events(len(seen))
    assert [frame.raw for frame in seen] == [frame.raw for frame in whole]
    assert len(seen) > 10
