"""`GET /events/list`: the same history as a list, page by page or by waiting."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from pydantic import TypeAdapter

from app.models.event import EventPage
from tests.etcd.cluster import until
from tests.serving import APP, ARCHIVE, Service
from tests.sse.conftest import Follow, Serve
from tests.sse.platform_history import live_a_while, selected

_PAGE: TypeAdapter[object] = TypeAdapter(EventPage)

LIST = {"Accept": "application/json"}


def _page(visor: Service, path: str = "/events/list", place: str | None = None, **query: Any) -> Any:
    headers = {} if place is None else {"Last-Event-ID": place}
    answer = visor.get(path, headers=headers, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    page = answer.json()
    assert list(page) == ["rev", "items", "next"]
    assert answer.headers["visor-rev"] == str(page["rev"])
    _PAGE.validate_json(answer.content)
    return page


def _empty(rev: int) -> Any:
    """What a list says that has nothing after this rev."""
    return {"rev": rev, "items": [], "next": str(rev)}


def test_a_list_has_the_same_events_as_the_stream(serve: Serve, follow: Follow) -> None:
    visor = serve(bookmark=0.02)
    live_a_while(visor)
    frames = [f for f in follow(visor, rev=0).up_to(visor.rev) if f.is_event]
    answer = visor.get("/events/list?rev=0&limit=1000")
    assert answer.content.split(b'"items":[')[1].startswith(
        b",".join((f.data or "").encode() for f in frames)
    )
    page = answer.json()
    assert page["rev"] == visor.rev
    assert page["next"] == str(visor.rev), "everything up to there was looked at"


def test_next_goes_through_the_history_exactly_once(serve: Serve) -> None:
    """With any limit, also inside a rev, filtered or not, of one app or of all."""
    visor = serve()
    live_a_while(visor)
    whole = _page(visor, rev=0, limit=1000)["items"]
    for limit in (1, 3, 7, 100) if visor.coordinator == "memory" else (3, 20):
        for path, wanted in (
            ("/events/list", {}),
            ("/events/list", {"type": "app-*"}),
            ("/apps/dog/events/list", {}),
        ):
            got: list[Any] = []
            page = _page(visor, path, rev=0, limit=limit, **wanted)
            while page["items"]:
                assert len(page["items"]) <= limit
                got += page["items"]
                place = {"rev": page["next"]} if limit == 3 else {"place": page["next"]}
                page = _page(visor, path, limit=limit, **place, **wanted)
            more = {"app": "dog"} if "dog" in path else {}
            assert got == selected(whole, **wanted, **more)


def test_limits_out_of_range_are_invalid(visor: Service) -> None:
    for query in ("limit=0", "limit=1001", "limit=x", "wait=61", "wait=-1", "wait=0.5"):
        for path in ("/events/list", "/apps/cat/events/list", "/events"):
            assert visor.get(f"{path}?{query}", headers=LIST).status_code == 422, (path, query)


def test_the_streams_path_answers_the_same_list_where_json_is_preferred(visor: Service) -> None:
    """As it did before the list had a path of its own."""
    visor.runnable()
    for path in ("/events", "/apps/cat/events"):
        query = f"rev={visor.nth(0)}&limit=2&type=*"
        old = visor.get(f"{path}?{query}", headers=LIST)
        new = visor.get(f"{path}/list?{query}")
        assert old.status_code == new.status_code == 200
        assert (old.content, old.headers["visor-rev"]) == (new.content, new.headers["visor-rev"])
        assert old.headers["content-type"] == new.headers["content-type"] == "application/json"


def test_the_list_is_json_whatever_is_accepted(visor: Service) -> None:
    visor.made("/services", {"name": "a"})
    for accept in ("text/event-stream", "*/*", "text/html"):
        answer = visor.get(f"/events/list?rev={visor.nth(0)}", headers={"Accept": accept})
        assert len(answer.json()["items"]) == 1


def test_a_place_that_is_none_or_gone_or_to_come_is_refused_in_the_list(embedded_serve: Serve) -> None:
    visor = embedded_serve(history=3)
    for name in "abcdefgh":
        visor.made("/services", {"name": name})
    for path in ("/events/list", "/apps/cat/events/list"):
        for rev, status in (
            ("x", 422),
            ("-1", 422),
            ("4", 410),
            ("0", 410),
            ("5-0", 410),
            ("9", 400),
            ("9-0", 400),
        ):
            assert visor.get(f"{path}?rev={rev}").status_code == status, (path, rev)
        assert visor.get(f"{path}?snapshot=true").status_code == 422, "it is for the stream"


def test_without_events_the_list_is_empty_at_once(visor: Service) -> None:
    assert _page(visor) == _empty(visor.nth(0))
    visor.made("/services", {"name": "a"})
    after = _empty(visor.nth(1))
    assert _page(visor) == after
    assert _page(visor, rev=0, type="app-*") == after
    assert _page(visor, place=f"{visor.nth(1)}-0") == after


def test_a_wait_ends_with_the_first_event_that_fits(visor: Service) -> None:
    with ThreadPoolExecutor(2) as pool:
        any_ = pool.submit(_page, visor, rev=0, wait=30)
        fitting = pool.submit(_page, visor, rev=0, wait=30, type="app-*")
        until(lambda: visor.context.capacity.subscribers == 2, "both wait")
        visor.made("/services", {"name": "a"})
        assert [event["type"] for event in any_.result(60)["items"]] == ["service-register"]
        assert not fitting.done()
        visor.made("/apps", APP)
        page = fitting.result(60)
    assert [event["type"] for event in page["items"]] == ["app-register"]
    assert visor.context.capacity.subscribers == 0
    # Only now: what came before the page was read would have been looked at by it.
    visor.made("/apps/cat/revisions", {"ref": "r1", "archive_url": ARCHIVE})
    visor.made("/apps/cat/proctypes", {"name": "web"})
    follower = _page(visor, place=page["next"])
    assert [event["rev"] for event in follower["items"]] == [visor.nth(3), visor.nth(4)]


def test_a_wait_for_what_is_there_is_none(visor: Service) -> None:
    visor.made("/services", {"name": "a"})
    began = time.monotonic()
    assert len(_page(visor, rev=0, wait=30)["items"]) == 1
    assert time.monotonic() - began < 20


def test_a_wait_ends_empty_when_its_time_is_over(visor: Service) -> None:
    began = time.monotonic()
    assert _page(visor, rev=0, wait=1) == _empty(visor.nth(0))
    assert time.monotonic() - began >= 1


def test_a_wait_that_saw_what_does_not_fit_says_how_far_it_came(visor: Service) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_page, visor, rev=0, wait=1, type="app-*")
        until(lambda: visor.context.capacity.subscribers == 1, "it waits")
        visor.made("/services", {"name": "a"})
        assert waiting.result(60) == _empty(visor.nth(1))


def test_a_wait_ends_at_shutdown(serve: Serve) -> None:
    visor = serve()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_page, visor, rev=0, wait=30)
        until(lambda: visor.context.capacity.subscribers == 1, "it waits")
        visor.server.should_exit = True
        assert waiting.result(60) == _empty(visor.nth(0))


def test_a_client_that_leaves_gives_its_place_back(visor: Service) -> None:
    """Or clients that are impatient would fill the places of all."""
    visor.runnable()
    visor.ticket()
    for path in ("/events/list?wait=60", "/events?wait=60", "/instances/1?status=running&wait=60"):
        with (
            httpx2.Client(base_url=visor.url, timeout=0.2, verify=False) as client,
            pytest.raises(httpx2.TimeoutException),
        ):
            client.get(path, headers=LIST)
        until(lambda: visor.context.capacity.subscribers == 0, "its place is free")
