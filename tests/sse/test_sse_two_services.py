"""Two services in one process do not know of each other: one's end is not the other's."""

import signal
import time

from tests.serving import Service, serving
from tests.sse.sse_reader import SseStream


def _end_by_signal(visor: Service) -> None:
    """What the signal handler of its process would do."""
    visor.server.handle_exit(signal.SIGTERM, None)


def test_the_end_of_one_leaves_the_streams_of_the_other(caplog: object) -> None:
    with serving(keep_alive=0.05) as staying:
        with serving() as ending:
            mine = SseStream(staying.port, "/events")
            its = SseStream(ending.port, "/events")
            assert mine.next() is not None
            assert its.next() is not None
            _end_by_signal(ending)
            assert its.rest() == []
            assert its.whole
        end = time.monotonic() + 1.2  # longer than anything that polls for a signal waits
        while time.monotonic() < end:
            assert mine.next() is not None, "the other's end has ended this stream"
        staying.made("/services", {"name": "a"})
        assert mine.events(1)[0].id == "1-0"
        with SseStream(staying.port, "/events", rev=0) as later:
            assert later.events(1)[0].id == "1-0", "streams after it can be opened"
        mine.close()
        its.close()


def test_a_service_after_one_that_was_ended_serves_streams() -> None:
    with serving() as first:
        _end_by_signal(first)
    with serving(keep_alive=0.05) as second, SseStream(second.port, "/events") as stream:
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            assert stream.next() is not None


def test_two_services_have_two_histories() -> None:
    with (
        serving() as one,
        serving() as other,
        SseStream(one.port, "/events", rev=0) as mine,
        SseStream(other.port, "/events", rev=0) as its,
    ):
        one.made("/services", {"name": "a"})
        other.made("/services", {"name": "b"})
        assert mine.events(1)[0].said["service"] == "a"
        assert its.events(1)[0].said["service"] == "b"
