"""A host has one spelling, in bodies, paths and queries alike, and every answer shows that one; `.` and `..`
are no names; a NUL is in no value (DESIGN section 3, Names)."""

import json

import pytest

from app.models import keys
from tests.http.every_route import OPERATIONS, path_of
from tests.http.expect import invalid, raw, refused
from tests.http.other_hands import value_of, write
from tests.serving import APP, ARCHIVE

SPELLINGS = [
    ("Box7.Example.COM.", "box7.example.com"),
    ("0:0:0:0:0:0:0:1", "::1"),
    ("2001:0DB8:0:0:0:0:0:7", "2001:db8::7"),
    ("::FFFF:1.2.3.4", "1.2.3.4"),
    ("::ffff:102:304", "1.2.3.4"),
]


def _with_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@pytest.mark.parametrize(("written", "kept"), SPELLINGS)
def test_a_claimer_is_the_same_host_however_it_is_written(visor, written, kept):
    visor.made("/apps", APP)
    visor.made("/apps/cat/revisions", {"ref": "r1", "archive_url": ARCHIVE})
    visor.made("/apps/cat/proctypes", {"name": "web"})
    for _ in range(2):
        visor.made("/instances", {"app": "cat", "revision": "r1", "proctype": "web"})
    claimed = visor.post("/instances/1/claim", {"host": written}).json()
    assert (claimed["host"], claimed["claims"][0]["host"]) == (kept, kept)
    assert visor.post("/instances/claim", {"host": kept}).json()["host"] == kept
    for spelling in (written, kept):
        found = visor.get("/instances", params={"host": spelling}).json()["items"]
        assert [one["id"] for one in found] == [1, 2]
    started = visor.post("/instances/1/start", {"host": kept, "hostname": "h", "port": 1})
    assert started.status_code == 200
    assert visor.post("/instances/1/exit", {"host": written}).json()["status"] == "exited"


@pytest.mark.parametrize(("written", "kept"), SPELLINGS)
def test_a_runner_is_found_by_every_spelling_of_its_address(visor, written, kept):
    made = visor.post("/runners", {"addr": _with_port(written, 80), "instance_id": 1})
    assert (made.json()["addr"], made.json()["host"]) == (_with_port(kept, 80), kept)
    assert made.headers["Location"] == f"/runners/{_with_port(kept, 80)}"
    again = visor.post("/runners", {"addr": _with_port(kept, 80), "instance_id": 2})
    refused(again, 409, "already-exists")
    assert visor.get(f"/runners/{_with_port(written, 80)}").json() == made.json()
    assert visor.get("/runners", params={"host": written}).json()["items"] == [made.json()]
    assert visor.delete(f"/runners/{_with_port(written, 80)}").status_code == 200


@pytest.mark.parametrize(("written", "kept"), SPELLINGS)
def test_a_member_is_one_however_it_is_written(visor, written, kept):
    made = visor.put(f"/members/pms/{written}", {"version": "1"}).json()
    assert made["addr"] == kept
    assert visor.put(f"/members/pms/{kept}", {"version": "1"}).json() == made
    assert visor.get(f"/members/pms/{written}").json() == made
    assert visor.put(f"/members/loggers/{_with_port(written, 514)}", {}).json()["addr"] == _with_port(
        kept, 514
    )
    assert visor.delete(f"/members/pms/{written}").status_code == 200
    assert visor.get("/members/pms").json()["items"] == []


@pytest.mark.parametrize(("written", "kept"), SPELLINGS)
def test_an_endpoint_is_named_by_the_one_spelling_of_its_address(visor, written, kept):
    visor.made("/services", {"name": "mc"})
    made = visor.post("/services/mc/endpoints", {"addr": written, "port": 80, "ip": "::FFFF:10.0.0.9"})
    said = made.json()
    assert (said["addr"], said["ip"]) == (kept, "10.0.0.9")
    assert said["id"] == kept.replace(".", "-").replace(":", "-") + "-80"
    again = visor.post("/services/mc/endpoints", {"addr": kept, "port": 80, "ip": "10.0.0.9"})
    refused(again, 409, "already-exists")
    assert visor.get(f"/services/mc/endpoints/{said['id'].upper()}").json() == said
    assert visor.delete(f"/services/mc/endpoints/{said['id'].upper()}").status_code == 200


def test_events_follow_a_host_by_every_spelling(visor):
    visor.post("/runners", {"addr": "BOX7:80", "instance_id": 1})
    for spelling in ("box7", "Box7."):
        listed = visor.get(
            "/events", params={"host": spelling, "rev": visor.start}, headers={"Accept": "application/json"}
        )
        assert [event["runner"] for event in listed.json()["items"]] == ["box7:80"]


