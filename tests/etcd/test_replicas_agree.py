"""Several replicas answer as one: the same bytes, the same events, each sees the others' writes at once."""

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.store.etcd.revs import last_rev_of, rev_of
from tests.etcd.cluster import Cluster
from tests.etcd.replicas import events_after, replicas
from tests.serving import APP, Service
from tests.sse.platform_history import live_a_while
from tests.sse.sse_reader import SseStream

WEB = "/apps/cat/proctypes/web"
READS = [
    *("/apps", "/apps/cat", "/apps/cat/env", "/apps/cat/env/cow", "/apps/cat/envs", "/apps/cat/envs/128af9"),
    *("/revisions", "/apps/cat/revisions", "/apps/cat/revisions/128af9", "/apps/cat/proctypes", WEB),
    *(WEB + "/scale", WEB + "/instances", WEB + "/ended", "/apps/cat/instances", "/instances"),
    *("/instances?status=pending", "/instances?host=10.0.0.7", "/instances?limit=3", "/instances/1"),
    *(
        "/services",
        "/services/memcached",
        "/services/memcached/endpoints",
        "/runners",
        "/runners?host=10.0.0.7",
    ),
    *("/members/pms", "/members/proxies", "/members/loggers", "/schema"),
]


@pytest.fixture
def two(etcd: Cluster, tmp_path: Path) -> Iterator[list[Service]]:
    with replicas(etcd.endpoints, tmp_path.name) as services:
        yield services


def said(service: Service, path: str, rev: int) -> tuple[int, str | None, str | None, bytes]:
    answer = service.get(path + ("&" if "?" in path else "?") + f"rev={rev}")
    return answer.status_code, answer.headers.get("ETag"), answer.headers["Visor-Rev"], answer.content


def test_the_same_rev_is_the_same_bytes_on_every_replica_in_memory_or_not(
    etcd: Cluster, tmp_path: Path
) -> None:
    with replicas(etcd.endpoints, tmp_path.name, 1) as (long,):
        live_a_while(long)
        with (
            replicas(etcd.endpoints, tmp_path.name, 1, memory_revs=5) as (short,),
            replicas(etcd.endpoints, tmp_path.name, 1) as (late,),
        ):
            long.made("/services", {"name": "after"})
            first = events_after(long)[0]["rev"]
            last = long.rev
            commits = [event["rev"] for event in events_after(long, first)]
            revs = sorted({first, last, last - 1, last - 1000, *random.sample(commits, 4)})
            found = 0
            for path in READS:
                for rev in revs:
                    answers = {said(service, path, rev) for service in (long, short, late)}
                    assert len(answers) == 1, (path, rev, answers)
                    found += next(iter(answers))[0] == 200
            assert found > len(READS)
            told = [events_after(service) for service in (long, short, late)]
            assert told[0] == told[1] == told[2]
            for service in (short, late):
                with SseStream(service.port, "/events", rev=first) as stream:
                    frames = stream.events(len([one for one in told[0] if one["rev"] > first]))
                assert [frame.said for frame in frames] == [one for one in told[0] if one["rev"] > first]


def test_a_write_through_one_is_read_through_the_other_at_once(two: list[Service]) -> None:
    two[0].made("/apps", APP)

    def interleave(key: str) -> None:
        order = random.Random(key)
        for number in range(40):
            writer, reader = order.sample(two, 2)
            put = writer.put(f"/apps/cat/env/{key}", {"value": str(number)})
            assert put.status_code == 200, put.text
            read = reader.get(f"/apps/cat/env/{key}")
            assert read.json()["value"] == str(number)
            assert int(read.headers["Visor-Rev"]) >= int(put.headers["Visor-Rev"])
            rev = int(put.headers["Visor-Rev"])
            assert reader.get(f"/apps/cat/env/{key}?rev={rev}").json()["value"] == str(number)
            assert reader.get(f"/apps/cat/env?rev={rev}").headers["Visor-Rev"] == str(rev)

    threads = [threading.Thread(target=interleave, args=(f"k{n}",)) for n in range(3)]
    failures: list[Any] = []
    threading.excepthook = lambda failure: failures.append(failure.exc_value)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        threading.excepthook = threading.__excepthook__
    assert not failures, failures


def test_a_rev_that_one_has_given_is_a_place_to_start_from_on_the_other(two: list[Service]) -> None:
    two[0].made("/apps", APP)
    for number in range(30):
        writer, reader = two if number % 2 else reversed(two)
        rev = int(writer.put("/apps/cat/env/a", {"value": str(number)}).headers["Visor-Rev"])
        answer = reader.get(f"/events?rev={rev}", headers={"Accept": "application/json"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["items"] == []


def test_the_future_is_refused_with_the_rev_that_is_the_latest(two: list[Service], etcd: Cluster) -> None:
    rev = two[0].rev
    for path in ("/apps", "/events"):
        answer = two[1].get(f"{path}?rev={rev + 1_000_000}", headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (400, "rev-in-future")
        assert rev <= answer.json()["current_rev"] <= last_rev_of(etcd.revision())


def test_others_that_write_to_the_same_etcd_only_make_gaps(etcd: Cluster, tmp_path: Path) -> None:
    with replicas(etcd.endpoints, tmp_path.name, keep_alive=0.1, bookmark=0.2) as two:
        two[0].made("/apps", APP)
        rev = two[0].rev
        with SseStream(two[1].port, "/events", rev=rev) as stream:
            for _ in range(5):
                etcd.ctl("put", f"other-{tmp_path.name}", "x")
            reached = rev_of(etcd.revision())
            assert reached > rev
            assert two[0].rev == two[1].rev == rev, "nothing of ours has changed"
            # Revs of others are points in time too: read there, and go on from there.
            body = two[0].get(f"/apps/cat?rev={reached}").content
            assert body == two[1].get(f"/apps/cat?rev={reached}").content == two[0].get("/apps/cat").content
            with (
                SseStream(two[0].port, "/events", rev=reached) as there,
                replicas(etcd.endpoints, tmp_path.name, 1) as (late,),
            ):
                assert late.rev == rev, "a replica that starts now says the same"
                with SseStream(late.port, "/events", last_event_id=f"{rev - 1}") as resumed:
                    two[0].made("/services", {"name": "a"})
                    assert [frame.said["type"] for frame in resumed.events(2)] == [
                        "app-register",
                        "service-register",
                    ]
                assert there.event().said["service"] == "a"
            assert stream.event().said["service"] == "a"


def test_an_idle_stream_costs_nothing_where_others_have_written(etcd: Cluster, tmp_path: Path) -> None:
    with replicas(etcd.endpoints, tmp_path.name, 1, keep_alive=0.1) as (visor,):
        visor.made("/apps", APP)
        with SseStream(visor.port, "/events"):
            etcd.ctl("put", f"other-{tmp_path.name}", "x")
            assert visor.get(f"/apps?rev={rev_of(etcd.revision())}").status_code == 200
            began = time.process_time()
            time.sleep(1)
            assert time.process_time() - began < 0.5, "the stream looks again and again"
