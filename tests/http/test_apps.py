"""Apps: registered, read, changed, unregistered with all that is theirs (DESIGN section 4)."""

import pytest

from tests.http.every_route import CLAIM, START, WHY
from tests.http.expect import invalid, refused
from tests.serving import APP, ARCHIVE


def test_an_app_is_registered_with_its_first_variables(visor):
    answer = visor.post("/apps", {**APP, "env": {"cow": "moo"}})
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/apps/cat"
    assert answer.headers["ETag"] == visor.tag(1)
    assert answer.headers["Visor-Rev"] == str(visor.nth(1))
    made = answer.json()
    assert made == {
        **APP,
        "rev": visor.nth(1),
        "created_rev": visor.nth(1),
        "created_at": made["created_at"],
        "updated_at": made["created_at"],
        "deploy_type": "lxc",
        "head": None,
        "env": {"cow": "moo"},
        "secrets": {},
    }
    assert visor.get("/apps/cat").json() == made
    assert visor.get("/apps").json() == {"rev": visor.nth(1), "items": [made], "next": None}


def test_what_may_be_said_at_registration(visor):
    assert visor.made("/apps", {**APP, "deploy_type": "docker"})["deploy_type"] == "docker"
    invalid(visor.post("/apps", {**APP, "name": "dog", "head": "128af9"}), "body", "head")


def test_an_app_is_registered_once(visor):
    visor.made("/apps", APP)
    refused(visor.post("/apps", {**APP, "stack": "other"}), 409, "already-exists")
    assert visor.get("/apps/cat").json()["stack"] == APP["stack"]
    assert visor.rev == visor.nth(1)
    assert visor.post("/apps", {**APP, "name": "CAT"}).status_code == 201, "another name"


def test_an_app_is_changed(visor):
    made = visor.made("/apps", {**APP, "env": {"cow": "moo"}})
    changed = visor.patch("/apps/cat", {"stack": "buster", "repo_url": "git@b:c", "deploy_type": "x"})
    assert changed.status_code == 200
    assert changed.headers["ETag"] == visor.tag(2)
    said = changed.json()
    assert said == {
        **made,
        "rev": visor.nth(2),
        "updated_at": said["updated_at"],
        "stack": "buster",
        "repo_url": "git@b:c",
        "deploy_type": "x",
    }
    assert visor.get("/apps/cat").json() == said
    assert visor.patch("/apps/cat", {"deploy_type": None}).json()["deploy_type"] == "lxc"


@pytest.mark.parametrize("media_type", ["application/merge-patch+json", "application/json"])
def test_a_patch_is_a_merge_patch_under_both_names(visor, media_type):
    visor.made("/apps", APP)
    answer = visor.client.patch("/apps/cat", content=b'{"stack":"x"}', headers={"Content-Type": media_type})
    assert answer.json()["stack"] == "x"


def test_a_patch_that_changes_nothing_makes_no_commit(visor):
    visor.made("/apps", APP)
    for same in ({}, {"stack": APP["stack"]}, {"head": None}, {"deploy_type": None}):
        answer = visor.patch("/apps/cat", same)
        assert (answer.status_code, answer.json()["rev"]) == (200, visor.nth(1))
    assert visor.rev == visor.nth(1)


def test_the_head_is_a_registered_revision(visor):
    visor.made("/apps", APP)
    invalid(visor.patch("/apps/cat", {"head": "128af9"}), "body", "head")
    visor.made("/apps/cat/revisions", {"ref": "128af9"})
    assert visor.patch("/apps/cat", {"head": "128af9"}).json()["head"] == "128af9"
    visor.made("/apps", {**APP, "name": "dog"})
    invalid(visor.patch("/apps/dog", {"head": "128af9"}), "body", "head")
    assert visor.patch("/apps/cat", {"head": None}).json()["head"] is None


def test_an_app_that_is_not_there(visor):
    refused(visor.get("/apps/cat"), 404, "not-found", rev=visor.nth(0))
    refused(visor.patch("/apps/cat", {"stack": "x"}), 404, "not-found")
    refused(visor.delete("/apps/cat"), 404, "not-found")
    assert visor.rev == visor.nth(0)


def test_unregistering_takes_all_that_is_the_apps_in_one_commit(visor):
    visor.runnable()
    visor.made("/apps/cat/envs", {"ref": "prod", "vars": {}})
    visor.made("/apps/cat/revisions", {"ref": "second"})
    # Its name is the beginning of the next one's.
    visor.runnable(app="cat-2")
    visor.made("/apps/cat-2/envs", {"ref": "prod", "vars": {}})
    before = visor.rev
    answer = visor.delete("/apps/cat")
    assert (answer.status_code, answer.json()) == (200, {"rev": visor.after(before)})
    assert answer.headers["Visor-Rev"] == str(visor.after(before))
    assert visor.rev == visor.after(before)
    for below in ("", "/env", "/envs", "/envs/prod", "/revisions", "/revisions/second", "/proctypes/web"):
        refused(visor.get(f"/apps/cat{below}"), 404, "not-found")
    assert {one["app"] for one in visor.get("/revisions").json()["items"]} == {"cat-2"}
    for below in ("", "/envs/prod", "/revisions/128af9", "/proctypes/web"):
        assert visor.get(f"/apps/cat-2{below}").status_code == 200
    # Nothing comes back with the name.
    visor.made("/apps", APP)
    for below in ("envs", "revisions", "proctypes", "instances"):
        assert visor.get(f"/apps/cat/{below}").json()["items"] == []


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_an_app_with_an_instance_that_is_not_final_is_in_use(visor, steps):
    """Pending, claimed, running, stopping."""
    visor.runnable()
    visor.ticket()
    life = [("claim", CLAIM), ("start", START), ("stop", None)]
    for call, body in life[:steps]:
        visor.made(f"/instances/1/{call}", body)
    before = visor.rev
    refused(visor.delete("/apps/cat"), 409, "in-use")
    assert visor.rev == before
    visor.made("/instances/1/lost", WHY)
    assert visor.delete("/apps/cat").status_code == 200


def test_an_app_may_be_registered_again(visor):
    visor.made("/apps", {**APP, "env": {"old": "1"}})
    visor.made("/apps/cat/revisions", {"ref": "128af9", "archive_url": ARCHIVE})
    visor.patch("/apps/cat", {"head": "128af9"})
    visor.delete("/apps/cat")
    made = visor.made("/apps", APP)
    assert (made["env"], made["head"], made["created_rev"], made["rev"]) == (
        {},
        None,
        visor.nth(5),
        visor.nth(5),
    )
