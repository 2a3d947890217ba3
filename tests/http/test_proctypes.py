"""Proctypes: each with a port of its own, ascending from 8000, reused only after 65535 was reached."""

import pytest

from app.models import keys
from app.store.contract import Changes
from app.store.records import Origin
from tests.http.every_route import CLAIM, START, WHY
from tests.http.expect import refused
from tests.serving import APP, Service, serving


def register(visor: Service, name: str, app: str = "cat") -> int:
    """The port that a new proctype gets."""
    port: int = visor.made(f"/apps/{app}/proctypes", {"name": name})["port"]
    return port


def test_a_proctype_is_registered_and_read(visor):
    visor.made("/apps", APP)
    answer = visor.post("/apps/cat/proctypes", {"name": "web", "limits": {"memory_limit_mb": 512}})
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/apps/cat/proctypes/web"
    made = answer.json()
    assert made == {
        "app": "cat",
        "name": "web",
        "port": 8000,
        "limits": {"memory_limit_mb": 512},
        "rev": visor.nth(2),
        "created_rev": visor.nth(2),
        "created_at": made["created_at"],
        "updated_at": made["created_at"],
    }
    assert visor.get("/apps/cat/proctypes/web").json() == made
    assert visor.get("/apps/cat/proctypes").json() == {"rev": visor.nth(2), "items": [made], "next": None}


@pytest.mark.parametrize("limits", [{}, {"limits": {}}, {"limits": {"memory_limit_mb": None}}])
def test_no_limit_if_none_is_said(visor, limits):
    visor.made("/apps", APP)
    made = visor.made("/apps/cat/proctypes", {"name": "web", **limits})
    assert made["limits"] == {"memory_limit_mb": None}


def test_a_proctype_is_registered_once_in_an_app(visor):
    for app in ("cat", "dog"):
        visor.made("/apps", {**APP, "name": app})
        register(visor, "web", app)
    refused(visor.post("/apps/cat/proctypes", {"name": "web"}), 409, "already-exists")
    refused(visor.post("/apps/cow/proctypes", {"name": "web"}), 404, "not-found")
    assert register(visor, "worker") == 8002, "a refusal takes no port"


def test_limits_are_changed(visor):
    visor.made("/apps", APP)
    register(visor, "web")
    patched = visor.patch("/apps/cat/proctypes/web", {"limits": {"memory_limit_mb": 64}})
    assert patched.status_code == 200
    assert patched.headers["ETag"] == visor.tag(3)
    said = patched.json()
    assert (said["limits"], said["port"], said["created_rev"]) == (
        {"memory_limit_mb": 64},
        8000,
        visor.nth(2),
    )
    for same in ({}, {"limits": {}}, {"limits": {"memory_limit_mb": 64}}):
        assert visor.patch("/apps/cat/proctypes/web", same).json() == said
    assert visor.rev == visor.nth(3)
    for none in ({"limits": None}, {"limits": {"memory_limit_mb": None}}):
        visor.patch("/apps/cat/proctypes/web", {"limits": {"memory_limit_mb": 64}})
        answer = visor.patch("/apps/cat/proctypes/web", none)
        assert answer.json()["limits"] == {"memory_limit_mb": None}
    refused(visor.patch("/apps/cat/proctypes/none", {}), 404, "not-found")


def test_ports_ascend_across_apps_and_are_not_reused(visor):
    for app in ("cat", "dog"):
        visor.made("/apps", {**APP, "name": app})
    assert [register(visor, "a"), register(visor, "a", "dog"), register(visor, "b")] == [8000, 8001, 8002]
    visor.delete("/apps/cat/proctypes/b")
    assert register(visor, "b") == 8003
    visor.delete("/apps/dog")
    visor.made("/apps", {**APP, "name": "dog"})
    assert register(visor, "a", "dog") == 8004


def test_ports_are_not_given_again_after_a_restart(tmp_path):
    store = f"sqlite:///{tmp_path}/visor.db"
    with serving(store=store) as visor:
        visor.made("/apps", APP)
        register(visor, "a")
        visor.delete("/apps/cat/proctypes/a")
    with serving(store=store) as visor:
        assert register(visor, "a") == 8001


def test_after_the_last_port_the_lowest_free_one_is_given(visor):
    """The counter is moved to 65534 by a transaction of the service's own store."""
    visor.made("/apps", APP)
    for name in ("a", "b", "c"):
        register(visor, name)
    near_the_end = Changes(puts={keys.PORT_COUNTER: b"65534"})
    visor.inside(visor.context.store.transact(lambda snapshot, at: near_the_end, Origin("tests", "TEST")))
    visor.delete("/apps/cat/proctypes/b")
    assert register(visor, "d") == 65534, "8001 is free, but 65535 was not reached yet"
    assert register(visor, "e") == 65535
    assert register(visor, "f") == 8001
    assert register(visor, "g") == 8003
    visor.delete("/apps/cat/proctypes/a")
    visor.delete("/apps/cat/proctypes/e")
    assert register(visor, "h") == 8000
    assert register(visor, "i") == 8004
    ports = [one["port"] for one in visor.get("/apps/cat/proctypes").json()["items"]]
    assert len(set(ports)) == len(ports)


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_a_proctype_is_in_use_until_its_last_instance_is_final(visor, steps):
    """Pending, claimed, running, stopping."""
    visor.runnable()
    register(visor, "worker")
    visor.ticket()
    for call, body in [("claim", CLAIM), ("start", START), ("stop", None)][:steps]:
        visor.made(f"/instances/1/{call}", body)
    before = visor.rev
    refused(visor.delete("/apps/cat/proctypes/web"), 409, "in-use")
    assert visor.rev == before
    assert visor.delete("/apps/cat/proctypes/worker").status_code == 200
    visor.made("/instances/1/lost", WHY)
    assert visor.delete("/apps/cat/proctypes/web").json() == {"rev": visor.after(before, 3)}
    for below in ("", "/scale", "/instances", "/ended"):
        refused(visor.get(f"/apps/cat/proctypes/web{below}"), 404, "not-found")
    refused(visor.delete("/apps/cat/proctypes/web"), 404, "not-found")
