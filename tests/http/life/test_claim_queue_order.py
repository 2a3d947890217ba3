"""`POST /instances/claim`: the oldest ticket that fits, for whom it fits, one host each."""

from collections import Counter
from typing import Any

import pytest

from tests.http.life.saying import done, events_after, ids, say, together
from tests.http.life.waiting_hosts import Caller
from tests.serving import Service

QUEUE = "/instances/claim"


def claim(visor: Service, host: str = "10.0.0.7", **wanted: Any) -> Any:
    """The id that the host got, None where there was no ticket for it."""
    answer = visor.post(QUEUE, {"host": host, **wanted})
    assert answer.status_code in (200, 204), answer.text
    return answer.json()["id"] if answer.status_code == 200 else None


def test_the_oldest_comes_first_and_then_there_is_none(visor: Service) -> None:
    visor.runnable()
    made = [visor.ticket() for _ in range(4)]
    assert [claim(visor) for _ in range(5)] == [*made, None]


def test_a_claim_from_the_queue_is_a_claim(visor: Service) -> None:
    visor.runnable()
    id = visor.ticket()
    answer = visor.post(QUEUE, {"host": "box7.example.com"})
    said = answer.json()
    assert (said["id"], said["status"], said["host"], said["ip"]) == (id, "claimed", "box7.example.com", None)
    assert said["claim_rev"] == said["rev"] == visor.rev
    assert answer.headers["etag"] == f'"{visor.rev}"'
    assert visor.get(f"/instances/{id}").json() == said
    [event] = events_after(visor, visor.rev - 1)
    assert (event["type"], event["object"]) == ("instance-claim", said)


def test_where_there_is_none_the_answer_is_empty_and_tells_the_rev(visor: Service) -> None:
    visor.runnable()
    before = visor.rev
    answer = visor.post(QUEUE, {"host": "10.0.0.7"})
    assert (answer.status_code, answer.content, answer.headers["visor-rev"]) == (204, b"", str(before))
    assert visor.rev == before


def test_a_host_can_ask_for_an_app_and_a_proctype(visor: Service) -> None:
    visor.runnable("dog", "web")
    visor.runnable("cat", "web")
    visor.made("/apps/cat/proctypes", {"name": "worker"})
    dog, worker, web = visor.ticket("dog"), visor.ticket("cat", "worker"), visor.ticket("cat")
    late = visor.ticket("cat", "worker")
    assert claim(visor, app="cat", proctype="worker") == worker
    assert claim(visor, proctype="worker") == late
    assert claim(visor, app="dog", proctype="worker") is None
    assert claim(visor, app="bird") is None
    assert claim(visor, app="cat") == web
    assert claim(visor) == dog


def test_a_ticket_that_is_given_back_is_as_old_as_it_was(visor: Service) -> None:
    visor.runnable()
    first, second = visor.ticket(), visor.ticket()
    assert claim(visor) == first
    done(visor, "unclaim", first)
    assert claim(visor) == first
    assert claim(visor) == second


def test_what_is_locked_or_lost_or_done(visor: Service) -> None:
    """A lock keeps people away, not the queue; what is lost or done is no ticket any more."""
    visor.runnable()
    locked, lost, gone = (visor.ticket() for _ in range(3))
    done(visor, "lock", locked)
    done(visor, "lost", lost)
    done(visor, "unregister", gone)
    assert [claim(visor), claim(visor)] == [locked, None]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"host": ""},
        {"host": "10.0.0.7", "wait": 61},
        {"host": "10.0.0.7", "wait": -1},
        {"host": "10.0.0.7", "wait": "5"},
        {"host": "10.0.0.7", "wait": 1.5},
        {"host": "10.0.0.7", "app": None},
        {"host": "10.0.0.7", "app": "no app"},
        {"host": "10.0.0.7", "revision": "r1"},
    ],
)
def test_what_is_asked_has_to_be_in_its_form(visor: Service, body: dict[str, Any]) -> None:
    answer = visor.post(QUEUE, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


def test_a_retry_with_its_key_gets_the_same_ticket_and_takes_no_second(visor: Service) -> None:
    visor.runnable()
    first, second = visor.ticket(), visor.ticket()
    key = {"Idempotency-Key": "7f9c"}
    asked = visor.post(QUEUE, {"host": "10.0.0.7"}, headers=key)
    assert asked.json()["id"] == first
    done(visor, "start", first)
    again = visor.post(QUEUE, {"host": "10.0.0.7"}, headers=key)
    assert (again.content, again.headers["idempotency-replayed"]) == (asked.content, "true")
    assert claim(visor) == second


def test_sixteen_hosts_that_empty_a_queue_get_a_hundred_tickets_once_each(visor: Service) -> None:
    visor.runnable()
    started = visor.scale(100)["started"]

    def host(n: int) -> list[int]:
        mine: list[int] = []
        with Caller(visor) as caller:
            while (answer := caller.post(QUEUE, {"host": f"10.0.1.{n}"}))[0] == 200:
                mine.append(answer[1]["id"])
        return mine

    got = together(*(lambda n=n: host(n) for n in range(16)))
    assert sorted(id for mine in got for id in mine) == started
    assert all(mine == sorted(mine) for mine in got)
    for n, mine in enumerate(got):
        assert ids(visor.get("/instances", params={"host": f"10.0.1.{n}"}).json()["items"]) == mine


def test_sixteen_hosts_race_for_each_of_a_hundred_tickets_and_one_wins(visor: Service) -> None:
    visor.runnable()
    started = visor.scale(100)["started"]

    def host(n: int) -> list[tuple[int, int]]:
        mine = []
        with Caller(visor) as caller:
            for id in started:
                status, said = caller.post(f"/instances/{id}/claim", {"host": f"10.0.1.{n}"})
                assert status == 200 or said["code"] == "already-claimed"
                if status == 200:
                    assert said["host"] == f"10.0.1.{n}"
                    mine.append((id, n))
        return mine

    won = [one for mine in together(*(lambda n=n: host(n) for n in range(16))) for one in mine]
    assert sorted(id for id, _ in won) == started
    for id, n in won:
        [claim] = visor.get(f"/instances/{id}").json()["claims"]
        assert claim["host"] == f"10.0.1.{n}"
    claims = events_after(visor, 0, type="instance-claim")
    assert Counter(event["instance"] for event in claims) == dict.fromkeys(started, 1)


def test_a_claim_and_a_scale_down_never_both_have_the_ticket(visor: Service) -> None:
    """It is claimed and then told to stop, or taken back and then refused to the host."""
    visor.runnable()
    for _ in range(20):
        [id] = visor.scale(1)["started"]
        answer, scaled = together(lambda id=id: say(visor, "claim", id), lambda: visor.scale(0))
        assert scaled["stopped"] == [id]
        now = visor.get(f"/instances/{id}")
        if answer.status_code == 200:
            assert now.json()["status"] == "stopping"
        else:
            assert (answer.json()["code"], now.status_code) == ("invalid-state", 404)
