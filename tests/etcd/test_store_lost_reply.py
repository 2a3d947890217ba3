"""An answer of etcd's that is lost: nothing is done twice; what cannot be known is no failure."""

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.etcd.cluster import Cluster
from tests.etcd.replicas import BOUNDED, Line, events_after, line, replicas, timed, until_ok
from tests.serving import APP, Service


@pytest.fixture
def cable(etcd: Cluster) -> Iterator[Line]:
    with line(etcd) as made:
        yield made


@pytest.fixture
def visor(cable: Line, tmp_path: Path) -> Iterator[Service]:
    with replicas([cable.endpoint], tmp_path.name, 1) as (service,):
        yield service


def while_replies_are_lost(cable: Line, seconds: float) -> threading.Timer:
    """From now on etcd's answers are lost; later the connection is cut, and the next one is whole."""
    cable.lose_replies()
    timer = threading.Timer(seconds, cable.cut)
    timer.start()
    return timer


@pytest.mark.parametrize("seconds", [0.3, 1.0, 4.0])
def test_a_write_whose_answer_is_lost_is_done_once_and_is_told_so_or_unknown(
    visor: Service, cable: Line, seconds: float
) -> None:
    visor.made("/apps", APP)
    rev = visor.rev
    timer = while_replies_are_lost(cable, seconds)
    answer, took = timed(lambda: visor.post("/services", {"name": "a"}))
    timer.join()
    assert took < BOUNDED
    if answer.status_code == 503:
        assert answer.json()["outcome"] == "unknown"
        assert answer.headers["Retry-After"]
    else:
        assert answer.status_code == 201, answer.text
        assert seconds < 3, "etcd said so in time"
    until_ok(lambda: visor.get("/services"))
    made = [event["type"] for event in events_after(visor, rev)]
    assert made == ["service-register"], "exactly once"
    if answer.status_code == 201:
        assert visor.get("/services/a").content == answer.content


def test_a_claim_whose_answer_is_lost_is_not_made_of_two_tickets(visor: Service, cable: Line) -> None:
    visor.runnable()
    visor.scale(5)
    timer = while_replies_are_lost(cable, 0.5)
    visor.post("/instances/claim", {"host": "10.0.0.7"})
    timer.join()
    until_ok(lambda: visor.get("/instances"))
    assert len(visor.get("/instances?status=claimed").json()["items"]) == 1


def test_the_retry_with_an_idempotency_key_has_one_effect_and_one_answer(
    etcd: Cluster, visor: Service, cable: Line, tmp_path: Path
) -> None:
    visor.runnable()
    rev = visor.rev
    body = {"app": "cat", "revision": "128af9", "proctype": "web", "env": None}
    key = {"Idempotency-Key": "once"}
    timer = while_replies_are_lost(cable, 4)
    first = visor.post("/instances", body, headers=key)
    assert (first.status_code, first.json()["outcome"]) == (503, "unknown")
    timer.join()
    again = until_ok(lambda: visor.post("/instances", body, headers=key))
    assert again.status_code == 201
    with replicas(etcd.endpoints, tmp_path.name, 1) as (other,):
        third = other.post("/instances", body, headers=key)
        assert (third.content, third.headers["Idempotency-Replayed"]) == (again.content, "true")
    assert [event["instance"] for event in events_after(visor, rev)] == [1], "exactly once"


def test_writers_through_a_line_that_breaks_again_and_again_do_everything_once(
    visor: Service, cable: Line
) -> None:
    visor.made("/apps", APP)
    rev = visor.rev
    stop = threading.Event()

    def torment() -> None:
        while not stop.wait(0.15):
            cable.lose_replies()
            time.sleep(0.03)
            cable.cut()

    thread = threading.Thread(target=torment)
    thread.start()
    acknowledged, unknown, refused = set(), set(), set()
    for number in range(60):
        answer = visor.post("/services", {"name": f"s{number}"})
        if answer.status_code == 201:
            acknowledged.add(f"s{number}")
        else:
            assert answer.status_code == 503, answer.text
            (unknown if answer.json().get("outcome") == "unknown" else refused).add(f"s{number}")
    stop.set()
    thread.join()
    until_ok(lambda: visor.get("/services"))
    made = [event["service"] for event in events_after(visor, rev)]
    assert len(made) == len(set(made)), "exactly once"
    assert acknowledged <= set(made), "no acknowledged write is lost"
    assert not refused & set(made), "what was called a failure has not happened"
    assert len(acknowledged) > 20


def test_that_etcd_does_not_say_what_became_of_writes_is_told_until_it_does(
    visor: Service, cable: Line, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody writes while it is not ready: that etcd commits again is found out without."""
    caplog.set_level(logging.WARNING)
    visor.made("/apps", APP)
    cable.lose_replies()
    answer = visor.post("/services", {"name": "a"})
    assert answer.json().get("outcome") == "unknown", answer.text
    words = "whether a write was made"
    assert words in visor.get("/readyz").json()["detail"]
    cable.cut()
    until_ok(lambda: visor.get("/readyz"), 60)
    assert [line for line in caplog.messages if line.startswith("not ready") and words in line]
    assert [line for line in caplog.messages if not line.startswith("not ready") and words in line]
    assert visor.get("/services/a").status_code == 200
