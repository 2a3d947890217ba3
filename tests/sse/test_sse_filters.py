"""Filters: a stream has exactly the events that fit all of them."""

from typing import Any

import pytest

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


@pytest.mark.parametrize("app", ["cat", "dog", "nobody"])
def test_an_apps_events_are_those_of_the_filter(serve: Serve, follow: Follow, app: str) -> None:
    """Also of an app that is gone, and of one that never was."""
    visor = serve(bookmark=0.02)
    live_a_while(visor)
    mine = follow(visor, f"/apps/{app}/events", rev=0).up_to(visor.rev)
    same = follow(visor, rev=0, app=app).up_to(visor.rev)
    assert [f.raw for f in mine if f.is_event] == [f.raw for f in same if f.is_event]
    more = follow(visor, f"/apps/{app}/events", rev=0, type="proc-*").up_to(visor.rev)
    assert [f.raw for f in more if f.is_event] == [
        f.raw for f in mine if f.is_event and f.said["type"].startswith("proc-")
    ]


@pytest.mark.parametrize(
    "query",
    ["type=", "type=instance-**", "type=in*", "type=APP", "instance=x", "instance=0", "host=a b", "app=.."],
)
@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
def test_a_filter_out_of_form_is_invalid(visor: Service, query: str, accept: str) -> None:
    answer = visor.get(f"/events?rev=0&{query}", headers={"Accept": accept})
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid-request"
