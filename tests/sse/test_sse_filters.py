"""Filters: a stream has exactly the events that fit all of them."""

from typing import Any

from tests.serving import Service
from tests.sse.conftest import Follow, Serve
from tests.sse.platform_history import live_a_while, selected, whole_history

FILTERS: list[dict[str, Any]] = [
    {"type": "app-register"},
    {"type": ["app-register", "rev-register"]},
    {"type": "instance-*"},
    {"type": ["instance-*", "app-update"]},
    {"type": "*"},
    {"type": ["env-*", "member-*"]},
    {"app": "cat"},
    {"app": "nobody"},
    {"proctype": "web"},
    {"instance": 2},
    {"host": "10.0.0.7"},
    {"host": "10.0.0.8"},
    {"app": "dog", "type": "instance-*"},
    {"app": "cat", "proctype": "web", "type": "instance-claim"},
    {"app": "cat", "instance": 3, "type": ["instance-start", "instance-claim"]},
    {"host": "10.0.0.7", "type": "instance-*"},
    {"host": ["10.0.0.7", "10.0.0.8"], "app": ["cat", "nobody"]},
    {"app": ["cat", "dog"], "type": "proc-*"},
    {"proctype": ["web", "worker"], "instance": [1, 2, 3]},
]


def test_a_filtered_stream_has_what_fits_and_nothing_else(serve: Serve, follow: Follow) -> None:
    visor = serve(bookmark=0.02)
    live_a_while(visor)
    whole = whole_history(visor)
    for wanted in FILTERS:
        expected = selected(whole, **wanted)
        assert expected or wanted == {"app": "nobody"}, f"{wanted} shows nothing"
        frames = follow(visor, rev=0, **wanted).up_to(visor.rev)
        assert [frame.said for frame in frames if frame.is_event] == expected, wanted


def test_an_apps_events_are_those_of_the_filter(serve: Serve, follow: Follow) -> None:
    """Also of an app that is gone, and of one that never was."""
    visor = serve(bookmark=0.02)
    live_a_while(visor)
    whole = whole_history(visor)
    for app in ("cat", "dog", "nobody"):
        for more in ({}, {"type": "proc-*"}):
            expected = selected(whole, app=app, **more)
            frames = follow(visor, f"/apps/{app}/events", rev=0, **more).up_to(visor.rev)
            assert [frame.said for frame in frames if frame.is_event] == expected


def test_who_follows_a_host_is_told_that_an_instance_left_it(serve: Serve, follow: Follow) -> None:
    """In the stream, in what follows a snapshot, to those who wait, and in the list."""
    visor = serve(bookmark=1000, keep_alive=1000)
    visor.runnable()
    visor.ticket()
    claimed = visor.made("/instances/1/claim", {"host": "10.0.0.7"})
    there = follow(visor, host="10.0.0.7")
    after = follow(visor, host="10.0.0.7", snapshot=True)
    elsewhere = follow(visor, host="10.0.0.8")
    for stream in (there, after, elsewhere):
        stream.next()
    left = visor.made("/instances/1/unclaim", {"host": "10.0.0.7", "error": "no room"})
    visor.made("/instances/1/claim", {"host": "10.0.0.8"})
    visor.made("/services", {"name": "a"})
    for stream in (there, after):
        event = stream.event()
        assert event is not None
        assert (event.event, event.rev) == ("instance-unclaim", left["rev"])
        assert event.said["object"]["host"] is None
    arrived = elsewhere.event()
    assert arrived is not None
    assert arrived.event == "instance-claim"
    page = visor.get(f"/events/list?rev={claimed['rev']}&host=10.0.0.7").json()
    assert [event["type"] for event in page["items"]] == ["instance-unclaim"]
    assert follow(visor, host="10.0.0.7", rev=claimed["rev"]).events(1)[0].rev == left["rev"]


def test_a_filter_out_of_form_is_invalid(visor: Service) -> None:
    for query in (
        "type=",
        "type=instance-**",
        "type=in*",
        "type=nonsense",
        "type=nonsense-*",
        "type=app-rename",
        "type=app-update&type=instance-flee",
        "type=snapshot",
        "type=bookmark",
        "type=APP",
        "instance=x",
        "instance=0",
        "host=a b",
    ):
        for accept in ("text/event-stream", "application/json"):
            answer = visor.get(f"/events?rev=0&{query}", headers={"Accept": accept}, timeout=60)
            assert answer.status_code == 422, query
            assert answer.json()["code"] == "invalid-request"
