"""Filters: a stream has exactly the events that fit all of them."""

from typing import Any

from tests.serving import Service
from tests.sse.conftest import Follow, Serve
from tests.sse.platform_history import fits, live_a_while, whole_history

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
]


def test_a_filtered_stream_has_what_fits_and_nothing_else(serve: Serve, follow: Follow) -> None:
    visor = serve(bookmark=0.02)
    live_a_while(visor)
    whole = whole_history(visor)
    for wanted in FILTERS:
        expected = [event for event in whole if fits(event, **wanted)]
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
            expected = [event for event in whole if fits(event, app=app, **more)]
            frames = follow(visor, f"/apps/{app}/events", rev=0, **more).up_to(visor.rev)
            assert [frame.said for frame in frames if frame.is_event] == expected


def test_a_filter_out_of_form_is_invalid(visor: Service) -> None:
    for query in (
        "type=",
        "type=instance-**",
        "type=in*",
        "type=APP",
        "instance=x",
        "instance=0",
        "host=a b",
    ):
        for accept in ("text/event-stream", "application/json"):
            answer = visor.get(f"/events?rev=0&{query}", headers={"Accept": accept})
            assert answer.status_code == 422, query
            assert answer.json()["code"] == "invalid-request"
