"""Members with a ttl: they vanish, with an event, unless they are PUT again in time."""

import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.models import key_terms
from app.settings import Settings
from app.store.embedded.memory_log import NoLog
from app.store.embedded.store import EmbeddedStore
from app.store.history_size import Mark
from app.store.records import Commit
from tests.http.life.saying import events_after, until
from tests.leases import Try, tries
from tests.serving import Service, serving

PM = "/members/pms/10.0.0.7"


def put(visor: Service, path: str = PM, version: str = "1.0", ttl: int | None = None) -> httpx2.Response:
    answer = visor.put(path, {"version": version, "ttl": ttl})
    assert answer.status_code == 200, answer.text
    return answer


def gone(visor: Service, path: str = PM) -> bool:
    return visor.get(path).status_code == 404


def seconds_between(before: Any, after: Any) -> float:
    return (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds()


def test_one_that_is_not_put_again_vanishes_in_time_with_an_event_by_visor(visor: Service) -> None:
    announced = put(visor, ttl=1).json()
    other = put(visor, "/members/pms/10.0.0.8").json()
    before = visor.rev
    until(lambda: gone(visor))
    [event] = events_after(visor, before)
    assert (event["type"], event["actor"], event["member"]) == ("member-unregister", "visor", "10.0.0.7")
    assert event["object"] == announced
    assert event["rev"] == visor.rev > before
    if visor.coordinator == "etcd":
        assert event["at"] == other["updated_at"], (
            "a lease's end has no time but that of the commit before it"
        )
    else:
        assert 1 <= seconds_between(announced["updated_at"], event["at"]) < 8
    # It was there before, and the one without a ttl stays.
    assert visor.get(f"{PM}?rev={before}").json() == announced
    assert [m["addr"] for m in visor.get("/members/pms").json()["items"]] == ["10.0.0.8"]


def test_renewals_keep_it_and_make_no_commit(visor: Service) -> None:
    path = ""
    for attempt in tries(1, 5, 30):
        if path:  # the member of a try that was too slow must not end in this one
            until(lambda path=path: gone(visor, path))
        path, start = f"/members/pms/10.0.{attempt.number}.7", visor.rev
        with attempt:
            with attempt.in_time():
                first = put(visor, path, ttl=attempt.ttl)
            end = time.monotonic() + 2.5 * attempt.ttl
            while time.monotonic() < end:
                with attempt.in_time():
                    again = put(visor, path, ttl=attempt.ttl)
                assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
                time.sleep(0.2 * attempt.ttl)
            assert visor.rev == visor.after(start)
            assert [event["type"] for event in events_after(visor, start)] == ["member-register"]
    until(lambda: gone(visor, path))
    ours = [event["type"] for event in events_after(visor, start) if path.endswith(event["member"])]
    assert ours == ["member-register", "member-unregister"]


def test_a_new_ttl_or_version_is_a_change_and_counts_from_then(visor: Service) -> None:
    for attempt in tries(1, 5, 30):
        path, start = f"/members/pms/10.0.{attempt.number}.7", visor.rev
        with attempt:
            with attempt.in_time():
                put(visor, path, ttl=attempt.ttl)
            with attempt.in_time():
                longer = put(visor, path, ttl=600).json()
            revs = visor.after(start, 2), visor.after(start)
            assert (longer["ttl"], longer["rev"], longer["created_rev"]) == (600, *revs)
    put(visor, path, version="1.1", ttl=600)
    put(visor, "/members/pms/10.0.9.9", ttl=attempt.ttl)
    until(lambda: gone(visor, "/members/pms/10.0.9.9"))
    assert not gone(visor, path), "the first ttl is over long ago"
    put(visor, path, version="1.1", ttl=1)
    until(lambda: gone(visor, path))
    types = [e["type"] for e in events_after(visor, start) if e["member"] == path.rpartition("/")[2]]
    assert types == ["member-register", *["member-update"] * 3, "member-unregister"]


def test_without_a_ttl_it_stays_even_where_it_had_one(visor: Service) -> None:
    put(visor, ttl=1)
    put(visor, ttl=None)
    put(visor, "/members/pms/10.0.0.9", ttl=2)
    until(lambda: gone(visor, "/members/pms/10.0.0.9"))
    assert not gone(visor)


def test_one_that_is_deleted_is_gone_once_and_a_new_one_begins_anew(visor: Service) -> None:
    path = ""
    for attempt in tries(1, 5, 30):
        if path:
            until(lambda path=path: gone(visor, path))
        path, start = f"/members/pms/10.0.{attempt.number}.7", visor.rev
        with attempt:
            with attempt.in_time():
                put(visor, path, ttl=attempt.ttl)
            with attempt.in_time():
                deleted = visor.delete(path)
            assert deleted.json() == {"rev": visor.after(start, 2)}
    put(visor, path, ttl=600)
    put(visor, "/members/pms/10.0.9.9", ttl=2 * attempt.ttl)
    until(lambda: gone(visor, "/members/pms/10.0.9.9"))
    assert not gone(visor, path)
    types = [e["type"] for e in events_after(visor, start) if e["member"] == path.rpartition("/")[2]]
    assert types == ["member-register", "member-unregister", "member-register"]


def test_many_that_end_together_all_go_each_at_a_rev_of_its_own(visor: Service) -> None:
    for n in range(20):
        put(visor, f"/members/proxies/10.0.1.{n}", ttl=1)
    until(lambda: visor.get("/members/proxies").json()["items"] == [])
    ends = [event for event in events_after(visor, 0) if event["type"] == "member-unregister"]
    assert sorted(event["member"] for event in ends) == sorted(f"10.0.1.{n}" for n in range(20))
    assert len({event["rev"] for event in ends}) == 20


def test_after_a_restart_it_has_its_whole_time_again(tmp_path: Path) -> None:
    for attempt in tries(2, 8, 40):
        with attempt:
            _restart(f"sqlite:///{tmp_path}/{attempt.number}.db", attempt)


def _restart(store: str, attempt: Try) -> None:
    with serving(store=store) as visor:
        put(visor, "/members/loggers/10.0.0.8:514", ttl=600)
        put(visor, "/members/pms/10.0.0.9", ttl=1)
        with attempt.in_time():
            put(visor, ttl=attempt.ttl)
        until(lambda: gone(visor, "/members/pms/10.0.0.9"))
    began = time.monotonic()
    with attempt.in_time():
        pass  # it is as much a lease begun anew, which has its whole time from here on
    with serving(store=store) as visor:
        with attempt.in_time():
            assert not gone(visor)
        before = visor.rev
        until(lambda: gone(visor))
        assert time.monotonic() - began >= attempt.ttl
        [event] = events_after(visor, before)
        assert (event["type"], event["actor"]) == ("member-unregister", "visor")
        assert not gone(visor, "/members/loggers/10.0.0.8:514")


class SlowLog(NoLog):
    """A log whose next append takes as long as it is told to."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.free.set()
        self.appending = threading.Event()

    def append(self, commits: Sequence[Commit], oldest_rev: int, marks: Sequence[Mark] = ()) -> None:
        self.appending.set()
        self.free.wait(60)


def test_a_renewal_that_came_in_time_counts_though_the_disk_is_slow() -> None:
    """The renewal and the end of the lease wait for the same commit: the renewal was first."""
    for attempt in tries(2, 8, 40):
        with attempt:
            _renewed_while_the_disk_is_slow(attempt)


def _renewed_while_the_disk_is_slow(attempt: Try) -> None:
    log = SlowLog()
    store = EmbeddedStore(log, key_terms.index, history=100, memory_revs=100, commit_timeout=60)
    visor = Service(Settings(store="memory:", log_level="warning"), store)
    try:
        with attempt.in_time():
            put(visor, ttl=attempt.ttl)
        log.appending.clear()
        log.free.clear()
        others = [threading.Thread(target=visor_put, args=(visor, "/members/pms/10.0.0.8"))]
        others[0].start()
        assert log.appending.wait(60)
        others.append(threading.Thread(target=visor_put, args=(visor, PM, attempt.ttl)))
        with attempt.in_time():
            others[1].start()
            until(lambda: len(store._writer._queue) >= 1)
        until(lambda: len(store._writer._queue) == 2)  # the end of the lease
        log.free.set()
        for thread in others:
            thread.join(60)
        assert not gone(visor)
        until(lambda: gone(visor))
    finally:
        log.free.set()
        visor.stop()


def visor_put(visor: Service, path: str, ttl: int | None = None) -> None:
    httpx2.put(f"{visor.url}{path}", json={"version": "1.0", "ttl": ttl}, timeout=60)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PM, {"version": "1.0", "ttl": 0}),
        (PM, {"version": "1.0", "ttl": -1}),
        (PM, {"version": "1.0", "ttl": 1.5}),
        (PM, {"version": "1.0", "ttl": "1"}),
        (PM, {"version": "", "ttl": 1}),
        ("/members/pms/10.0.0.7:80", {"version": "1"}),
        ("/members/loggers/10.0.0.7", {"version": "1"}),
        ("/members/others/10.0.0.7", {"version": "1"}),
    ],
)
def test_what_is_not_in_its_form_is_refused(visor: Service, path: str, body: dict[str, Any]) -> None:
    answer = visor.put(path, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    assert visor.rev == visor.nth(0)


def test_put_creates_only_where_it_is_asked_to_and_others_are_not_found(visor: Service) -> None:
    body = {"version": "1.0"}
    assert visor.put(PM, body, headers={"If-None-Match": "*"}).status_code == 200
    assert visor.put(PM, body, headers={"If-None-Match": "*"}).json()["code"] == "rev-mismatch"
    assert visor.put(PM, {"version": "2"}, headers={"If-Match": '"7"'}).status_code == 412
    assert visor.get(PM).json()["version"] == "1.0"
    for kind in ("proxies", "pms"):
        assert visor.delete(f"/members/{kind}/10.0.0.1").status_code == 404
    assert visor.get("/members/proxies/10.0.0.7").status_code == 404