WITH_NAMES = [
    (method, template, name)
    for method, template in OPERATIONS
    for name in ("app", "key", "ref", "proctype", "service", "kind", "addr", "id")
    if f"{{{name}}}" in template
]


@pytest.mark.parametrize("dots", [".", "..", "%2e", "%2e%2e", "%2E."])
@pytest.mark.parametrize(("method", "template", "name"), WITH_NAMES)
def test_dots_are_no_name_in_any_path(full, method, template, name, dots):
    """`DELETE /apps/cat/env/..` is `DELETE /apps/cat` by the time it leaves the URL software of most
    languages: so there must be nothing that one may want to say with it."""
    before = full.rev
    status, said = raw(full, method, path_of(template, **{name: dots}))
    assert (status, said["code"]) == (422, "invalid-request"), said
    assert ["path", name] in [one["loc"] for one in said["errors"]]
    assert full.rev == before


@pytest.mark.parametrize("dots", [".", ".."])
def test_dots_are_no_name_in_any_body(full, dots):
    before = full.rev
    for path, body, loc in (
        ("/apps", {**APP, "name": dots}, ["name"]),
        ("/apps", {**APP, "name": "dog", "env": {dots: "x"}}, ["env", dots]),
        ("/apps/cat/envs", {"ref": dots, "vars": {}}, ["ref"]),
        ("/apps/cat/envs", {"ref": "b", "vars": {dots: "x"}}, ["vars", dots]),
        ("/apps/cat/revisions", {"ref": dots}, ["ref"]),
        ("/apps/cat/proctypes", {"name": dots}, ["name"]),
        ("/services", {"name": dots}, ["name"]),
        ("/services/memcached/endpoints", {"addr": dots, "port": 80}, ["addr"]),
        ("/runners", {"addr": f"{dots}:80", "instance_id": 1}, ["addr"]),
        ("/instances/1/claim", {"host": dots}, ["host"]),
        ("/instances/claim", {"host": "h", "app": dots}, ["app"]),
    ):
        invalid(full.post(path, body), "body", *loc)
    invalid(full.patch("/apps/cat/env", {dots: "x"}), "body", dots)
    invalid(full.patch("/apps/cat/env", {dots: None}), "body", dots)
    assert full.rev == before


def test_a_nul_is_in_no_value(full):
    before = full.rev
    nul = "a\0b"
    for method, path, body, loc in (
        ("POST", "/apps", {**APP, "name": "dog", "env": {"a": nul}}, ["env", "a"]),
        ("POST", "/apps", {**APP, "name": "dog", "stack": nul}, ["stack"]),
        ("POST", "/apps", {**APP, "name": "dog", "repo_url": nul}, ["repo_url"]),
        ("POST", "/apps", {**APP, "name": "dog", "deploy_type": nul}, ["deploy_type"]),
        ("PATCH", "/apps/cat", {"stack": nul}, ["stack"]),
        ("PATCH", "/apps/cat", {"deploy_type": nul}, ["deploy_type"]),
        ("PATCH", "/apps/cat/env", {"a": nul}, ["a"]),
        ("PUT", "/apps/cat/env/a", {"value": nul}, ["value"]),
        ("POST", "/apps/cat/envs", {"ref": "b", "vars": {"a": nul}}, ["vars", "a"]),
        ("POST", "/apps/cat/revisions", {"ref": "b", "archive_url": nul}, ["archive_url"]),
        ("POST", "/services/memcached/endpoints", {"addr": "10.0.0.9", "port": 1, "target": nul}, ["target"]),
        ("POST", "/instances/1/lost", {"client": nul, "reason": "x"}, ["client"]),
        ("POST", "/instances/1/lost", {"client": "x", "reason": nul}, ["reason"]),
        ("POST", "/instances/1/unclaim", {"host": "h", "error": nul}, ["error"]),
        ("POST", "/instances/1/start", {"host": "h", "hostname": nul, "port": 1}, ["hostname"]),
        ("PUT", "/instances/1/lock", {"client": "x", "reason": nul}, ["reason"]),
        ("PUT", "/members/pms/10.0.0.9", {"version": nul}, ["version"]),
    ):
        invalid(full.client.request(method, path, json=body), "body", *loc)
    for name in ("client", "reason"):
        invalid(full.delete(f"/instances/1?{name}=a%00b"), "query", name)
    assert full.rev == before


