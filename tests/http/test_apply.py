"""POST /apply: a document becomes what is declared, in one commit or not at all."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.store.contract import MAX_CHANGES
from tests.http.expect import refused
from tests.http.test_diff import _plain, diff
from tests.serving import ARCHIVE, Service, serving

ROCKET: dict[str, Any] = {
    "name": "rocket",
    "repo_url": "https://git.example.com/rocket.git",
    "stack": "lenny",
    "head": "128af9",
    "env": {"cow": "moo", "old": None},
    "env_sets": [{"ref": "prod-7", "vars": {"DB": "db"}}],
    "revisions": [{"ref": "128af9", "archive_url": ARCHIVE}],
    "proctypes": [
        {
            "name": "web",
            "limits": {"memory_limit_mb": 512},
            "scale": [{"revision": "128af9", "env": "prod-7", "count": 6}],
        }
    ],
}
PLATFORM: dict[str, Any] = {
    "apps": [ROCKET],
    "services": [{"name": "cache", "endpoints": [{"addr": "10.0.0.7", "port": 11211}]}],
}


def applied(visor: Service, document: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = visor.post("/apply", document, **more)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def _of(app: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"apps": [{"name": "rocket", **app}], **more}


def test_a_platform_is_made_in_one_commit(visor):
    start = visor.rev
    said = applied(visor, PLATFORM)
    assert said["rev"] == visor.rev
    [first, *rest] = visor.get(f"/events/list?rev={start}&limit=1000").json()["items"]
    assert {one["rev"] for one in (first, *rest)} == {said["rev"]}
    assert len(rest) == 12
    app = visor.get("/apps/rocket").json()
    assert (app["head"], app["env"]) == ("128af9", {"cow": "moo"})
    assert visor.get("/apps/rocket/proctypes/web/scale").json()["items"][0]["count"] == 6
    assert visor.get("/services/cache/endpoints").json()["items"][0]["ip"] == "10.0.0.7"
    assert len(said["started"]) == said["counts"]["start"] == 6
    assert said["counts"]["create"] == len(said["changes"]) == 7
    for change in said["changes"]:
        if change["kind"] != "scale":
            assert visor.get(change["path"]).json() == change["after"], change["path"]


def test_the_same_again_makes_no_commit(visor):
    applied(visor, PLATFORM)
    rev = visor.rev
    again = applied(visor, PLATFORM)
    assert (again["rev"], again["changes"], visor.rev) == (rev, [], rev)


def test_a_plan_says_what_is_then_done(visor):
    visor.runnable("rocket", ref="old")
    rev = visor.rev
    planned = visor.post("/apply?dry_run=true", PLATFORM)
    assert planned.headers["Visor-Dry-Run"] == "true"
    assert visor.rev == rev == planned.json()["rev"]
    done = applied(visor, {**PLATFORM, "plan": planned.json()["plan"]})
    for name in ("plan", "counts", "started", "stopped", "warnings"):
        assert planned.json()[name] == done[name]
    for one, other in zip(planned.json()["changes"], done["changes"], strict=True):
        for name in ("path", "action", "guard", "before", "fields", "rev_before"):
            assert one[name] == other[name]
        assert one["rev_after"] is None
        assert other["rev_after"] == (None if other["after"] is None else done["rev"])
    changed = {one["path"] for one in diff(visor, from_=rev)["items"]}
    assert changed == {one["path"] for one in done["changes"] if one["kind"] != "scale"}


def test_a_plan_that_is_old_is_refused_with_the_new_one(visor):
    applied(visor, PLATFORM)
    wanted = _of({"env": {"cow": "MOO"}})
    plan = visor.post("/apply?dry_run=true", wanted).json()["plan"]
    visor.made("/services", {"name": "elsewhere"})
    visor.made("/apps", {**ROCKET_BODY, "name": "other"})
    assert visor.post("/apply?dry_run=true", wanted).json()["plan"] == plan
    visor.patch("/apps/rocket", {"stack": "buster"})
    rev = visor.rev
    stale = refused(visor.post("/apply", {**wanted, "plan": plan}), 412, "rev-mismatch")
    assert visor.rev == rev
    assert stale["plan"] == visor.post("/apply?dry_run=true", wanted).json()["plan"] != plan
    applied(visor, {**wanted, "plan": stale["plan"]})


ROCKET_BODY = {"name": "rocket", "repo_url": "https://git.example.com/rocket.git", "stack": "lenny"}


def test_of_two_appliers_of_one_plan_one_does_it(visor):
    applied(visor, PLATFORM)
    for turn in range(5):
        wanted = _of({"env": {"turn": f"{turn}"}})
        plan = visor.post("/apply?dry_run=true", wanted).json()["plan"]
        before = visor.rev
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda _: visor.post("/apply", {**wanted, "plan": plan}), range(2)))  # noqa: B023
        assert sorted(answer.status_code for answer in answers) == [200, 412]
        done = next(answer for answer in answers if answer.status_code == 200).json()
        assert done["rev"] == visor.rev > before


def test_what_is_not_named_stays_and_what_is_exact_does_not(visor):
    applied(visor, PLATFORM)
    visor.put("/apps/rocket/env/cat", {"value": "meow"})
    visor.made("/apps/rocket/envs", {"ref": "prod-8", "vars": {}})
    visor.made("/services/cache/endpoints", {"addr": "10.0.0.8", "port": 11211})
    before = visor.rev
    assert applied(visor, PLATFORM)["rev"] == before
    exact = {
        "apps": [{**ROCKET, "exact": ["env", "env_sets", "revisions", "proctypes"]}],
        "services": [{**PLATFORM["services"][0], "exact": ["endpoints"]}],
    }
    said = applied(visor, exact)
    assert {one["path"]: one["action"] for one in said["changes"]} == {
        "/apps/rocket": "update",
        "/apps/rocket/envs/prod-8": "delete",
        "/services/cache/endpoints/10-0-0-8-11211": "delete",
    }
    assert visor.get("/apps/rocket/env").json()["vars"] == {"cow": "moo"}


def test_whole_objects_go_where_they_are_absent(visor):
    applied(visor, PLATFORM)
    applied(visor, _of({"proctypes": [{"name": "web", "scale": [{**SIX, "count": 0}]}]}))
    gone = {"apps": [{"name": "rocket", "absent": True}], "services": [{"name": "cache", "absent": True}]}
    said = applied(visor, gone)
    assert said["counts"]["delete"] == len(said["changes"]) == 6
    assert visor.get("/apps/rocket").status_code == visor.get("/services/cache").status_code == 404
    assert applied(visor, gone)["changes"] == []


SIX = {"revision": "128af9", "env": "prod-7", "count": 6}


def test_a_new_release_and_the_end_of_the_old_one_in_one_commit(visor):
    """Removals come last, so that what needs the old has moved on by then."""
    applied(visor, PLATFORM)
    release = _of(
        {
            "head": "2",
            "revisions": [{"ref": "2", "archive_url": "/two"}, {"ref": "128af9", "absent": True}],
            "proctypes": [{"name": "web", "scale": [{**SIX, "count": 0}, {"revision": "2", "count": 4}]}],
        }
    )
    said = applied(visor, release)
    assert (len(said["started"]), len(said["stopped"])) == (4, 6)
    assert visor.get("/apps/rocket/revisions/128af9").status_code == 404
    assert visor.get("/apps/rocket").json()["head"] == "2"


def test_the_order_in_the_document_does_not_matter(visor):
    turned = {
        "services": PLATFORM["services"],
        "apps": [dict(reversed(ROCKET.items())), {"name": "gone", "absent": True}],
    }
    one = visor.post("/apply?dry_run=true", PLATFORM).json()["plan"]
    assert visor.post("/apply?dry_run=true", turned).json()["plan"] == one


def test_all_conflicts_are_told_and_nothing_is_changed(visor):
    applied(visor, PLATFORM)
    rev = visor.rev
    wrong = {
        "apps": [
            {
                "name": "rocket",
                "env_sets": [{"ref": "prod-7", "vars": {"DB": "other"}}],
                "revisions": [{"ref": "128af9", "archive_url": "/other"}],
                "proctypes": [{"name": "web", "absent": True}],
            },
            {**ROCKET_BODY, "name": "new"},
        ],
        "services": [{"name": "cache", "endpoints": [{"addr": "10.0.0.7", "port": 11211, "weight": 5}]}],
    }
    said = refused(visor.post("/apply", wrong), 409, "conflict")
    assert [(one["path"], one["code"]) for one in said["conflicts"]] == [
        ("/apps/rocket/envs/prod-7", "already-exists"),
        ("/apps/rocket/revisions/128af9", "invalid-state"),
        ("/services/cache/endpoints/10-0-0-7-11211", "already-exists"),
        ("/apps/rocket/proctypes/web", "in-use"),
    ]
    assert visor.rev == rev


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        (_of({}), ["/apps/0/repo_url", "/apps/0/stack"]),
        ({"apps": [ROCKET, {"name": "rocket"}]}, ["/apps/1"]),
        ({"services": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}, ["/services/2"]),
        ({"apps": [{"name": "x", "absent": True, "stack": "y"}]}, ["/apps/0/stack"]),
        ({"apps": [{**ROCKET, "env_sets": [{"ref": "a"}, {"ref": "a"}]}]}, ["/apps/0/env_sets/1"]),
        ({"apps": [{**ROCKET, "head": "none"}]}, ["/apps/0/head"]),
        (
            {"apps": [{**ROCKET, "proctypes": [{"name": "web", "scale": [SIX, SIX]}]}]},
            ["/apps/0/proctypes/0/scale/1"],
        ),
        (
            {"apps": [{**ROCKET, "proctypes": [{"name": "web", "scale": [{**SIX, "revision": "no"}]}]}]},
            ["/apps/0/proctypes/0/scale/0/revision"],
        ),
        (
            {"apps": [{"name": "a b", "env": {"x=": "1"}}, 7]},
            ["/apps/0/name", "/apps/0/env/x=", "/apps/1"],
        ),
        ({"plan": "nothing"}, ["/plan"]),
        ({"apps": {}}, ["/apps"]),
        ({"exact": ["apps"]}, ["/exact"]),
        ([], [""]),
    ],
)
def test_every_wrong_place_is_named_by_its_pointer(document, pointers):
    with serving() as visor:
        said = refused(visor.post("/apply", document), 422, "invalid-request")
        assert [one["pointer"] for one in said["errors"]] == pointers
        assert visor.rev == 0


def test_more_than_one_commit_takes_is_refused_and_not_split():
    with serving() as visor:
        visor.runnable("rocket")
        rev = visor.rev
        many = [{"ref": f"r{number}"} for number in range(MAX_CHANGES + 1)]
        said = refused(visor.post("/apply", _of({"env_sets": many})), 422, "too-many-changes")
        assert (said["changes"], said["limit"]) == (MAX_CHANGES + 1, MAX_CHANGES)
        scaled = _of({"proctypes": [{"name": "web", "scale": [{"revision": "128af9", "count": 10_000}]}]})
        said = refused(visor.post("/apply", scaled), 422, "too-many-changes")
        assert said["changes"] >= 10_000
        assert visor.rev == rev
        fitting = applied(visor, _of({"env_sets": many[: MAX_CHANGES - 1]}))
        assert fitting["counts"]["keys"] == MAX_CHANGES - 1


def test_a_key_gives_the_first_answer_again(visor):
    key = {"Idempotency-Key": "release-1"}
    first = visor.post("/apply", PLATFORM, headers=key)
    visor.patch("/apps/rocket", {"stack": "buster"})
    rev = visor.rev
    again = visor.post("/apply", PLATFORM, headers=key)
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Visor-Rev"] == first.headers["Visor-Rev"]
    assert visor.rev == rev
    refused(visor.post("/apply", {"apps": []}, headers=key), 422, "idempotency-key-reused")


def test_a_long_answer_is_given_again_without_its_changes():
    with serving() as visor:
        document = _of({**ROCKET_BODY, "env_sets": [{"ref": "a", "vars": {"x": "y" * 60_000}}] * 1})
        document["apps"][0]["env"] = {"x": "y" * 20_000}
        key = {"Idempotency-Key": "large"}
        first = visor.post("/apply", document, headers=key).json()
        again = visor.post("/apply", document, headers=key).json()
        assert again == {**first, "changes": []}


def test_yaml_is_taken_as_the_same(visor):
    text = b"""
