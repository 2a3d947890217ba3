"""`snapshot=true`: what is there now, then what follows, without a gap and without a repeat."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from pydantic import TypeAdapter

from app.models.event import SnapshotEvent
from tests.http.expect import refused
from tests.serving import APP, Service
from tests.sse.conftest import Follow, Serve
from tests.sse.platform_history import live_a_while
from tests.sse.sse_reader import Frame, SseStream

_SNAPSHOT: TypeAdapter[object] = TypeAdapter(SnapshotEvent)

ORDER = ["app", "revision", "envset", "proctype", "instance", "service", "endpoint", "runner", "member"]


def _snapshot(stream: SseStream) -> tuple[list[dict[str, Any]], int]:
    """The objects up to snapshot-end, and its rev."""
    found = []
    while (frame := stream.next()) is not None:
        if frame.event == "snapshot-end":
            assert frame.said == {"type": "snapshot-end", "rev": frame.rev}
            return found, frame.rev
        if frame.event == "snapshot":
            assert frame.id is None, "no place to resume from: the snapshot is not whole yet"
            said = frame.said
            assert said["rev"] == said["object"]["rev"]
            _SNAPSHOT.validate_json(frame.data or "")
            found.append(said)
    raise AssertionError("the stream ended inside its snapshot")


def _pages(visor: Service, path: str, rev: int) -> list[Any]:
    items: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        more = {"cursor": cursor} if cursor else {"rev": str(rev)}
        page = visor.get(path, params={"limit": "1000", **more}).json()
        assert page["rev"] == rev
        items += page["items"]
        cursor = page["next"]
    return items


def _lists(visor: Service, rev: int) -> dict[str, list[Any]]:
    """The registry at a rev, by the lists of its resources."""
    apps = _pages(visor, "/apps", rev)
    services = _pages(visor, "/services", rev)

    def of_apps(path: str) -> list[Any]:
        return [item for app in apps for item in _pages(visor, f"/apps/{app['name']}/{path}", rev)]

    return {
        "app": apps,
        "revision": _pages(visor, "/revisions", rev),
        "envset": of_apps("envs"),
        "proctype": of_apps("proctypes"),
        "instance": _pages(visor, "/instances", rev),
        "service": services,
        "endpoint": [e for s in services for e in _pages(visor, f"/services/{s['name']}/endpoints", rev)],
        "runner": _pages(visor, "/runners", rev),
        "member": [
            m for kind in ("loggers", "pms", "proxies") for m in _pages(visor, f"/members/{kind}", rev)
        ],
    }


def _by_kind(objects: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {kind: [said["object"] for said in objects if said["kind"] == kind] for kind in ORDER}


def _populate(visor: Service) -> None:
    live_a_while(visor)
    visor.made("/apps/cat/envs", {"ref": "blue", "vars": {"a": "b"}})
    visor.made("/services", {"name": "memcached"})
    visor.made("/services/memcached/endpoints", {"addr": "10.0.0.9", "port": 11211})
    visor.put("/members/loggers/10.0.0.8:514", {"version": "1", "ttl": 600})
    visor.delete("/instances/3")


def test_a_snapshot_is_the_lists_at_its_rev(serve: Serve, follow: Follow) -> None:
    visor = serve()
    _populate(visor)
    objects, rev = _snapshot(follow(visor, snapshot=True))
    assert rev == visor.rev
    assert _by_kind(objects) == _lists(visor, rev)
    kinds = [said["kind"] for said in objects]
    assert set(kinds) - {"scale"} == set(ORDER), "one of each kind at least"
    cat = next(said for said in objects if said["kind"] == "proctype")
    assert (cat["app"], cat["proctype"], cat["type"]) == ("cat", "web", "snapshot")


def test_a_snapshot_of_an_empty_registry_is_its_end(visor: Service, follow: Follow) -> None:
    stream = follow(visor, snapshot=True)
    assert _snapshot(stream) == ([], visor.nth(0))
    visor.made("/services", {"name": "a"})
    assert stream.events(1)[0].id == f"{visor.nth(1)}-0"


def test_a_snapshot_has_what_the_filters_let_through(serve: Serve, follow: Follow) -> None:
    visor = serve()
    _populate(visor)
    everything, rev = _snapshot(follow(visor, snapshot=True))

    def expected(**names: Any) -> list[dict[str, Any]]:
        return [s for s in everything if all(s.get(name) == value for name, value in names.items())]

    for query, names in (
        ({"type": "instance-*"}, {"kind": "instance"}),
        ({"type": "instance-start"}, {"kind": "instance"}),
        ({"app": "cat"}, {"app": "cat"}),
        ({"app": "cat", "type": "proc-*"}, {"app": "cat", "kind": "proctype"}),
        ({"proctype": "worker"}, {"proctype": "worker"}),
        ({"instance": 4}, {"instance": 4}),
    ):
        assert expected(**names), f"{names} shows nothing"
        assert _snapshot(follow(visor, snapshot=True, **query)) == (expected(**names), rev), query
    on_host, _ = _snapshot(follow(visor, snapshot=True, host="10.0.0.7"))
    assert {said["kind"] for said in on_host} == {"instance", "runner"}
    assert all(said["object"]["host"] == "10.0.0.7" for said in on_host)
    of_app, _ = _snapshot(follow(visor, "/apps/cat/events", snapshot=True))
    assert of_app == expected(app="cat")


ROW = ("id", "rev", "status", "host", "claims", "lost_by", "claim_rev")


def test_instances_come_as_rows_of_the_fields_that_are_asked_for(serve: Serve, follow: Follow) -> None:
    """All else is as in any snapshot, and the rows have what the objects would have."""
    visor = serve()
    _populate(visor)
    rev = visor.rev
    for query in ({}, {"app": "cat"}, {"host": "10.0.0.7"}):
        whole, _ = _snapshot(follow(visor, snapshot=True, **query))
        stream = follow(visor, snapshot=True, instance_rows=",".join(ROW), **query)
        rows: list[Any] = []
        others = []
        while (frame := stream.next()) is not None and frame.event != "snapshot-end":
            if frame.event == "snapshot-rows":
                assert frame.id is None
                said = frame.said
                assert (said["type"], said["kind"]) == ("snapshot-rows", "instance")
                assert said["fields"] == list(ROW)
                rows += said["rows"]
            elif frame.event == "snapshot":
                others.append(frame.said)
        instances = [said["object"] for said in whole if said["kind"] == "instance"]
        assert rows == [[one[field] for field in ROW] for one in instances], query
        assert rows
        assert others == [said for said in whole if said["kind"] != "instance"], query
        assert frame is not None
        assert frame.rev == rev


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("snapshot=true&instance_rows=id,colour", "colour"),
        ("snapshot=true&instance_rows=", ""),
        ("instance_rows=id", "snapshot"),
    ],
)
def test_rows_of_what_is_no_field_or_without_a_snapshot_are_refused(
    visor: Service, query: str, why: str
) -> None:
    problem = refused(visor.get(f"/events?{query}"), 422, "invalid-request")
    assert problem["errors"][0]["loc"] == ["query", "instance_rows"]
    assert why in str(problem["errors"])


def test_a_snapshot_goes_on_without_gap_or_repeat_while_others_write(serve: Serve, follow: Follow) -> None:
    """The objects and the events after them give the registry as the lists have it."""
    visor = serve()
    visor.runnable()
    visor.scale(30)
    stop = threading.Event()

    def write(number: int) -> None:
        with httpx2.Client(base_url=visor.url, timeout=30, verify=False) as client:
            turn = 0
            while not stop.is_set():
                turn += 1
                client.put(f"/members/pms/10.0.0.{number}", json={"version": str(turn)})
                client.put(
                    "/apps/cat/proctypes/web/scale", json={"revision": "128af9", "count": 30 + turn % 3}
                )
                client.delete(f"/members/pms/10.0.0.{number}")

    with ThreadPoolExecutor(3) as pool:
        writing = [pool.submit(write, number) for number in range(1, 4)]
        try:
            for _ in range(5):
                stream = follow(visor, snapshot=True)
                objects, rev = _snapshot(stream)
                assert _by_kind(objects) == _lists(visor, rev)
                _check_what_follows(visor, objects, rev, stream.events(20))
                stream.close()
        finally:
            stop.set()
        for each in writing:
            each.result()


def _check_what_follows(visor: Service, objects: list[dict[str, Any]], rev: int, events: list[Frame]) -> None:
    whole = visor.get(f"/events?rev={rev}&limit=20", headers={"Accept": "application/json"}).json()
    assert [frame.said for frame in events] == whole["items"]
    there = {str(_name(said)): said["object"] for said in objects if said["kind"] in ("instance", "member")}
    last = events[-1].rev
    for frame in events:
        said = frame.said
        if frame.rev < last and said["type"] != "scale-update":  # the last rev may be cut
            if said["type"].endswith("-unregister"):
                del there[str(_name(said))]
            else:
                there[str(_name(said))] = said["object"]
    listed = _lists(visor, last - 1)
    assert sorted(map(str, there.values())) == sorted(map(str, listed["instance"] + listed["member"]))


def _name(said: dict[str, Any]) -> Any:
    return said.get("instance") or said.get("member")


def test_a_snapshot_of_many_pages_is_of_one_rev(
    visor: Service, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than the buffers between two sockets hold, changed while its reader takes its time."""
    monkeypatch.setattr("app.events.stream._PAGE", 7)
    for number in range(120):
        visor.made("/apps", {**APP, "name": f"a{number:03}", "env": {"big": "x" * 60_000}})
    stream = follow(visor, snapshot=True, receive_buffer=4096)
    for number in range(90, 120):
        assert visor.delete(f"/apps/a{number:03}").status_code == 200
    visor.put("/apps/a089/env/big", {"value": "changed"})
    objects, rev = _snapshot(stream)
    assert [said["app"] for said in objects] == [f"a{number:03}" for number in range(120)]
    assert {len(said["object"]["env"]["big"]) for said in objects} == {60_000}
    assert rev == visor.after(visor.rev, -31)
    assert [frame.said["app"] for frame in stream.events(31)] == [f"a{n:03}" for n in (*range(90, 120), 89)]


