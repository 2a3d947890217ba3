"""Hosts that wait for a ticket: in line, each called alone, and none left behind by another's end."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.models.instance import InstanceCreate
from app.registry import tickets
from tests.http.life.saying import done, say, until
from tests.http.life.waiting_hosts import WaitingHost, wait_in_line
from tests.serving import Service, serving


@contextmanager
def counted_attempts(visor: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Each transaction that a host has made to get a ticket, by its request."""
    store = visor.context.store
    transact, made = store.transact, []

    async def counting(rule: Any, origin: Any) -> Any:
        if origin.request == "POST /instances/claim":
            made.append(origin.request)
        return await transact(rule, origin)

    with monkeypatch.context() as patch:
        patch.setattr(store, "transact", counting)
        yield made


def test_who_waits_is_served_in_the_order_of_coming(visor: Service) -> None:
    visor.runnable()
    line = wait_in_line(visor, 5)
    for n in range(5):
        id = visor.ticket()
        host = line[n].end()
        assert (host.status, host.claimed["id"], host.claimed["host"]) == (200, id, host.host)
        assert [waiting.ended for waiting in line] == [True] * (n + 1) + [False] * (4 - n)


def test_of_fifty_that_wait_one_ticket_wakes_one(visor: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    visor.runnable()
    line = wait_in_line(visor, 50)
    with counted_attempts(visor, monkeypatch) as attempts:
        id = visor.ticket()
        assert line[0].end().claimed["id"] == id
        until(lambda: visor.settled)
        assert [host.ended for host in line] == [True] + [False] * 49
        assert 1 <= len(attempts) <= 3
        # What is no ticket wakes nobody.
        del attempts[:]
        done(visor, "start", id, host=line[0].host)
        visor.put("/apps/cat/env/a", {"value": "b"})
        until(lambda: visor.settled)
        assert attempts == []
        started = visor.scale(50)["started"]
        until(lambda: all(host.ended for host in line))
    assert sorted(host.end().claimed["id"] for host in line[1:]) == started
    assert len(attempts) <= 49 + 3


def test_tickets_that_come_at_once_go_to_as_many(visor: Service) -> None:
    visor.runnable()
    line = wait_in_line(visor, 6)
    started = visor.scale(4)["started"]
    assert sorted(host.end().claimed["id"] for host in line[:4]) == started
    assert not line[4].ended
    assert not line[5].ended
    visor.scale(6)
    for host in line[4:]:
        assert host.end().status == 200


def test_a_ticket_that_is_given_back_goes_to_the_next_in_line(visor: Service) -> None:
    visor.runnable()
    id = visor.ticket()
    done(visor, "claim", id)
    [host] = wait_in_line(visor, 1)
    done(visor, "unclaim", id)
    assert host.end().claimed["id"] == id


def test_each_waits_for_what_fits_it(visor: Service) -> None:
    visor.runnable("cat")
    visor.runnable("dog")
    [cat] = wait_in_line(visor, 1, app="cat")
    [dog] = wait_in_line(visor, 1, app="dog", proctype="web")
    id = visor.ticket("dog")
    assert dog.end().claimed["id"] == id
    assert not cat.ended
    id = visor.ticket("cat")
    assert cat.end().claimed["id"] == id


def test_who_comes_when_there_is_a_ticket_does_not_wait(visor: Service) -> None:
    visor.runnable()
    visor.ticket()
    assert WaitingHost(visor, "10.0.1.0", wait=60).end().seconds < 10


def test_a_ticket_that_comes_between_the_first_look_and_the_line_is_not_missed(
    visor: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    visor.runnable()
    store = visor.context.store
    transact, looks = store.transact, 0
    body = InstanceCreate(app="cat", proctype="web", revision="128af9")

    async def with_a_ticket_behind_it(rule: Any, origin: Any) -> Any:
        nonlocal looks
        outcome = await transact(rule, origin)
        if origin.request == "POST /instances/claim":
            looks += 1
            if looks == 1:
                ticket = await transact(lambda s, at: tickets.register(s, at, body), origin)
                await store.wait(ticket.rev - 1)
                await asyncio.sleep(0.05)  # those that are in line are called; this one is not yet
        return outcome

    monkeypatch.setattr(store, "transact", with_a_ticket_behind_it)
    host = WaitingHost(visor, "10.0.0.7", wait=9).end()
    assert (host.status, host.seconds < 8) == (200, True)


def test_the_time_that_is_over_ends_the_wait_with_nothing_and_the_ticket_goes_to_who_stays(
    visor: Service,
) -> None:
    visor.runnable()
    [short] = wait_in_line(visor, 1, wait=1)
    [long] = wait_in_line(visor, 1)
    assert (short.end().status, short.claimed, short.rev) == (204, None, str(visor.rev))
    assert short.seconds >= 1
    id = visor.ticket()
    assert long.end().claimed["id"] == id


def test_a_host_that_went_away_gets_nothing_and_its_turn_is_the_next_ones(visor: Service) -> None:
    visor.runnable()
    line = wait_in_line(visor, 3)
    line[0].leave()
    line[1].leave()
    until(lambda: len(visor.context.claim_queue) == 1)
    id = visor.ticket()
    assert line[2].end().claimed["id"] == id
    assert [claim["host"] for claim in line[2].claimed["claims"]] == [line[2].host]


def test_a_ticket_that_comes_while_a_host_goes_away_is_not_left_lying(visor: Service) -> None:
    """Whatever the first one waited for, and whichever is noticed first."""
    visor.runnable()
    for _ in range(15):
        [gone] = wait_in_line(visor, 1)
        [stays] = wait_in_line(visor, 1, app="cat", proctype="web")
        gone.hang_up()
        id = visor.ticket()
        until(lambda id=id: visor.get(f"/instances/{id}").json()["status"] == "claimed")
        gone.end()
        if not stays.ended and visor.get(f"/instances/{id}").json()["host"] == gone.host:
            # It had the ticket before its end was noticed: that is a claim like any other.
            id = visor.ticket()
        assert stays.end().claimed["id"] == id


def test_waiting_ends_with_the_service_within_moments() -> None:
    with serving() as visor:
        visor.runnable()
        line = wait_in_line(visor, 20, wait=60)
    for host in line:
        assert (host.end().status, host.seconds < 15) == (204, True)


def test_who_waits_takes_a_subscribers_place_and_no_requests_place() -> None:
    with serving(max_requests=3, max_subscribers=5) as visor:
        visor.runnable()
        line = wait_in_line(visor, 5)
        assert visor.get("/apps/cat").status_code == 200
        full = visor.post("/instances/claim", {"host": "10.0.0.9", "wait": 5})
        assert (full.status_code, full.json()["code"]) == (429, "too-many-subscribers")
        assert int(full.headers["retry-after"]) >= 1
        # Without waiting it is served, and a place that is given back is one for the next.
        assert visor.post("/instances/claim", {"host": "10.0.0.9"}).status_code == 204
        line[3].leave()
        until(lambda: len(visor.context.claim_queue) == 4)
        [sixth] = wait_in_line(visor, 1)
        started = visor.scale(5)["started"]
        got = [host.end().claimed["id"] for host in (*line[:3], line[4], sixth)]
        assert sorted(got) == started
        until(lambda: visor.context.capacity.subscribers == 0)


def test_who_is_refused_a_place_leaves_the_line_as_it_was() -> None:
    with serving(max_subscribers=1) as visor:
        visor.runnable()
        [host] = wait_in_line(visor, 1)
        for _ in range(3):
            assert visor.post("/instances/claim", {"host": "10.0.0.9", "wait": 5}).status_code == 429
        assert len(visor.context.claim_queue) == 1
        id = visor.ticket()
        assert host.end().claimed["id"] == id
        assert say(visor, "claim", id).status_code == 409
