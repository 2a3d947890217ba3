"""Races through two replicas: one winner, no lost update, no orphan, and counts that hold at every rev."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.models import keys
from app.registry import claims
from app.store.contract import Changes, Snapshot
from app.store.records import Origin
from tests.etcd.cluster import Cluster
from tests.etcd.replicas import at_once, events_after, replicas
from tests.serving import APP, ARCHIVE, Service

SCALE = "/apps/cat/proctypes/web/scale"
COUNTED = ("pending", "claimed", "running")


@pytest.fixture
def two(etcd: Cluster, tmp_path: Path) -> Iterator[list[Service]]:
    with replicas(etcd.endpoints, tmp_path.name) as services:
        yield services


def counted_at(events: list[Any]) -> dict[int, int]:
    """How many instances count for a scale, after each rev."""
    live: set[int] = set()
    found = {}
    for event in events:
        if event["type"].startswith("instance-"):
            counts = event["type"] != "instance-unregister" and event["object"]["status"] in COUNTED
            (live.add if counts else live.discard)(event["instance"])
        found[event["rev"]] = len(live)
    return found


def test_an_older_ticket_that_comes_back_while_a_host_looks_is_the_one_it_gets(two: list[Service]) -> None:
    """It is given back through one replica, after the other has looked and before it has committed."""
    here, there = two
    here.runnable()
    older, younger = here.ticket(), here.ticket()
    assert there.post(f"/instances/{older}/claim", {"host": "10.0.0.1"}).status_code == 200
    assert here.rev == there.rev, "both have seen it"
    looked: list[str | None] = []

    def claim(snapshot: Snapshot, at: datetime) -> Changes:
        changes = claims.claim_next(snapshot, at, "10.0.0.2", None, None)
        if not looked:
            assert there.post(f"/instances/{older}/unclaim", {"host": "10.0.0.1"}).status_code == 200
        looked.append(changes.answer)
        return changes

    outcome = here.inside(here.context.store.transact(claim, Origin("test", "claim")))
    assert looked[0] == keys.instance(younger)
    assert outcome.record.key == keys.instance(older)


def test_32_hosts_race_for_200_tickets_and_each_has_one_winner(two: list[Service]) -> None:
    two[0].runnable()
    two[0].scale(200)
    won: list[tuple[int, str, int]] = []

    def host(number: int) -> None:
        visor, name = two[number % 2], f"10.0.0.{number + 1}"
        with httpx2.Client(base_url=visor.url, timeout=90, verify=False) as client:
            while True:
                answer = client.post("/instances/claim", json={"host": name})
                if answer.status_code == 204:
                    return
                assert answer.status_code in (200, 409, 503), answer.text
                if answer.status_code == 200:
                    said = answer.json()
                    assert said["host"] == name
                    won.append((said["id"], name, said["claim_rev"]))
                else:
                    assert answer.json()["code"] == "conflict", answer.text

    at_once([partial(host, number) for number in range(32)])
    assert sorted(id for id, _, _ in won) == list(range(1, 201)), "each ticket once"
    assert len({rev for _, _, rev in won}) == 200, "each at a rev of its own"
    claims = [one for one in events_after(two[1]) if one["type"] == "instance-claim"]
    assert sorted((c["instance"], c["object"]["host"], c["rev"]) for c in claims) == sorted(won)


def test_hosts_that_sleep_through_their_loss_cannot_speak_for_the_next_holder(two: list[Service]) -> None:
    """32 hosts, every fourth of which freezes after a claim. Its tickets are given back for it and won
    by others; when it wakes it speaks with its old token, and is refused whatever it says."""
    two[0].runnable()
    two[0].scale(64)
    frozen: list[tuple[int, str, int]] = []
    running: list[tuple[int, str]] = []
    asleep, awake = threading.Event(), threading.Event()

    def ended(visor: Service, id: int, name: str, token: int, call: str, **more: Any) -> httpx2.Response:
        body = {"host": name, "claim_rev": token, **more}
        return until_known(partial(visor.post, f"/instances/{id}/{call}", body))

    def host(number: int) -> None:
        visor, other, name = two[number % 2], two[1 - number % 2], f"10.0.0.{number + 1}"
        sleeps = number % 4 == 0
        while True:
            answer = visor.post("/instances/claim", {"host": name, "wait": 0 if sleeps else 5})
            if answer.status_code == 204:
                return
            if answer.status_code != 200:
                assert answer.status_code in (409, 503), answer.text
                continue
            id, token = answer.json()["id"], answer.json()["claim_rev"]
            if sleeps:
                frozen.append((id, name, token))
                if len(frozen) == 8:
                    asleep.set()
                # Whoever watches over the hosts gives the ticket back, through the other replica.
                assert ended(other, id, name, token, "unclaim", error="asleep").status_code == 200
                awake.wait(60)
                for call, more in (("start", {"hostname": "old", "port": 1}), ("unclaim", {}), ("exit", {})):
                    said = ended(visor, id, name, token, call, **more)
                    assert (said.status_code, said.json()["code"]) == (403, "not-claimer"), said.text
                return
            started = ended(visor, id, name, token, "start", hostname="box", port=1)
            assert started.status_code == 200, started.text
            running.append((id, name))
            if len(running) == 64:
                awake.set()
            asleep.wait(60)  # after one ticket each, so that there is one for every host that freezes

    at_once([partial(host, number) for number in range(32)])
    assert len(frozen) == 8
    assert sorted(id for id, _ in running) == list(range(1, 65)), "one winner a ticket"
    for id, name in running:
        instance = two[0].get(f"/instances/{id}").json()
        assert (instance["status"], instance["host"]) == ("running", name)
        assert instance["claim_rev"] not in {token for _, _, token in frozen}


def until_known(ask: Callable[[], httpx2.Response]) -> httpx2.Response:
    """The answer; asked again where the race was lost too often."""
    while True:
        answer = ask()
        if answer.status_code != 409 or answer.json()["code"] != "conflict":
            return answer


def test_the_claim_of_one_ticket_is_won_once_and_a_stale_token_is_refused_by_both(two: list[Service]) -> None:
    two[0].runnable()
    for _ in range(5):
        id = two[0].ticket()
        calls = [
            partial(two[n % 2].post, f"/instances/{id}/claim", {"host": f"10.0.0.{n}"}) for n in range(8)
        ]
        answers = at_once(calls)
        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
        winner = next(answer.json() for answer in answers if answer.status_code == 200)
        old = {"host": winner["host"], "claim_rev": winner["claim_rev"]}
        assert two[0].post(f"/instances/{id}/unclaim", old).status_code == 200
        again = two[1].made(f"/instances/{id}/claim", {"host": winner["host"]})
        assert again["claim_rev"] > winner["claim_rev"]
        for visor in two:
            start = visor.post(f"/instances/{id}/start", {**old, "hostname": "box", "port": 1})
            assert (start.status_code, start.json()["code"]) == (403, "not-claimer")


def test_of_16_racing_creates_one_gets_201(two: list[Service]) -> None:
    for round in range(3):
        body = {**APP, "name": f"app{round}"}
        answers = at_once([partial(two[n % 2].post, "/apps", body) for n in range(16)])
        assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 15}
        assert {a.json()["code"] for a in answers if a.status_code == 409} == {"already-exists"}


def test_a_counter_through_if_match_loses_nothing(two: list[Service]) -> None:
    two[0].made("/apps", {**APP, "env": {"n": "0"}})

    def add(visor: Service) -> None:
        done = 0
        while done < 5:
            read = visor.get("/apps/cat/env/n")
            put = visor.put(
                "/apps/cat/env/n",
                {"value": str(int(read.json()["value"]) + 1)},
                headers={"If-Match": read.headers["ETag"]},
            )
            assert put.status_code in (200, 412), put.text
            done += put.status_code == 200

    at_once([partial(add, two[n % 2]) for n in range(6)])
    assert two[0].get("/apps/cat/env/n").json()["value"] == "30"


def test_what_a_scale_answers_is_so_at_its_rev_whatever_else_goes_on(two: list[Service]) -> None:
    two[0].runnable()
    two[0].scale(10)
    stop = threading.Event()
    answered: list[tuple[int, int]] = []

    def live(visor: Service, host: str) -> None:
        while not stop.is_set():
            claim = visor.post("/instances/claim", {"host": host})
            if claim.status_code == 200:
                id = claim.json()["id"]
                visor.post(f"/instances/{id}/start", {"host": host, "hostname": "box", "port": 1})
                visor.post(f"/instances/{id}/exit", {"host": host})

    def scale(visor: Service, counts: list[int]) -> None:
        for count in counts:
            answer = visor.put(SCALE, {"revision": "128af9", "count": count})
            assert answer.status_code in (200, 409), answer.text
            if answer.status_code == 200:
                answered.append((answer.json()["rev"], answer.json()["count"]))

    hosts = [threading.Thread(target=live, args=(two[n % 2], f"10.0.0.{n + 1}")) for n in range(4)]
    for thread in hosts:
        thread.start()
    at_once([partial(scale, two[n % 2], [3 + n, 12 - n, 5, 9] * 3) for n in range(2)])
    stop.set()
    for thread in hosts:
        thread.join()
    at = counted_at(events_after(two[0]))
    assert len(answered) > 12
    for rev, count in answered:
        if rev in at:  # else nothing was to change: the rev is of the snapshot it has read
            assert at[rev] == count, (rev, count)


def test_two_scales_at_a_time_never_add_up_to_a_third_number(two: list[Service]) -> None:
    two[0].runnable()
    for one, other in ((7, 3), (20, 4), (0, 11), (130, 250)):
        answers = at_once(
            [
                partial(visor.put, SCALE, {"revision": "128af9", "count": count})
                for visor, count in zip(two, (one, other), strict=True)
            ]
        )
        assert 200 in [answer.status_code for answer in answers]
        (item,) = two[0].get(SCALE, params={"revision": "128af9"}).json()["items"]
        assert item["count"] in (one, other)


def test_an_app_that_goes_takes_all_with_it_whatever_is_registered_meanwhile(two: list[Service]) -> None:
    """Write skew: who registers has seen the app, who unregisters has seen nobody that needs it."""
    children = {
        "/apps/cat/revisions": {"ref": "new", "archive_url": ARCHIVE},
        "/apps/cat/envs": {"ref": "new", "vars": {}},
        "/apps/cat/proctypes": {"name": "new"},
        "/instances": {"app": "cat", "revision": "128af9", "proctype": "web", "env": None},
    }
    kept = 0
    for round in range(12):
        two[0].runnable()
        calls = [
            partial(two[(n + round) % 2].post, path, body) for n, (path, body) in enumerate(children.items())
        ]
        *_, gone = at_once([*calls, partial(two[round % 2].delete, "/apps/cat")])
        assert gone.status_code in (200, 409), gone.text
        if gone.status_code == 200:
            for path in ("/revisions", "/instances"):
                assert two[0].get(path).json()["items"] == [], "an orphan"
            two[0].made("/apps", APP)
            for path in ("revisions", "envs", "proctypes", "instances"):
                assert two[1].get(f"/apps/cat/{path}").json()["items"] == [], "an orphan"
        else:
            kept += 1
            assert len(two[0].get("/instances").json()["items"]) == 1
            id = two[0].get("/instances").json()["items"][0]["id"]
            assert two[0].delete(f"/instances/{id}").status_code == 200
        assert two[1].delete("/apps/cat").status_code == 200


def test_ports_and_ids_are_unique_and_ascend(two: list[Service]) -> None:
    two[0].runnable()
    made = at_once([partial(two[n % 2].made, "/apps/cat/proctypes", {"name": f"p{n}"}) for n in range(12)])
    assert sorted(one["port"] for one in made) == list(range(8001, 8013))
    ids = at_once([two[n % 2].ticket for n in range(12)])
    assert sorted(ids) == list(range(1, 13))
    registered = [e for e in events_after(two[1]) if e["type"] == "instance-register"]
    assert [event["instance"] for event in registered] == list(range(1, 13))


def test_a_revision_that_is_purged_is_nobodys(two: list[Service]) -> None:
    two[0].runnable()
    for round in range(10):
        ref = f"r{round}"
        two[0].made("/apps/cat/revisions", {"ref": ref, "archive_url": ARCHIVE})
        scale, head, purge = at_once(
            [
                partial(two[0].put, SCALE, {"revision": ref, "count": 2}),
                partial(two[1].patch, "/apps/cat", {"head": ref}),
                partial(two[round % 2].delete, f"/apps/cat/revisions/{ref}"),
            ]
        )
        if purge.status_code == 200:
            assert (scale.status_code, head.status_code) == (422, 422)
            assert two[0].get(f"/instances?revision={ref}").json()["items"] == []
            assert two[0].get("/apps/cat").json()["head"] != ref
        else:
            assert purge.json()["code"] == "in-use"
            assert 200 in (scale.status_code, head.status_code)
