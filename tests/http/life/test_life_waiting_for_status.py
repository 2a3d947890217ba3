"""`GET /instances/{id}?status=..&wait=..`: answers when it is so, when it never can be, or in time."""

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.http.life.life_table import CAN_BECOME
from tests.http.life.saying import done, ticket_in, until
from tests.serving import Service, serving

STATUSES = ("pending", "claimed", "running", "stopping", "exited", "failed", "lost")


class Waiting:
    """One GET in a thread of its own."""

    def __init__(self, visor: Service, id: int, *statuses: str, wait: int = 30) -> None:
        self._url = f"{visor.url}/instances/{id}"
        self._params: dict[str, Any] = {"status": list(statuses), "wait": wait}
        self.answer: Any = None
        self.seconds = 0.0
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        until(lambda: self.answer is not None or len(visor.context.key_watch) >= 1)

    def _ask(self) -> None:
        began = time.monotonic()
        self.answer = httpx2.get(self._url, params=self._params, timeout=90)
        self.seconds = time.monotonic() - began

    def end(self) -> Any:
        self._thread.join(90)
        assert not self._thread.is_alive()
        return self.answer


def quickly(ask: Callable[[], httpx2.Response]) -> httpx2.Response:
    """The answer, which must not have been waited for."""
    began = time.monotonic()
    answer = ask()
    assert time.monotonic() - began < 8
    return answer


@pytest.mark.parametrize("state", CAN_BECOME)
def test_what_is_so_or_never_can_be_is_answered_at_once(visor: Service, state: str) -> None:
    visor.runnable()
    id = ticket_in(visor, state)
    now = visor.get(f"/instances/{id}").json()
    at_once = [now["status"], *(status for status in STATUSES if status not in CAN_BECOME[state])]
    for status in at_once:
        answer = quickly(
            lambda status=status: visor.get(f"/instances/{id}", params={"status": status, "wait": 9})
        )
        assert (answer.status_code, answer.json()) == (200, now)


@pytest.mark.parametrize("state", ["failed", "lost"])
def test_the_late_truth_is_waited_for(visor: Service, state: str) -> None:
    visor.runnable()
    id = ticket_in(visor, state)
    waiting = Waiting(visor, id, "exited", "running")
    assert waiting.answer is None
    assert done(visor, "exit", id) == waiting.end().json()


def test_a_wait_ends_when_the_status_is_reached_and_not_before(visor: Service) -> None:
    visor.runnable()
    id = visor.ticket()
    waiting = Waiting(visor, id, "running", "failed")
    done(visor, "claim", id)
    done(visor, "lock", id)
    assert waiting.answer is None
    started = done(visor, "start", id)
    assert waiting.end().json() == started
    assert waiting.answer.headers["etag"] == f'"{started["rev"]}"'


def test_a_wait_ends_when_the_status_can_no_longer_be_reached(visor: Service) -> None:
    visor.runnable()
    id = ticket_in(visor, "claimed")
    waiting = Waiting(visor, id, "running")
    done(visor, "stop", id)
    assert waiting.end().json()["status"] == "stopping"


def test_active_stands_for_the_four_before_the_end(visor: Service) -> None:
    visor.runnable()
    id = ticket_in(visor, "exited")
    said = quickly(lambda: visor.get(f"/instances/{id}", params={"status": "active", "wait": 9}))
    assert said.json()["status"] == "exited"
    other = ticket_in(visor, "stopping")
    said = quickly(lambda: visor.get(f"/instances/{other}", params={"status": "active", "wait": 9}))
    assert said.json()["status"] == "stopping"


def test_a_wait_for_what_is_unregistered_ends_with_not_found(visor: Service) -> None:
    visor.runnable()
    id = visor.ticket()
    waiting = Waiting(visor, id, "exited")
    done(visor, "unregister", id)
    assert (waiting.end().status_code, waiting.answer.json()["code"]) == (404, "not-found")
    assert quickly(lambda: visor.get("/instances/99?status=exited&wait=9")).status_code == 404


def test_the_time_that_is_over_answers_with_the_instance_as_it_is_then(visor: Service) -> None:
    visor.runnable()
    id = visor.ticket()
    waiting = Waiting(visor, id, "running", wait=1)
    claimed = done(visor, "claim", id)
    assert waiting.end().json() == claimed
    assert waiting.seconds >= 1


def test_without_a_wait_or_without_a_status_nothing_is_waited_for(visor: Service) -> None:
    visor.runnable()
    id = visor.ticket()
    for query in ("status=running", "status=running&wait=0", "wait=9"):
        assert quickly(lambda query=query: visor.get(f"/instances/{id}?{query}")).status_code == 200


@pytest.mark.parametrize("query", ["wait=61", "wait=-1", "wait=x", "wait=1.5", "status=done", "wait=5&rev=1"])
def test_what_is_asked_has_to_be_in_its_form(visor: Service, query: str) -> None:
    visor.runnable()
    id = visor.ticket()
    answer = visor.get(f"/instances/{id}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


def test_many_wait_for_one_and_all_are_answered(visor: Service) -> None:
    visor.runnable()
    id = visor.ticket()
    line = [Waiting(visor, id, "claimed") for _ in range(10)]
    until(lambda: len(visor.context.key_watch) == 10)
    claimed = done(visor, "claim", id)
    assert [waiting.end().json() for waiting in line] == [claimed] * 10
    until(lambda: len(visor.context.key_watch) == 0)


def test_waiting_ends_with_the_service_within_moments() -> None:
    with serving() as visor:
        visor.runnable()
        id = visor.ticket()
        waiting = Waiting(visor, id, "running", wait=60)
    assert waiting.end().json()["status"] == "pending"
    assert waiting.seconds < 15


def test_who_waits_takes_a_subscribers_place_and_no_requests_place() -> None:
    with serving(max_requests=1, max_subscribers=2) as visor:
        visor.runnable()
        id = visor.ticket()
        line = [Waiting(visor, id, "running") for _ in range(2)]
        until(lambda: visor.context.capacity.subscribers == 2)
        full = visor.get(f"/instances/{id}?status=running&wait=5")
        assert (full.status_code, full.json()["code"]) == (429, "too-many-subscribers")
        done(visor, "claim", id)
        done(visor, "start", id)
        assert [waiting.end().json()["status"] for waiting in line] == ["running"] * 2


def test_who_went_away_gives_its_place_back() -> None:
    with serving(max_subscribers=1) as visor:
        visor.runnable()
        id = visor.ticket()
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.get(f"{visor.url}/instances/{id}?status=running&wait=60", timeout=0.3)
        until(lambda: visor.context.capacity.subscribers == 0)
        assert visor.get(f"/instances/{id}?status=running&wait=1").status_code == 200