def test_with_an_event_id_it_resumes_instead(visor: Service, follow: Follow) -> None:
    """What a browser's EventSource does by itself after a cut."""
    visor.runnable()
    first = follow(visor, snapshot=True)
    _, rev = _snapshot(first)
    visor.made("/services", {"name": "a"})
    (seen,) = first.events(1)
    visor.made("/services", {"name": "b"})
    for place, expected in ((str(rev), visor.nth(4)), (seen.id, visor.nth(5))):
        again = follow(visor, snapshot=True, last_event_id=place)
        frames = [again.next() for _ in range(2)]
        assert [f.id if f else None for f in frames] == [place, f"{expected}-0"]


def test_a_list_has_no_snapshot(visor: Service) -> None:
    answer = visor.get("/events?snapshot=true", headers={"Accept": "application/json"})
    assert answer.status_code == 422


def test_a_start_that_is_compacted_is_told_and_answered_with_a_fresh_snapshot(
    embedded_serve: Serve, follow: Follow
) -> None:
    """200, because an EventSource gives up at any other. Without `snapshot=true` it is 410."""
    visor = embedded_serve(history=3)
    for name in "abcdefgh":
        visor.made("/services", {"name": name})
    for start in (
        {"rev": 4},
        {"rev": 0},
        {"last_event_id": "4"},
        {"last_event_id": "4-0"},
        {"last_event_id": "5-0"},  # what else happened in rev 5 is no longer kept
    ):
        stream = follow(visor, snapshot=True, **start)
        assert stream.status == 200, start
        assert stream.headers["visor-rev"] == "8"
        first = stream.next()
        assert first is not None
        assert (first.event, first.id) == ("gone", None)
        assert first.said == {"type": "gone", "oldest_rev": 5}
        assert first.retry is not None
        objects, rev = _snapshot(stream)
        assert rev == visor.rev
        assert [said["service"] for said in objects] == list("abcdefgh")
        assert follow(visor, **start).status == 410
    assert visor.client.head("/events?snapshot=true&rev=4", timeout=60).status_code == 200
    visor.made("/services", {"name": "i"})
    assert stream.events(1)[0].id == "9-0"


def test_a_start_that_is_kept_is_not_called_gone(embedded_serve: Serve, follow: Follow) -> None:
    visor = embedded_serve(history=3)
    for name in "abcdefgh":
        visor.made("/services", {"name": name})
    frame = follow(visor, snapshot=True, last_event_id="5").next()
    assert frame is not None
    assert (frame.event, frame.id) == ("bookmark", "5")
    objects, rev = _snapshot(follow(visor, snapshot=True, rev=5))
    assert (len(objects), rev) == (5, 5)


def test_a_snapshot_is_of_a_whole_rev(visor: Service) -> None:
    visor.made("/services", {"name": "a"})
    answer = visor.get(f"/events?snapshot=true&rev={visor.nth(1)}-0")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["query", "rev"]
