"""Env sets: immutable once registered, kept while an instance that is not final uses them."""

import pytest

from tests.http.every_route import CLAIM, START, WHY
from tests.http.expect import refused
from tests.serving import APP

PROD = {"ref": "prod-7", "vars": {"DB": "db.example.com", "EMPTY": ""}}


def test_an_env_set_is_registered_and_read(visor):
    visor.made("/apps", APP)
    answer = visor.post("/apps/cat/envs", PROD)
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/apps/cat/envs/prod-7"
    made = answer.json()
    assert made == {
        **PROD,
        "app": "cat",
        "rev": visor.nth(2),
        "created_rev": visor.nth(2),
        "created_at": made["created_at"],
        "updated_at": made["created_at"],
    }
    assert visor.get("/apps/cat/envs/prod-7").json() == made
    assert visor.get("/apps/cat/envs").json() == {"rev": visor.nth(2), "items": [made], "next": None}
    assert visor.get("/apps/cat").json()["rev"] == visor.nth(1), "it is no change of the app"


def test_an_env_set_never_changes(visor):
    visor.made("/apps", APP)
    visor.made("/apps/cat/envs", PROD)
    refused(visor.post("/apps/cat/envs", {**PROD, "vars": {}}), 409, "already-exists")
    for method in ("PUT", "PATCH"):
        answer = visor.client.request(method, "/apps/cat/envs/prod-7", json={"vars": {}})
        refused(answer, 405, "method-not-allowed")
    assert visor.get("/apps/cat/envs/prod-7").json()["vars"] == PROD["vars"]
    assert visor.rev == visor.nth(2)


def test_env_sets_are_their_apps_own(visor):
    for app in ("cat", "cat-2"):
        visor.made("/apps", {**APP, "name": app})
        visor.made(f"/apps/{app}/envs", {"ref": "same", "vars": {"app": app}})
    assert visor.get("/apps/cat/envs/same").json()["vars"] == {"app": "cat"}
    assert [one["app"] for one in visor.get("/apps/cat/envs").json()["items"]] == ["cat"]


def test_env_sets_of_an_app_that_is_not_there(visor):
    refused(visor.get("/apps/cat/envs"), 404, "not-found")
    refused(visor.post("/apps/cat/envs", PROD), 404, "not-found")
    refused(visor.get("/apps/cat/envs/prod-7"), 404, "not-found")
    refused(visor.delete("/apps/cat/envs/prod-7"), 404, "not-found")
    assert visor.rev == visor.nth(0)


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_an_env_set_is_in_use_until_its_last_instance_is_final(visor, steps):
    """Pending, claimed, running, stopping."""
    visor.runnable()
    visor.made("/apps/cat/envs", PROD)
    visor.made("/apps/cat/envs", {"ref": "other", "vars": {}})
    visor.ticket(env="prod-7")
    for call, body in [("claim", CLAIM), ("start", START), ("stop", None)][:steps]:
        visor.made(f"/instances/1/{call}", body)
    before = visor.rev
    refused(visor.delete("/apps/cat/envs/prod-7"), 409, "in-use")
    assert visor.rev == before
    assert visor.delete("/apps/cat/envs/other").status_code == 200
    visor.made("/instances/1/lost", WHY)
    assert visor.delete("/apps/cat/envs/prod-7").json() == {"rev": visor.after(before, 3)}
    refused(visor.get("/apps/cat/envs/prod-7"), 404, "not-found")
    refused(visor.delete("/apps/cat/envs/prod-7"), 404, "not-found")
    assert visor.get("/instances/1").json()["env"] == "prod-7", "an instance keeps what it was"


def test_a_removed_ref_may_be_registered_anew(visor):
    visor.made("/apps", APP)
    visor.made("/apps/cat/envs", PROD)
    visor.delete("/apps/cat/envs/prod-7")
    assert visor.made("/apps/cat/envs", {**PROD, "vars": {}})["created_rev"] == visor.nth(4)
