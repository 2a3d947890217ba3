"""Revisions: proposed, ratified, purged; only an accepted one runs."""

import pytest

from tests.http.every_route import CLAIM, START, WHY
from tests.http.expect import invalid, refused
from tests.serving import APP, ARCHIVE


def test_a_revision_is_proposed_and_ratified(visor):
    visor.made("/apps", APP)
    answer = visor.post("/apps/cat/revisions", {"ref": "128af9"})
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/apps/cat/revisions/128af9"
    proposed = answer.json()
    assert proposed == {
        "app": "cat",
        "ref": "128af9",
        "state": "proposed",
        "archive_url": None,
        "rev": visor.nth(2),
        "created_rev": visor.nth(2),
        "created_at": proposed["created_at"],
        "updated_at": proposed["created_at"],
    }
    ratified = visor.post("/apps/cat/revisions/128af9/ratify", {"archive_url": ARCHIVE})
    assert ratified.status_code == 200
    assert "Location" not in ratified.headers
    said = ratified.json()
    assert said == {
        **proposed,
        "rev": visor.nth(3),
        "updated_at": said["updated_at"],
        "state": "accepted",
        "archive_url": ARCHIVE,
    }
    assert visor.get("/apps/cat/revisions/128af9").json() == said
    refused(visor.post("/apps/cat/revisions/128af9/ratify", {"archive_url": ARCHIVE}), 409, "invalid-state")
    assert visor.rev == visor.nth(3)


def test_with_an_archive_it_is_accepted_at_once(visor):
    visor.made("/apps", APP)
    made = visor.made("/apps/cat/revisions", {"ref": "128af9", "archive_url": ARCHIVE})
    assert (made["state"], made["archive_url"]) == ("accepted", ARCHIVE)
    refused(visor.post("/apps/cat/revisions/128af9/ratify", {"archive_url": ARCHIVE}), 409, "invalid-state")


def test_a_ref_is_registered_once_in_an_app(visor):
    for app in ("cat", "dog"):
        visor.made("/apps", {**APP, "name": app})
        visor.made(f"/apps/{app}/revisions", {"ref": "128af9"})
    refused(visor.post("/apps/cat/revisions", {"ref": "128af9"}), 409, "already-exists")
    assert visor.get("/apps/cat/revisions/128af9").json()["app"] == "cat"


def test_the_revisions_of_all_apps_and_of_one(visor):
    for app in ("dog", "cat"):
        visor.made("/apps", {**APP, "name": app})
        visor.made(f"/apps/{app}/revisions", {"ref": "a"})
    assert [one["app"] for one in visor.get("/revisions").json()["items"]] == ["cat", "dog"]
    assert [one["app"] for one in visor.get("/apps/dog/revisions").json()["items"]] == ["dog"]


def test_revisions_that_are_not_there(visor):
    refused(visor.get("/apps/cat/revisions"), 404, "not-found")
    refused(visor.post("/apps/cat/revisions", {"ref": "a"}), 404, "not-found")
    visor.made("/apps", APP)
    refused(visor.get("/apps/cat/revisions/a"), 404, "not-found", rev=visor.nth(1))
    refused(visor.delete("/apps/cat/revisions/a"), 404, "not-found")
    refused(visor.post("/apps/cat/revisions/a/ratify", {"archive_url": ARCHIVE}), 404, "not-found")
    assert visor.rev == visor.nth(1)


@pytest.mark.parametrize("url", ["/path/to/artifact", "archive.img", "s3:bucket/a", ARCHIVE, "x" * 2048])
def test_an_archive_is_named_by_any_uri_reference(visor, url):
    visor.made("/apps", APP)
    assert visor.made("/apps/cat/revisions", {"ref": "a", "archive_url": url})["archive_url"] == url
    visor.made("/apps/cat/revisions", {"ref": "b"})
    assert visor.made("/apps/cat/revisions/b/ratify", {"archive_url": url})["archive_url"] == url


def test_only_an_accepted_revision_runs(visor):
    visor.made("/apps", APP)
    visor.made("/apps/cat/proctypes", {"name": "web"})
    visor.made("/apps/cat/revisions", {"ref": "a"})
    scale = {"revision": "a", "count": 1}
    ticket = {"app": "cat", "revision": "a", "proctype": "web"}
    refused(visor.put("/apps/cat/proctypes/web/scale", scale), 409, "invalid-state")
    refused(visor.post("/instances", ticket), 409, "invalid-state")
    visor.made("/apps/cat/revisions/a/ratify", {"archive_url": ARCHIVE})
    assert visor.put("/apps/cat/proctypes/web/scale", scale).status_code == 200
    assert visor.post("/instances", ticket).status_code == 201


def test_a_revision_is_purged(visor):
    visor.made("/apps", APP)
    visor.made("/apps/cat/revisions", {"ref": "a"})
    assert visor.delete("/apps/cat/revisions/a").json() == {"rev": visor.nth(3)}
    refused(visor.get("/apps/cat/revisions/a"), 404, "not-found")
    assert visor.get(f"/apps/cat/revisions/a?rev={visor.nth(2)}").json()["state"] == "proposed"
    assert visor.made("/apps/cat/revisions", {"ref": "a"})["created_rev"] == visor.nth(4)


def test_the_head_is_in_use(visor):
    visor.made("/apps", APP)
    for ref in ("a", "b"):
        visor.made("/apps/cat/revisions", {"ref": ref})
    visor.patch("/apps/cat", {"head": "a"})
    refused(visor.delete("/apps/cat/revisions/a"), 409, "in-use")
    assert visor.delete("/apps/cat/revisions/b").status_code == 200
    visor.patch("/apps/cat", {"head": None})
    assert visor.delete("/apps/cat/revisions/a").status_code == 200


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_revision_that_is_scaled_above_0_is_in_use(visor, steps):
    """Pending, claimed, running; stopping no longer is part of the scale."""
    visor.runnable()
    visor.scale(1)
    for call, body in [("claim", CLAIM), ("start", START)][:steps]:
        visor.made(f"/instances/1/{call}", body)
    before = visor.rev
    refused(visor.delete("/apps/cat/revisions/128af9"), 409, "in-use")
    assert visor.rev == before
    visor.scale(0)
    assert visor.delete("/apps/cat/revisions/128af9").status_code == 200


def test_a_revision_whose_instances_are_final_is_not_in_use(visor):
    visor.runnable()
    visor.scale(1)
    visor.made("/instances/1/lost", WHY)
    assert visor.delete("/apps/cat/revisions/128af9").status_code == 200
    assert visor.get("/instances/1").json()["revision"] == "128af9"
    invalid(
        visor.put("/apps/cat/proctypes/web/scale", {"revision": "128af9", "count": 1}), "body", "revision"
    )
