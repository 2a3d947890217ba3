"""Where a stream starts: from now, after a rev, or after an event."""

from tests.serving import Service
from tests.sse.conftest import Follow, Serve
from tests.sse.every_call import CALLS, make

FORMS = ("text/event-stream", "application/json")


def _services(visor: Service, *names: str) -> None:
    for name in names:
        visor.made("/services", {"name": name})


def _place(visor: Service, place: str) -> str:
    """The place whose rev is counted from the service's start."""
    commit, dash, index = place.partition("-")
    return f"{visor.nth(int(commit))}{dash}{index}"


def test_without_a_start_it_is_from_now_on(visor: Service, follow: Follow) -> None:
    _services(visor, "a", "b")
    stream = follow(visor)
    assert stream.headers["visor-rev"] == str(visor.nth(2))
    _services(visor, "c")
    assert stream.events(1)[0].id == f"{visor.nth(3)}-0"


def test_a_rev_means_after_that_snapshot(visor: Service, follow: Follow) -> None:
    _services(visor, "a", "b", "c")
    streams = [follow(visor, rev=visor.nth(n)) for n in range(4)]
    _services(visor, "d")
    assert [stream.events(1)[0].id for stream in streams] == [f"{visor.nth(n)}-0" for n in range(1, 5)]


def test_an_event_id_means_after_that_event(visor: Service, follow: Follow) -> None:
    visor.runnable()
    visor.scale(3)
    _services(visor, "a")
    for place, next_id in [
        ("0", "1-0"),
        ("0-0", "1-0"),
        ("1", "2-0"),
        ("2-0", "3-0"),
        ("3", "4-0"),
        ("4-0", "4-1"),
        ("4-1", "4-2"),
        ("4-2", "4-3"),
        ("4-3", "5-0"),
        ("4-9", "5-0"),
        ("4", "5-0"),
    ]:
        for start in ("last_event_id", "rev"):
            stream = follow(visor, **{start: _place(visor, place)})
            assert stream.events(1)[0].id == _place(visor, next_id), (start, place)


def test_the_event_id_wins_over_the_rev(visor: Service, follow: Follow) -> None:
    _services(visor, "a", "b", "c", "d")
    wanted = _place(visor, "4-0")
    assert follow(visor, rev=visor.nth(1), last_event_id=_place(visor, "3-0")).events(1)[0].id == wanted
    assert follow(visor, rev=visor.nth(99), last_event_id=_place(visor, "3")).events(1)[0].id == wanted


def test_an_empty_event_id_is_none(visor: Service, follow: Follow) -> None:
    """A browser that has received no id yet sends none; a proxy may send it empty."""
    _services(visor, "a", "b")
    assert follow(visor, rev=visor.nth(1), last_event_id="").events(1)[0].id == _place(visor, "2-0")


MALFORMED = (
    *("x", "-1", "1-", "-", "1-0-0", "1.0", "0x1", "1 0", "+1", "1_0"),
    *("9" * 20, str(2**63), "1-1234567890", "٣", "x" * 64),
)


def test_a_malformed_event_id_is_refused(visor: Service, follow: Follow) -> None:
    for place in MALFORMED:
        for path in ("/events", "/apps/cat/events"):
            headers = {"Last-Event-ID": place.encode().decode("latin-1")}
            stream = follow(visor, path, headers=headers)
            assert stream.status == 400, place
            assert stream.problem["code"] == "malformed-request"


def test_a_rev_that_is_none_is_invalid(visor: Service, follow: Follow) -> None:
    for rev in ("-1", "x", "1.5", "", str(2**63), "5_0", "5-", "5-x", "5-0-0", " 5", "-", "5--1"):
        for accept in FORMS:
            stream = follow(visor, rev=rev, headers={"Accept": accept})
            assert stream.status == 422, rev
            assert stream.problem["code"] == "invalid-request"


def test_a_start_in_the_future_is_refused(visor: Service, follow: Follow) -> None:
    _services(visor, "a", "b")
    future = visor.nth(3)
    for start in (
        {"rev": future},
        {"rev": f"{future}-0"},
        {"last_event_id": f"{future}-0"},
        {"last_event_id": str(future)},
    ):
        for accept in FORMS:
            stream = follow(visor, headers={"Accept": accept}, **start)
            assert stream.status == 400, start
            assert stream.problem["code"] == "rev-in-future"
            assert stream.problem["current_rev"] == visor.nth(2)


def test_a_start_that_is_compacted_is_refused_before_the_stream_opens(
    embedded_serve: Serve, follow: Follow
) -> None:
    visor = embedded_serve(history=3)
    _services(visor, *"abcdefgh")
    assert visor.get("/rev").json()["oldest_rev"] == 5
    for start in ({"rev": 0}, {"rev": 4}, {"rev": "5-0"}, {"last_event_id": "4-0"}, {"last_event_id": "4"}):
        for accept in FORMS:
            stream = follow(visor, headers={"Accept": accept}, **start)
            assert stream.status == 410, start
            assert stream.problem["code"] == "rev-compacted"
            assert stream.problem["oldest_rev"] == 5
    assert follow(visor, rev=5).events(1)[0].id == "6-0"
    assert follow(visor, last_event_id="5").events(1)[0].id == "6-0"


def test_head_answers_at_once(visor: Service) -> None:
    make(visor, CALLS[0])
    for path in ("/events", "/apps/cat/events"):
        answer = visor.client.head(path, timeout=60)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["visor-rev"] == str(visor.nth(1))
        assert answer.content == b""
        assert visor.context.capacity.subscribers == 0
    assert visor.client.head(f"/events?rev={visor.nth(7)}").status_code == 400, "it refuses what GET refuses"


def test_a_stream_is_not_to_be_kept_or_buffered(visor: Service, follow: Follow) -> None:
    headers = follow(visor).headers
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"


def test_who_accepts_streams_gets_one(visor: Service, follow: Follow) -> None:
    for accept in ("*/*", "text/event-stream", "text/event-stream, application/json"):
        stream = follow(visor, headers={"Accept": accept})
        assert stream.headers["content-type"].startswith("text/event-stream")
