"""`GET /discovery/prometheus`: the targets of http_sd. A real Prometheus is in tests/fault."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from app.main import create_app
from app.routers import discovery
from app.settings import Settings
from tests.http.expect import invalid, refused
from tests.serving import Service, serving

PATH = "/discovery/prometheus"


def start(visor: Service, hostname: str, tele_port: int | None = None, **which: str) -> int:
    """Claim a ticket and start it; its id."""
    claimed = visor.post("/instances/claim", {"host": "10.0.0.7", **which}).json()
    body = {"host": "10.0.0.7", "hostname": hostname, "port": 20000 + claimed["id"], "tele_port": tele_port}
    assert visor.post(f"/instances/{claimed['id']}/start", body).status_code == 200
    id: int = claimed["id"]
    return id


def targets(visor: Service, **query: Any) -> list[str]:
    answer = visor.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    return [target for group in answer.json() for target in group["targets"]]


@pytest.fixture
def visor() -> Iterator[Service]:
    """What the store is makes no difference, but for the age: tests/contract has that."""
    with serving() as service:
        yield service


@pytest.fixture
def two_apps(visor: Service) -> Service:
    """App cat with a web and a worker that run, and one web that waits; app dog with a web that runs."""
    visor.runnable("cat")
    visor.made("/apps/cat/proctypes", {"name": "worker"})
    visor.runnable("dog")
    for app, proctype in (("cat", "web"), ("cat", "worker"), ("dog", "web")):
        visor.ticket(app, proctype)
        start(visor, f"{app}-{proctype}.example.com", app=app, proctype=proctype)
    visor.ticket()
    return visor


def test_each_running_instance_is_a_group_with_what_is_known_of_it(visor: Service) -> None:
    visor.runnable()
    assert visor.get(PATH).json() == []
    visor.ticket()
    id = start(visor, "box7.example.com", 30001)
    label = "__meta_visor_"
    [group] = visor.get(PATH).json()
    assert group["targets"] == [f"box7.example.com:{20000 + id}"]
    assert group["labels"] == {
        f"{label}app": "cat",
        f"{label}proctype": "web",
        f"{label}revision": "128af9",
        f"{label}env": "",
        f"{label}host": "10.0.0.7",
        f"{label}ip": "10.0.0.7",
        f"{label}hostname": "box7.example.com",
        f"{label}instance": str(id),
        f"{label}port": "main",
    }
    [tele] = visor.get(PATH, params={"port": "tele"}).json()
    assert tele["targets"] == ["box7.example.com:30001"]
    assert tele["labels"] == {**group["labels"], f"{label}port": "tele"}


def test_only_what_runs_and_has_the_port_is_a_target(two_apps: Service) -> None:
    assert len(targets(two_apps)) == 3
    assert targets(two_apps, port="tele") == []
    running = two_apps.get("/instances?status=running&app=dog").json()["items"][0]["id"]
    two_apps.post(f"/instances/{running}/stop")
    assert len(targets(two_apps)) == 2


def test_filters_are_those_of_the_list_of_instances(two_apps: Service) -> None:
    of = [one.rpartition(".example.com")[0] for one in targets(two_apps)]
    assert of == ["cat-web", "cat-worker", "dog-web"]
    for query, expected in (
        ({"app": "cat"}, 2),
        ({"proctype": "web"}, 2),
        ({"app": ["cat", "dog"], "proctype": "web"}, 2),
        ({"app": "dog", "proctype": "worker"}, 0),
        ({"app": "mouse"}, 0),
    ):
        assert len(targets(two_apps, **query)) == expected, query


def test_an_address_of_ipv6_stands_in_brackets(visor: Service) -> None:
    visor.runnable()
    visor.ticket()
    assert targets(visor) == []
    id = start(visor, "2001:db8::7")
    assert targets(visor) == [f"[2001:db8::7]:{20000 + id}"]


def test_a_services_endpoints_are_targets(visor: Service) -> None:
    visor.made("/services", {"name": "memcached"})
    visor.made("/services", {"name": "memcached-2"})
    visor.made("/services/memcached/endpoints", {"addr": "10.0.0.9", "port": 11211, "weight": 3})
    visor.made("/services/memcached-2/endpoints", {"addr": "10.0.0.8", "port": 11211})
    [group] = visor.get(PATH, params={"service": "memcached"}).json()
    assert group["targets"] == ["10.0.0.9:11211"]
    assert group["labels"]["__meta_visor_service"] == "memcached"
    assert group["labels"]["__meta_visor_weight"] == "3"
    assert len(targets(visor, service=["memcached", "memcached-2"])) == 2
    invalid(visor.get(PATH, params={"service": "memcached", "app": "cat"}), "query", "service")


def test_the_tag_is_of_the_targets_and_not_of_the_rev(two_apps: Service) -> None:
    """A commit that changes no target leaves the answer unchanged: 304."""
    first = two_apps.get(PATH)
    two_apps.put("/apps/cat/env/cow", {"value": "moo"})
    again = two_apps.get(PATH, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert int(again.headers["Visor-Rev"]) > int(first.headers["Visor-Rev"])
    start(two_apps, "one-more.example.com")
    assert two_apps.get(PATH, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_what_is_held_has_an_age_and_what_was_asked_for_has_none(two_apps: Service) -> None:
    assert 0 <= int(two_apps.get(PATH).headers["Visor-Age"]) < 60
    for query in ({"consistency": "linearizable"}, {"rev": two_apps.rev}):
        answer = two_apps.get(PATH, params=query)
        assert "Visor-Age" not in answer.headers
        assert len(answer.json()) == 3


@pytest.fixture(scope="module")
def many() -> Iterator[Service]:
    """A service with 600 running instances: some pages of what is made in one turn."""
    with serving() as visor:
        visor.runnable()
        visor.scale(600)
        for _ in range(600):
            start(visor, "box7.example.com")
        yield visor


def test_all_are_told_however_many_turns_it_takes(many: Service) -> None:
    assert sorted(targets(many)) == sorted(f"box7.example.com:{20000 + id}" for id in range(1, 601))
    assert targets(many, rev=many.rev) == targets(many)
    answer = many.get(PATH)
    assert len(answer.content) == int(answer.headers["Content-Length"])


def test_too_many_targets_are_refused_and_not_cut(many: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prometheus would drop those that an answer leaves out."""
    assert discovery.MAX_TARGETS == 50_000
    monkeypatch.setattr(discovery, "MAX_TARGETS", 599)
    invalid(many.get(PATH), "query")
    monkeypatch.setattr(discovery, "MAX_TARGETS", 600)
    assert len(targets(many)) == 600


async def test_before_the_first_load_nothing_is_said_to_run() -> None:
    """503 and never []: an empty answer would have Prometheus drop all that it scrapes."""
    front = create_app(Settings(store="memory:")).front
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.sleep(60)

    scope = {
        "type": "http",
        "method": "GET",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
        "state": {},
    }
    await front(scope, receive, send)
    assert sent[0]["status"] == 503
    assert b"coordinator-unavailable" in sent[1]["body"]


def test_a_name_that_is_none_is_refused(visor: Service) -> None:
    for query in ({"app": "../x"}, {"port": "other"}, {"service": "a b"}, {"proctype": "a-b"}):
        assert visor.get(PATH, params=query).status_code == 422, query
    refused(visor.get(PATH, params={"rev": 10**15}), 400, "rev-in-future")
