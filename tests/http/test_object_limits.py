"""There are no more objects of a kind than `max_objects` says, whoever adds them and by which call."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.errors import StartError
from app.models.token import new_id
from app.settings import MAX_OBJECTS, load
from tests.access.holders import closed_service, give, grant
from tests.conftest import STORES, store_of
from tests.etcd.replicas import at_once
from tests.http.expect import refused
from tests.serving import APP, ARCHIVE, Service, serving

CALLS: dict[str, tuple[str, str, Any]] = {
    "app": ("POST", "/apps", lambda n: {**APP, "name": f"a{n}"}),
    "revision": ("POST", "/apps/cat/revisions", lambda n: {"ref": f"r{n}"}),
    "envset": ("POST", "/apps/cat/envs", lambda n: {"ref": f"e{n}", "vars": {}}),
    "proctype": ("POST", "/apps/cat/proctypes", lambda n: {"name": f"p{n}"}),
    "instance": (
        "POST",
        "/instances",
        lambda n: {"app": "cat", "revision": "128af9", "proctype": "web", "env": None},
    ),
    "service": ("POST", "/services", lambda n: {"name": f"s{n}"}),
    "endpoint": ("POST", "/services/db/endpoints", lambda n: {"addr": "10.0.0.7", "port": 5000 + n}),
    "runner": (
        "POST",
        "/runners",
        lambda n: {"addr": f"10.0.0.7:{5000 + n}", "instance_id": 17},
    ),
    "member": ("PUT", "/members/pms/10.0.0.{n}", lambda n: {"version": "1"}),
    "scale": (
        "PUT",
        "/apps/cat/proctypes/web/scale",
        lambda n: {"revision": "128af9", "env": f"x{n}", "count": 1},
    ),
    "secret": ("PUT", "/apps/cat/secrets/S{n}", lambda n: {"value": "x"}),
}


def full(answer: Any, kind: str, limit: int) -> None:
    said = refused(answer, 409, "too-many-objects", kind=kind, limit=limit)
    assert said["count"] <= limit + 3
    assert "max-objects" in said["detail"]


@contextmanager
def at_most(kind: str, most: int, **settings: Any) -> Iterator[Service]:
    with serving(max_objects=f"{kind}={most}", **settings) as service:
        yield service


@pytest.mark.parametrize("kind", CALLS)
def test_one_more_of_a_kind_is_refused_and_changes_nothing(kind: str) -> None:
    """A dry run says so too; what is there can be read, and what is there already can be set again."""
    method, path, body = CALLS[kind]
    with at_most(kind, 3) as visor:
        if kind not in ("app", "service"):
            visor.made("/services", {"name": "db"})
            visor.made("/apps", APP)
            for n in range(9 if kind == "scale" else 0):
                visor.post("/apps/cat/envs", {"ref": f"x{n}", "vars": {}})
            visor.post("/apps/cat/revisions", {"ref": "128af9", "archive_url": ARCHIVE})
            visor.post("/apps/cat/proctypes", {"name": "web"})

        def call(n: int, query: str = "") -> Any:
            return visor.client.request(method, path.format(n=n) + query, json=body(n))

        answers = [call(n) for n in range(4)]
        done = [answer for answer in answers if answer.status_code < 300]
        assert len(done) >= 2
        rev = visor.rev
        full(call(7), kind, 3)
        full(call(7, "?dry_run=true"), kind, 3)
        assert visor.rev == rev
        if method == "PUT":
            assert call(0).status_code == 200


@pytest.mark.parametrize("store", STORES)
def test_of_many_that_race_for_the_last_so_many_as_may_be_get_it(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with at_most("app", 5, store=store_of(store, tmp_path, request)) as visor:
        for n in range(3):
            visor.made("/apps", {**APP, "name": f"before{n}"})
        calls = [lambda n=n: visor.post("/apps", {**APP, "name": f"a{n}"}) for n in range(12)]
        answers = at_once(calls)
        assert sorted(answer.status_code for answer in answers) == [201] * 2 + [409] * 10
        assert len(visor.get("/apps").json()["items"]) == 5
        full(visor.post("/apps", {**APP, "name": "more"}), "app", 5)
        assert visor.put("/apps/before0/env/k", {"value": "v"}).status_code == 200
        assert visor.delete("/apps/before0").status_code == 200
        assert visor.post("/apps", {**APP, "name": "more"}).status_code == 201


def test_a_scale_and_a_document_are_held_to_it_whole() -> None:
    with at_most("instance", 5) as visor:
        visor.runnable()
        visor.scale(5)
        answer = visor.put("/apps/cat/proctypes/web/scale", {"revision": "128af9", "count": 6})
        full(answer, "instance", 5)
        scale = visor.get("/apps/cat/proctypes/web/scale").json()["items"][0]
        assert (scale["count"], scale["target"]) == (5, 5)
        visor.scale(2)
        visor.scale(5)
    with at_most("service", 2) as visor:
        document = {"services": [{"name": f"s{n}"} for n in range(3)]}
        full(visor.post("/apply", document), "service", 2)
        assert visor.get("/services").json()["items"] == []


def test_a_registry_that_has_more_than_it_may_goes_on(tmp_path: Path) -> None:
    """The limit was lowered: nothing comes to it, everything else can be done."""
    store = f"sqlite:///{tmp_path}/visor.db"
    with serving(store=store) as visor:
        visor.runnable()
        visor.scale(5)
    with at_most("instance", 2, store=store) as visor:
        full(visor.post("/instances", CALLS["instance"][2](0)), "instance", 2)
        claimed = visor.post("/instances/claim", {"host": "10.0.0.7"})
        assert claimed.status_code == 200
        visor.scale(1)
        visor.ticket()
        full(visor.post("/instances", CALLS["instance"][2](0)), "instance", 2)


def test_tokens_too() -> None:
    with closed_service(max_objects="token=2") as visor:
        give(visor, grant("auditor"))
        give(visor, grant("auditor"))
        body = {"name": "x", "grants": [grant("auditor")], "sha256": "0" * 64}
        full(visor.put(f"/tokens/{new_id()}", body), "token", 2)


def test_what_is_set_stands_over_the_defaults() -> None:
    assert load(max_objects="app=5, instance=0").max_objects == {**MAX_OBJECTS, "app": 5, "instance": 0}
    assert load().max_objects == MAX_OBJECTS
    for wrong in ("app", "app=", "app=-1", "app=1e3", "cats=5", "app=5;instance=6"):
        with pytest.raises(StartError, match=r"VISOR_MAX_OBJECTS \(--max-objects\) is wrong"):
            load(max_objects=wrong)
