"""POST /revert and POST /commits/{rev}/undo: what is declared goes back in one commit, or nothing does."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.http.expect import invalid, refused
from tests.http.other_hands import write
from tests.http.test_apply import PLATFORM, applied
from tests.http.test_diff import _declared, _history, _plain, diff
from tests.serving import APP, Service


def reverted(visor: Service, path: str, to_rev: int, **more: Any) -> dict[str, Any]:
    answer = visor.post("/revert", {"path": path, "to_rev": to_rev, **more})
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def undone(visor: Service, rev: int, **more: Any) -> dict[str, Any]:
    answer = visor.post(f"/commits/{rev}/undo", more or None)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


@pytest.fixture
def rocket(visor):
    applied(visor, PLATFORM)
    return visor


def _release(visor: Service) -> None:
    """A release in several calls: a revision, variables, the head, counts."""
    visor.made("/apps/rocket/revisions", {"ref": "2", "archive_url": "/two"})
    visor.patch("/apps/rocket/env", {"cow": "MOO", "new": "x"})
    visor.patch("/apps/rocket", {"head": "2"})
    visor.put("/apps/rocket/proctypes/web/scale", {"revision": "2", "count": 3})


def test_code_and_configuration_go_back_in_one_commit(rocket):
    before = rocket.rev
    _release(rocket)
    after = rocket.rev
    said = reverted(rocket, "/apps/rocket", before, delete=True, scale=True)
    assert said["rev"] == rocket.rev > after
    assert len(said["undoes"]) == 4
    assert all(before < rev <= after for rev in said["undoes"])
    assert diff(rocket, from_=before)["items"] == []
    assert (said["stopped"], said["started"]) == ([7, 8, 9], [])
    app = rocket.get("/apps/rocket").json()
    assert (app["head"], app["env"]) == ("128af9", {"cow": "moo"})
    revs = {one["rev"] for one in rocket.get(f"/events/list?rev={after}").json()["items"]}
    assert revs == {said["rev"]}
    again = reverted(rocket, "/apps/rocket", before, delete=True, scale=True)
    assert (again["changes"], again["rev"], rocket.rev) == ([], said["rev"], said["rev"])


def test_a_revert_can_be_reverted(rocket):
    before = rocket.rev
    _release(rocket)
    after = rocket.rev
    reverted(rocket, "/apps/rocket", before, delete=True, scale=True)
    reverted(rocket, "/apps/rocket", after, scale=True)
    assert diff(rocket, from_=after)["items"] == []
    assert rocket.get("/apps/rocket/proctypes/web/scale?revision=2").json()["items"][0]["count"] == 3


def test_what_came_later_is_removed_only_where_that_is_asked_for(rocket):
    before = rocket.rev
    rocket.made("/apps/rocket/envs", {"ref": "late", "vars": {}})
    rocket.made("/services/cache/endpoints", {"addr": "10.0.0.9", "port": 1})
    rev = rocket.rev
    said = refused(rocket.post("/revert", {"path": "/", "to_rev": before}), 409, "conflict")
    assert {(one["path"], one["code"]) for one in said["conflicts"]} == {
        ("/apps/rocket/envs/late", "would-delete"),
        ("/services/cache/endpoints/10-0-0-9-1", "would-delete"),
    }
    assert rocket.rev == rev
    reverted(rocket, "/", before, delete=True)
    assert diff(rocket, from_=before)["items"] == []


def test_instances_live_on_and_every_blocker_is_told(rocket):
    before = rocket.rev
    _release(rocket)
    rev = rocket.rev
    asked = {"path": "/apps/rocket", "to_rev": before, "delete": True}
    said = refused(rocket.post("/revert", asked), 409, "conflict")
    assert [(one["path"], one["code"]) for one in said["conflicts"]] == [
        ("/apps/rocket/revisions/2", "in-use")
    ]
    assert rocket.rev == rev


def test_only_parts_go_back(rocket):
    before = rocket.rev
    _release(rocket)
    reverted(rocket, "/apps/rocket", before, only=["env"])
    app = rocket.get("/apps/rocket").json()
    assert (app["head"], app["env"]) == ("2", {"cow": "moo"})
    reverted(rocket, "/apps/rocket", before, only=["head"])
    assert rocket.get("/apps/rocket").json()["head"] == "128af9"
    rocket.patch("/apps/rocket/env", {"cow": "MOO", "new": "x"})
    reverted(rocket, "/apps/rocket/env/cow", before)
    assert rocket.get("/apps/rocket/env").json()["vars"] == {"cow": "moo", "new": "x"}
    reverted(rocket, "/apps/rocket/env", before)
    assert rocket.get("/apps/rocket/env").json()["vars"] == {"cow": "moo"}


def test_what_was_deleted_comes_back_with_its_port(rocket):
    applied(rocket, {"apps": [{"name": "rocket", "proctypes": [{"name": "web", "scale": [NONE]}]}]})
    before = rocket.rev
    port = rocket.get("/apps/rocket/proctypes/web").json()["port"]
    created = rocket.get("/apps/rocket").json()["created_rev"]
    rocket.delete("/apps/rocket")
    said = reverted(rocket, "/apps/rocket", before)
    app = rocket.get("/apps/rocket").json()
    assert app["created_rev"] == said["rev"] > created
    assert rocket.get("/apps/rocket/proctypes/web").json()["port"] == port
    assert diff(rocket, from_=before)["items"] == []


NONE = {"revision": "128af9", "env": "prod-7", "count": 0}


def test_a_port_that_another_holds_is_told_or_replaced(rocket):
    applied(rocket, {"apps": [{"name": "rocket", "proctypes": [{"name": "web", "scale": [NONE]}]}]})
    before = rocket.rev
    rocket.delete("/apps/rocket/proctypes/web")
    # Ports are given out again only after the last: here the last was.
    write(rocket, {"counter/port": b"65536"})
    rocket.made("/apps", APP)
    assert rocket.made("/apps/cat/proctypes", {"name": "web"})["port"] == 8000
    asked = {"path": "/apps/rocket", "to_rev": before}
    said = refused(rocket.post("/revert", asked), 409, "conflict")
    [conflict] = said["conflicts"]
    assert "/apps/cat/proctypes/web" in conflict["detail"]
    reverted(rocket, "/apps/rocket", before, ports="new")
    assert rocket.get("/apps/rocket/proctypes/web").json()["port"] == 8001


def test_a_dry_run_and_its_plan(rocket):
    before = rocket.rev
    _release(rocket)
    rev = rocket.rev
    asked = {"path": "/apps/rocket", "to_rev": before, "delete": True, "scale": True}
    planned = rocket.post("/revert?dry_run=true", asked)
    assert rocket.rev == rev
    plan = planned.json()["plan"]
    rocket.put("/apps/rocket/env/other", {"value": "x"})
    refused(rocket.post("/revert", {**asked, "plan": plan}), 412, "rev-mismatch")
    rocket.delete("/apps/rocket/env/other")
    done = rocket.post("/revert", {**asked, "plan": plan})
    assert done.status_code == 200
    assert done.json()["counts"] == planned.json()["counts"]


def test_what_cannot_be_reverted_to_is_said(rocket):
    now = rocket.rev
    refused(rocket.post("/revert", {"path": "/apps/none", "to_rev": now}), 404, "not-found")
    refused(rocket.post("/revert", {"path": "/apps/rocket", "to_rev": rocket.start}), 404, "not-found")
    future = {"path": "/apps/rocket", "to_rev": now + 1_000_000}
    refused(rocket.post("/revert", future), 400, "rev-in-future")
    for path in ("apps", "/nothing", "/instances/1", "/members/pms"):
        invalid_path = rocket.post("/revert", {"path": path, "to_rev": now})
        invalid(invalid_path, "body", "path")
    refused(rocket.post("/revert", {"path": "/"}), 422, "invalid-request")
    refused(rocket.post("/revert", {"path": "/", "to_rev": now, "only": ["cows"]}), 422, "invalid-request")
    refused(rocket.post("/revert", {"path": "/", "to_rev": now, "only": []}), 422, "invalid-request")
    assert rocket.rev == now


def test_a_commit_is_undone_and_the_undoing_too(rocket):
    before = rocket.rev
    rocket.patch("/apps/rocket/env", {"cow": "MOO", "new": "x"})
    commit = rocket.rev
    said = undone(rocket, commit)
    assert said["undoes"] == [commit]
    assert diff(rocket, from_=before)["items"] == []
    undone(rocket, said["rev"])
    assert diff(rocket, from_=commit)["items"] == []


def test_a_scale_is_undone_with_its_instances(rocket):
    rocket.put("/apps/rocket/proctypes/web/scale", {"revision": "128af9", "env": "prod-7", "count": 2})
    said = undone(rocket, rocket.rev)
    assert len(said["started"]) == 4
    assert rocket.get("/apps/rocket/proctypes/web/scale").json()["items"][0]["target"] == 6


def test_other_fields_may_have_changed_since_but_not_the_same(rocket):
    rocket.put("/apps/rocket/env/cow", {"value": "MOO"})
    commit = rocket.rev
    rocket.put("/apps/rocket/env/cat", {"value": "meow"})
    undone(rocket, commit)
    assert rocket.get("/apps/rocket/env").json()["vars"] == {"cow": "moo", "cat": "meow"}
    rev = rocket.rev
    rocket.put("/apps/rocket/env/cow", {"value": "mu"})
    said = refused(rocket.post(f"/commits/{commit}/undo"), 409, "conflict")
    assert [one["path"] for one in said["conflicts"]] == ["/apps/rocket"]
    assert rocket.rev > rev


def test_an_app_is_not_unregistered_by_an_undo_with_what_came_later(visor):
    visor.made("/apps", APP)
    commit = visor.rev
    visor.made("/apps/cat/envs", {"ref": "late", "vars": {}})
    said = refused(visor.post(f"/commits/{commit}/undo"), 409, "conflict")
    assert [one["code"] for one in said["conflicts"]] == ["would-delete"]
    visor.delete("/apps/cat/envs/late")
    undone(visor, commit)
    assert visor.get("/apps/cat").status_code == 404


def test_what_is_no_commit_cannot_be_undone(rocket):
    refused(rocket.post(f"/commits/{rocket.rev + 1_000_000}/undo"), 400, "rev-in-future")
    for rev in ("0", "-1", "x"):
        refused(rocket.post(f"/commits/{rev}/undo"), 422, "invalid-request")
    rocket.put("/members/pms/10.0.0.7", {"version": "1"})
    refused(rocket.post(f"/commits/{rocket.rev}/undo"), 404, "not-found")


def test_a_revert_to_any_rev_leaves_no_difference_or_is_refused_whole(visor):
    """Random histories: after it what is declared is what it was, by the diff and by the lists."""
    dice = random.Random(41)
    revs = _history(visor, dice, 50)
    done = 0
    for _ in range(12):
        target = dice.choice(revs)
        rev = visor.rev
        answer = visor.post("/revert", {"path": "/", "to_rev": target, "delete": True})
        if answer.status_code != 200:
            refused(answer, 409, "conflict")
            assert visor.rev == rev
            continue
        done += 1
        assert diff(visor, from_=target)["items"] == []
        now, then = _declared(visor, visor.rev), _declared(visor, target)
        assert {path: _plain(one) for path, one in now.items()} == {
            path: _plain(one) for path, one in then.items()
        }
    assert done > 8


def test_undo_of_an_undo_is_the_commit(visor):
    dice = random.Random(7)
    _history(visor, dice, 40)
    done = 0
    for _ in range(15):
        before = visor.rev
        _history(visor, dice, 1)
        commit = visor.rev
        if commit == before:
            continue
        answer = visor.post(f"/commits/{commit}/undo")
        if answer.status_code == 404:
            continue
        assert answer.status_code == 200, answer.text
        assert diff(visor, from_=before)["items"] == []
        undone(visor, visor.rev)
        assert diff(visor, from_=commit)["items"] == []
        done += 1
    assert done > 5


def test_writers_beside_a_revert_come_before_or_after_it(rocket):
    """A write that was answered before the revert is undone by it, one after it is there still: what is left
    in the subtree is what was written after the last revert."""
    before = rocket.rev

    def write(number: int) -> tuple[str, int]:
        answer = rocket.put(f"/apps/rocket/env/w{number}", {"value": "x"})
        assert answer.status_code == 200, answer.text
        return f"w{number}", answer.json()["rev"]

    asked = {"path": "/apps/rocket", "to_rev": before}
    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(write, number) for number in range(30)]
        answers = [pool.submit(rocket.post, "/revert", asked) for _ in range(3)]
        written = [one.result() for one in writing]
        reverts = [one.result() for one in answers]
    assert {answer.status_code for answer in reverts} <= {200, 409}
    last = max((answer.json()["rev"] for answer in reverts if answer.status_code == 200), default=before)
    expected = {name for name, rev in written if rev > last}
    vars = rocket.get("/apps/rocket/env").json()["vars"]
    assert set(vars) - {"cow"} == expected