def test_what_an_older_version_kept_is_read_as_it_is_and_spoken_for(visor):
    """It knew no one spelling of a host, and took `..` and NUL: none of that may become unreadable."""
    visor.made("/apps", APP)
    visor.made("/apps/cat/revisions", {"ref": "r1", "archive_url": ARCHIVE})
    visor.made("/apps/cat/proctypes", {"name": "web"})
    visor.made("/instances", {"app": "cat", "revision": "r1", "proctype": "web"})
    visor.post("/instances/1/claim", {"host": "box7"})
    store = visor.context.store

    def older(key: str, new: bytes, old: bytes):
        from app.store.contract import Changes
        from app.store.records import Origin

        value = store.stale().get(key).value.replace(new, old)
        visor.inside(store.transact(lambda snapshot, at: Changes(puts={key: value}), Origin("a", "b")))

    older(keys.instance(1), b'"box7"', b'"Box7."')
    older(keys.app("cat"), b'"env":{}', b'"env":{"..":"a\\u0000b"}')
    assert [one["id"] for one in visor.get("/instances", params={"host": "BOX7"}).json()["items"]] == [1]
    assert visor.post("/instances/1/start", {"host": "box7", "hostname": "h", "port": 1}).status_code == 200
    assert visor.get("/apps/cat").json()["env"] == {"..": "a\0b"}
    assert visor.get("/apps/cat/env").json()["vars"] == {"..": "a\0b"}
    assert visor.patch("/apps/cat", {"stack": "buster"}).status_code == 200


_PLAIN = {"kind": "pms", "version": None, "ttl": None}
OLDER = [
    ("/runners/{}", "runner/{}", "Box7.:9000", {"addr": "Box7.:9000", "host": "Box7.", "instance_id": 1}),
    ("/runners/{}", "runner/{}", "0x7f01:80", {"addr": "0x7f01:80", "host": "0x7f01", "instance_id": 1}),
    ("/members/pms/{}", "member/pms,{}", "BOX7", {**_PLAIN, "addr": "BOX7"}),
    ("/members/pms/{}", "member/pms,{}", "127.1", {**_PLAIN, "addr": "127.1"}),
    (
        "/members/loggers/{}",
        "member/loggers,{}",
        "Box7:514",
        {"kind": "loggers", "addr": "Box7:514", "version": "1", "ttl": None},
    ),
    (
        "/services/memcached/endpoints/{}",
        "endpoint/memcached,{}",
        "Box7-example-com-11211",
        {
            "service": "memcached",
            "id": "Box7-example-com-11211",
            "addr": "Box7.example.com",
            "ip": "10.0.0.9",
            "port": 11211,
            "priority": 0,
            "weight": 0,
            "target": None,
        },
    ),
]


@pytest.mark.parametrize(("path", "key", "name", "value"), OLDER, ids=[name for _, _, name, _ in OLDER])
def test_what_an_older_version_kept_otherwise_is_read_and_removed(visor, path, key, name, value):
    """It is in the lists: so there has to be a name that gets at it. The one spelling stands for itself."""
    visor.made("/services", {"name": "memcached"})
    times = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
    write(visor, {key.format(name): json.dumps({**times, **value}, separators=(",", ":")).encode()})
    older = path.format(name)
    [listed] = visor.get(older.rpartition("/")[0]).json()["items"]
    answer = visor.get(older)
    assert answer.json() == listed
    refused(visor.delete(older, headers={"If-Match": '"1"'}), 412, "rev-mismatch")
    assert visor.delete(older, headers={"If-Match": answer.headers["ETag"]}).status_code == 200
    gone = visor.get(older)
    if name in ("0x7f01:80", "127.1"):
        invalid(gone, "path", "addr")
        invalid(visor.delete(older), "path", "addr")
    else:
        refused(gone, 404, "not-found")
        refused(visor.delete(older), 404, "not-found")


def test_the_one_spelling_comes_before_an_older_one(visor):
    visor.made("/runners", {"addr": "box7:9000", "instance_id": 1})
    value = value_of(visor, "runner/box7:9000").replace(b"box7", b"BOX7").replace(b'_id":1', b'_id":2')
    write(visor, {"runner/BOX7:9000": value})
    assert len(visor.get("/runners").json()["items"]) == 2
    for left in (1, 2):
        assert visor.get("/runners/BOX7:9000").json()["instance_id"] == left
        assert visor.delete("/runners/BOX7:9000").status_code == 200
    assert visor.get("/runners").json()["items"] == []
