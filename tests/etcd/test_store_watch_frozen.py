"""The watch stands still while etcd goes on: old state is never shown as new, and streams have no hole."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.etcd.cluster import Cluster, until
from tests.etcd.replicas import BOUNDED, Line, events_after, is_away, line, replicas, timed, until_ok
from tests.serving import APP, Service
from tests.sse.sse_reader import SseStream


@pytest.fixture
def cable(own: Cluster) -> Iterator[Line]:
    with line(own) as made:
        yield made


@pytest.fixture
def writer(own: Cluster, tmp_path: Path) -> Iterator[Service]:
    with replicas(own.endpoints, tmp_path.name, 1) as (service,):
        service.made("/apps", {**APP, "env": {"n": "0"}})
        yield service


def put(writer: Service, value: int) -> int:
    answer = writer.put("/apps/cat/env/n", {"value": str(value)})
    assert answer.status_code == 200, answer.text
    return int(answer.headers["Visor-Rev"])


def value(service: Service, query: str = "") -> int:
    return int(service.get(f"/apps/cat/env/n{query}").json()["value"])


def test_a_read_waits_for_the_frozen_watch_and_is_never_old(
    own: Cluster, writer: Service, cable: Line, tmp_path: Path
) -> None:
    """Two ways to etcd; the one that the watch goes by stands still, reads of etcd find the other."""
    with (
        replicas([cable.endpoint, own.endpoints[0]], tmp_path.name, 1) as (reader,),
        SseStream(reader.port, "/events", rev=reader.rev) as stream,
    ):
        cable.freeze()
        rev = put(writer, 1)
        assert value(reader, "?consistency=stale") == 0, "what is held, at once"
        answer, took = timed(lambda: reader.get("/apps/cat/env/n"))
        assert took < BOUNDED
        if answer.status_code == 200:
            assert answer.json()["value"] == "1"
        else:
            is_away(answer)
        until_ok(lambda: reader.get("/apps/cat/env/n"))
        assert value(reader) == 1
        assert stream.event().rev == rev
        cable.thaw()
        rev = put(writer, 2)
        assert value(reader) == 2
        assert stream.event().rev == rev


def test_the_only_way_to_etcd_stands_still_and_goes_on(writer: Service, cable: Line, tmp_path: Path) -> None:
    with (
        replicas([cable.endpoint], tmp_path.name, 1) as (reader,),
        SseStream(reader.port, "/events", rev=reader.rev) as stream,
    ):
        held = reader.rev
        cable.freeze()
        revs = [put(writer, number) for number in range(1, 4)]
        for _ in range(2):
            answer, took = timed(lambda: reader.get("/apps/cat/env/n"))
            is_away(answer)
            assert took < BOUNDED
        assert value(reader, "?consistency=stale") == 0
        assert value(reader, f"?rev={held}") == 0
        answer, took = timed(lambda: reader.get(f"/apps/cat/env/n?rev={revs[0]}"))
        is_away(answer)
        listed = {"Accept": "application/json"}
        answer, took = timed(lambda: reader.get(f"/events?rev={held}", headers=listed))
        is_away(answer)  # a list of events that lacks what was acknowledged would be old state too
        assert took < BOUNDED
        ready = reader.get("/readyz")
        assert ready.status_code == 503
        assert "etcd" in ready.json()["detail"]
        cable.thaw()
        until_ok(lambda: reader.get("/apps/cat/env/n"))
        assert value(reader) == 3
        assert [frame.rev for frame in stream.events(3)] == revs
        until_ok(lambda: reader.get("/readyz"))


def test_many_who_ask_while_it_stands_still_are_all_answered_in_time(
    writer: Service, cable: Line, tmp_path: Path
) -> None:
    with replicas([cable.endpoint], tmp_path.name, 1) as (reader,):
        cable.freeze()
        took: list[float] = []

        def ask(delay: float) -> None:
            time.sleep(delay)
            answer, seconds = timed(lambda: reader.get("/apps/cat"))
            is_away(answer)
            took.append(seconds)

        threads = [threading.Thread(target=ask, args=(n * 0.4,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(took) == 8
        assert max(took) < BOUNDED
        cable.thaw()


def test_a_compaction_while_the_watch_is_down_leaves_no_hole(
    own: Cluster, writer: Service, cable: Line, tmp_path: Path
) -> None:
    with replicas([cable.endpoint], tmp_path.name, 1) as (reader,):
        with SseStream(reader.port, "/events", rev=reader.rev) as stream:
            cable.down()
            for number in range(1, 6):
                put(writer, number)
            own.compact(own.revision())
            cable.up()
            until_ok(lambda: reader.get("/apps/cat"))
            assert value(reader) == 5
            frames = stream.rest()
            assert [frame.event for frame in frames if frame.event] == ["bookmark", "gone"], "never a hole"
            oldest = frames[-1].said["oldest_rev"]
        # From the snapshot on it is whole again.
        rev = reader.rev
        assert oldest <= rev
        last = put(writer, 6)
        with SseStream(reader.port, "/events", rev=rev) as stream:
            assert stream.event().rev == last
        assert events_after(reader, rev) == events_after(writer, rev)


def test_a_watch_that_is_cut_again_and_again_brings_every_rev_once(
    writer: Service, cable: Line, tmp_path: Path
) -> None:
    with (
        replicas([cable.endpoint], tmp_path.name, 1) as (reader,),
        SseStream(reader.port, "/events", rev=reader.rev) as stream,
    ):
        revs = []
        for number in range(1, 81):
            revs.append(put(writer, number))
            if number % 20 == 0:
                cable.cut()
        assert [frame.rev for frame in stream.events(80)] == revs
        assert [event["rev"] for event in events_after(reader, revs[0] - 1)] == revs
        assert value(reader) == 80


def test_what_is_held_gets_older_while_etcd_does_not_answer(
    writer: Service, cable: Line, tmp_path: Path
) -> None:
    """`/discovery/prometheus` goes on with what is held, and its `Visor-Age` says for how long."""

    def age() -> int:
        answer = reader.get("/discovery/prometheus")
        assert (answer.status_code, answer.json()) == (200, [])
        return int(answer.headers["Visor-Age"])

    with replicas([cable.endpoint], tmp_path.name, 1) as (reader,):
        until(lambda: age() <= 3, "it is confirmed")
        cable.freeze()
        until(lambda: age() > 6, "it gets older")
        is_away(reader.get("/discovery/prometheus?consistency=linearizable"))
        cable.thaw()
        until(lambda: age() <= 3, "it is confirmed again")