# The platform.
apps:
  - name: rocket
    repo_url: https://git.example.com/rocket.git
    stack: lenny
    env:
      cow: "7"
      country: no
      day: 2026-11-30
      time: 12:30:45
    exact: [env]
"""
    for media in ("application/yaml", "application/yaml; charset=utf-8", "text/yaml"):
        answer = visor.client.post("/apply", content=text, headers={"Content-Type": media})
        assert answer.status_code == 200, answer.text
    assert visor.get("/apps/rocket/env").json()["vars"] == {
        "cow": "7",
        "country": "no",
        "day": "2026-11-30",
        "time": "12:30:45",
    }


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (LAUGHS, "alias"),
        ("a: &x {}\n", "alias"),
        ("<<: {}\n", "alias"),
        ("a: !!python/object/apply:os.system [ls]\n", "tag"),
        ("a: !!binary aaaa\n", "tag"),
        ("a: 1\na: 2\n", "repeats"),
        ("a: 1\n---\nb: 2\n", "one document"),
        ("# nothing", "no document"),
        ("? [a]\n: b\n", "key"),
        ("a: [\n", "line 2"),
        ("a: 1e999\n", "large"),
        ("a: " + "9" * 200, "digits"),
        ("[" * 70 + "]" * 70, "deep"),
        ("- x\n" * 9000, "values"),
        ("a: \x00", "YAML"),
        ('a: "\\ud800"', "YAML"),
        ("a: \udcff", "UTF-8"),
        ("%YAML 9.9\n--- a", "YAML"),
    ],
)
def test_yaml_that_means_more_than_json_is_refused(full, text, detail):
    body = text.encode("utf-8", "surrogateescape")
    before = full.rev
    answer = full.client.post("/apply", content=body, headers={"Content-Type": "application/yaml"})
    said = refused(answer, 400, "malformed-request")
    assert detail in said["detail"]
    assert full.rev == before


@pytest.mark.parametrize("text", ["7", "a", "[]", "null", "apps: no", "apps: [{name: [x]}]", "'': x"])
def test_yaml_of_another_form_is_422(full, text):
    answer = full.client.post("/apply", content=text.encode(), headers={"Content-Type": "application/yaml"})
    refused(answer, 422, "invalid-request")


def test_other_media_types_are_refused(full):
    answer = full.client.post("/apply", content=b"apps: []", headers={"Content-Type": "text/plain"})
    refused(answer, 415, "unsupported-media-type")
    json = {"Content-Type": "application/json"}
    refused(full.client.post("/apply", content=b"apps: []", headers=json), 400, "malformed-request")
    yaml = {"Content-Type": "text/yaml"}
    refused(full.client.patch("/apps/cat", content=b"{}", headers=yaml), 415, "unsupported-media-type")


def _random_document(dice: random.Random) -> dict[str, Any]:
    apps = []
    for name in dice.sample(["a", "b", "c"], dice.randrange(1, 4)):
        if dice.random() < 0.1:
            apps.append({"name": name, "absent": True})
            continue
        app: dict[str, Any] = {"name": name, "repo_url": "x", "stack": dice.choice("lm")}
        app["env"] = {key: dice.choice(["1", "2", None]) for key in dice.sample("xyz", 2)}
        app["revisions"] = [
            {"ref": ref, "absent": True} if dice.random() < 0.2 else {"ref": ref, "archive_url": "/u"}
            for ref in dice.sample(["r1", "r2"], dice.randrange(3))
        ]
        app["env_sets"] = [
            {"ref": ref, "vars": {"k": ref}} for ref in dice.sample(["e1", "e2"], dice.randrange(3))
        ]
        scale = [{"revision": dice.choice(["r1", "r2"]), "count": dice.randrange(4)}]
        app["proctypes"] = [{"name": "web", "scale": scale if dice.random() < 0.5 else []}]
        app["exact"] = dice.sample(["env", "env_sets", "revisions", "proctypes"], dice.randrange(3))
        apps.append(app)
    services = []
    for name in dice.sample(["s", "t"], dice.randrange(3)):
        endpoint = {"addr": "10.0.0.1", "port": dice.randrange(1, 4)}
        services.append({"name": name, "endpoints": [endpoint], "exact": ["endpoints"]})
    return {"apps": apps, "services": services}


def test_a_dry_run_of_any_document_is_what_is_done_and_the_second_time_nothing_is(visor):
    """Random documents: refused the same, or the plan is what GET then gives."""
    dice = random.Random(3)
    done = 0
    for _ in range(40):
        document = _random_document(dice)
        rev = visor.rev
        planned = visor.post("/apply?dry_run=true", document)
        assert visor.rev == rev
        answer = visor.post("/apply", document)
        assert answer.status_code == planned.status_code
        if answer.status_code != 200:
            assert visor.rev == rev
            assert {**answer.json(), "rev": 0} == {**planned.json(), "rev": 0}
            continue
        done += 1
        for change in planned.json()["changes"]:
            if change["kind"] == "scale":
                continue
            there = visor.get(change["path"])
            if change["after"] is None:
                assert there.status_code == 404
            else:
                assert _plain(there.json()) == _plain(change["after"])
        again = visor.post("/apply", document).json()
        assert again["changes"] == []
        assert visor.rev == max(rev, answer.json()["rev"])
    assert done > 10


def test_writers_beside_an_apply_come_before_or_after_it(visor):
    """Whatever is interleaved: no write is lost, and each apply is whole."""
    applied(visor, _of({**ROCKET_BODY, "env": {"n": "0"}}))

    def write(number: int) -> int:
        if number % 2:
            return visor.put(f"/apps/rocket/env/w{number}", {"value": "x"}).status_code
        document = _of(
            {"env": {"n": f"{number}", f"a{number}": "x"}, "env_sets": [{"ref": f"e{number}", "vars": {}}]}
        )
        return visor.post("/apply", document).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(write, range(24))) == {200}
    vars = visor.get("/apps/rocket/env").json()["vars"]
    assert {name for name in vars if name[0] in "wa"} == {
        f"{'wa'[number % 2 == 0]}{number}" for number in range(24)
    }
    assert len(visor.get("/apps/rocket/envs?limit=100").json()["items"]) == 12
