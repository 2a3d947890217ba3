"""What another hand has written is in no list and no answer; nothing fails of it; DELETE removes it."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app import maintenance
from tests.http.every_route import (
    BODIES,
    FILL,
    LISTS,
    READS,
    STREAMS,
    WRITES,
    accepting,
    path_of,
    play,
)
from tests.http.expect import refused
from tests.http.other_hands import COUNTERS, KEYS, NO_JSON, NO_OBJECT, STRANGE, misfits, value_of, write
from tests.serving import Service, serving

SINGLE_OF = {
    "app": "/apps/{app}",
    "revision": "/apps/{app}/revisions/{ref}",
    "envset": "/apps/{app}/envs/{ref}",
    "proctype": "/apps/{app}/proctypes/{proctype}",
    "instance": "/instances/{id}",
    "service": "/services/{service}",
    "endpoint": "/services/{service}/endpoints/{id}",
    "runner": "/runners/{addr}",
    "member": "/members/{kind}/{addr}",
}
LISTS_OF = {
    "app": ["/apps"],
    "revision": ["/revisions", "/apps/{app}/revisions"],
    "envset": ["/apps/{app}/envs"],
    "proctype": ["/apps/{app}/proctypes"],
    "instance": ["/instances", "/apps/{app}/instances", "/apps/{app}/proctypes/{proctype}/instances"],
    "service": ["/services"],
    "endpoint": ["/services/{service}/endpoints"],
    "runner": ["/runners"],
    "member": ["/members/{kind}"],
}


def said(answer: httpx2.Response) -> Any:
    """The JSON of an answer that is no fault of the service's; strictly read."""
    assert answer.status_code < 500, f"{answer.request.method} {answer.request.url}: {answer.text}"
    media_type = answer.headers.get("Content-Type", "")
    if "ndjson" in media_type:
        return [json.loads(line, parse_constant=pytest.fail) for line in answer.content.splitlines()]
    if "json" not in media_type:
        return None
    return json.loads(answer.content, parse_constant=pytest.fail)


def unreadable(visor: Service) -> float:
    lines = visor.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith("visor_store_unreadable ")).split()[1])


@pytest.mark.parametrize("kind", KEYS)
def test_what_cannot_be_read_is_in_no_list_and_delete_removes_it(visor: Service, kind: str) -> None:
    play(visor, FILL)
    key, single = KEYS[kind], path_of(SINGLE_OF[kind])
    good = value_of(visor, key)
    before = {template: said(visor.get(path_of(template)))["items"] for template in LISTS_OF[kind]}
    for value in (*NO_JSON, *NO_OBJECT, *misfits(good)):
        write(visor, {key: value})
        rev = visor.context.store.rev
        found = refused(visor.get(single), 404, "not-found", rev=rev)
        assert "Another program wrote" in found["detail"], value
        refused(visor.get(f"{single}?rev={rev}"), 404, "not-found")
        for template, items in before.items():
            page = visor.get(path_of(template))
            if page.status_code == 404:
                continue  # the list of what is not there
            shown = said(page)["items"]
            assert len(shown) == len(items) - 1, (template, value)
            assert all(item in items for item in shown)
    assert unreadable(visor) == 1
    assert visor.get("/readyz").status_code == 200
    tag = visor.get("/rev").headers["Visor-Rev"]
    assert visor.delete(single, headers={"If-Match": f'"{tag}"'}).status_code == 200, kind
    assert "Another program wrote" not in refused(visor.get(single), 404, "not-found")["detail"]
    refused(visor.delete(single), 404, "not-found")
    assert unreadable(visor) == 0


PLANNED = ("/apply", "/revert", "/commits/{rev}/undo")


def every_call(visor: Service, *, writable: bool = True) -> None:
    """Each route, with a body that would be right: whatever the answer, no fault. Not `writable`: reads are
    served, and each write is refused for the schema."""

    def schema_refused(answer: httpx2.Response) -> None:
        assert "schema" in refused(answer, 503, "coordinator-unavailable")["detail"]

    for template in READS:
        answer = visor.get(path_of(template), headers=accepting(template))
        if template == "/schema" and answer.status_code == 503:
            continue
        if template == "/readyz" and not writable:
            schema_refused(answer)
        elif template == "/metrics":
            assert answer.status_code == 200
        else:
            said(answer)
    for template in STREAMS:
        path = f"{path_of(template)}?rev={visor.start}&limit=1000"
        events = said(visor.get(path, headers=accepting(template)))
        assert events["items"] or template != "/events"
    steps = {(method, template): step for step, (method, template, _) in enumerate(FILL)}
    for call in sorted(WRITES, key=lambda call: (call[0] == "DELETE", steps.get(call, 0))):
        method, template = call
        query = "?status=failed" if call == ("DELETE", "/instances") else ""
        content = {} if BODIES.get(call) is None else {"json": BODIES[call]}
        answer = visor.client.request(method, path_of(template) + query, **content)
        if writable or (template in PLANNED and answer.status_code in (404, 409)):
            said(answer)  # it is planned first, and what cannot be planned is refused for that
        else:
            schema_refused(answer)


def test_what_no_call_can_name_is_neither_undone_nor_reverted_and_nothing_fails_of_it(
    memory_visor: Service,
) -> None:
    visor = memory_visor
    play(visor, FILL)
    before = visor.rev
    write(visor, dict.fromkeys(STRANGE, b'{"crew":3}'))
    said(visor.post(f"/commits/{visor.rev}/undo"))
    for path in ("/", "/apps", "/apps/cat", "/revisions"):
        said(visor.post("/revert", {"path": path, "rev": before, "delete": True}))
    assert unreadable(visor) == len(STRANGE)
    assert visor.get("/apps/cat").status_code == 200


SCALE_KEY = "scale/cat,web,128af9,"
EVERY_KEY = [*KEYS.values(), *COUNTERS, SCALE_KEY, "scaling/cat,web,128af9,", "journal"]


@pytest.mark.parametrize("key", EVERY_KEY)
def test_no_call_fails_of_what_another_hand_has_written(visor: Service, key: str) -> None:
    no_call_fails_of(visor, key, b"{not json")


# What is read of a value is the same on every store.
@pytest.mark.parametrize("value", [b"{}", b"misfit"])
@pytest.mark.parametrize("key", EVERY_KEY)
def test_no_call_fails_of_what_another_hand_has_nearly_got_right(
    memory_visor: Service, key: str, value: bytes
) -> None:
    no_call_fails_of(memory_visor, key, value)


def no_call_fails_of(visor: Service, key: str, value: bytes) -> None:
    play(visor, FILL)
    if key == SCALE_KEY:
        visor.scale(1)
    if (key in KEYS.values() or key == SCALE_KEY) and value == b"misfit":
        value = next(iter(list(misfits(value_of(visor, key)))[-1:]))
    if key != "journal" or visor.coordinator == "etcd":
        write(visor, {key: value})
    every_call(visor)


@pytest.mark.parametrize("value", [b"{not json", b"{}", b"misfit", b"9" * 100_000, None])
def test_writes_are_refused_while_the_schema_cannot_be_read(visor: Service, value: bytes | None) -> None:
    """On etcd, where replicas of several versions share a registry; a file is one version's at a time. Reads
    go on, and writes too once it is put back."""
    play(visor, FILL)
    good = visor.context.store.stale().get("schema")
    if value is None:
        write(visor, {}, frozenset({"schema"}))
    else:
        write(visor, {"schema": value})
    if visor.coordinator == "etcd":
        rev = visor.rev
        every_call(visor, writable=False)
        assert len(visor.get("/readyz").content) < 1000
        assert visor.rev == rev, "nothing was changed"
        write(visor, {"schema": good.value})
    every_call(visor)


def test_keys_that_no_call_can_name_disturb_nobody(visor: Service) -> None:
    play(visor, FILL)
    lists = {template: said(visor.get(path_of(template)))["items"] for template in LISTS}
    write(visor, dict.fromkeys(STRANGE, b'{"crew":3}'))
    assert {template: said(visor.get(path_of(template)))["items"] for template in LISTS} == lists
    assert unreadable(visor) == len(STRANGE)
    every_call(visor)


def test_a_target_that_cannot_be_read_is_none_and_a_scale_mends_it(visor: Service) -> None:
    """It has no name of its own: a GET leaves it out, and a PUT replaces it."""
    visor.runnable()
    visor.scale(2)
    good = value_of(visor, SCALE_KEY)
    scale = "/apps/cat/proctypes/web/scale"
    for value in (*NO_JSON, *NO_OBJECT, *misfits(good)):
        write(visor, {SCALE_KEY: value})
        [item] = said(visor.get(scale))["items"]
        assert (item["count"], item["target"], item["rev"]) == (2, None, None), value
    assert unreadable(visor) == 1
    assert visor.scale(3)["previous"] == 2
    [item] = said(visor.get(scale))["items"]
    assert (item["count"], item["target"]) == (3, 3)
    assert unreadable(visor) == 0
    write(visor, {SCALE_KEY: b"garbage"})
    visor.scale(0)
    assert visor.delete("/apps/cat").status_code == 200
    assert unreadable(visor) == 0


CONTRADICTIONS: list[dict[str, Any]] = [
    {"status": "claimed", "claims": [], "host": "10.0.0.7"},
    {"status": "claimed", "host": None, "claim_rev": None},
    {"status": "running", "host": None},
    {"status": "pending", "host": "10.0.0.7", "claim_rev": 7},
    {"status": "failed", "ended_at": None},
    {"status": "stopping", "app": "nobody", "proctype": "no", "revision": "none"},
    {"status": "exited", "lock": {"client": "a", "reason": "b", "at": "2026-01-01T00:00:00Z"}},
]


@pytest.mark.parametrize("fields", CONTRADICTIONS)
def test_no_call_fails_of_an_instance_that_contradicts_itself(
    memory_visor: Service, fields: dict[str, Any]
) -> None:
    visor = memory_visor
    play(visor, FILL)
    good = json.loads(value_of(visor, KEYS["instance"]))
    write(visor, {KEYS["instance"]: json.dumps({**good, **fields}, separators=(",", ":")).encode()})
    assert said(visor.get("/instances/1"))["status"] == fields["status"]
    every_call(visor)


def test_an_app_goes_with_the_parts_that_cannot_be_read(visor: Service) -> None:
    """Registered anew, it has nothing of them."""
    play(visor, FILL)
    visor.delete("/instances/1")
    parts = {"revision/cat,x": b"x", "envset/cat,x": b"x", "proctype/cat,x": b"x", "proctype/catnip,x": b"x"}
    write(visor, parts)
    assert unreadable(visor) == 4
    assert visor.delete("/apps/cat").status_code == 200
    assert unreadable(visor) == 1
    for part in ("revisions", "envs"):
        visor.post("/apps", BODIES["POST", "/apps"])
        refused(visor.get(f"/apps/cat/{part}/x"), 404, "not-found")


def test_a_name_that_is_taken_by_what_cannot_be_read_is_said_to_be(visor: Service) -> None:
    write(visor, {"service/memcached": b"garbage", "member/pms,10.0.0.7": b"garbage"})
    taken = refused(visor.post("/services", {"name": "memcached"}), 409, "already-exists")
    assert "DELETE it first" in taken["detail"]
    visor.delete("/services/memcached")
    visor.made("/services", {"name": "memcached"})
    # A PUT sets: it mends.
    assert visor.put("/members/pms/10.0.0.7", {"version": "1"}).status_code == 200
    assert visor.get("/members/pms/10.0.0.7").json()["version"] == "1"


def test_what_cannot_be_read_is_left_out_after_a_restart_and_in_old_snapshots(tmp_path: Path) -> None:
    settings = {"store": f"sqlite:///{tmp_path}/visor.db", "memory_revs": 2}
    with serving(**settings) as visor:
        play(visor, FILL)
        good = {key: value_of(visor, key) for key in KEYS.values()}
        write(visor, dict.fromkeys(KEYS.values(), b"garbage"))
        rev = visor.rev
    with serving(**settings) as visor:
        assert unreadable(visor) == len(KEYS)
        write(visor, good)
        for n in range(5):
            visor.made("/services", {"name": f"s{n}"})
        assert unreadable(visor) == 0
        for template in ("/apps", "/revisions", "/instances", "/runners", "/members/{kind}"):
            assert said(visor.get(f"{path_of(template)}?rev={rev}"))["items"] == []
            assert said(visor.get(path_of(template)))["items"] != []
        for kind in KEYS:
            refused(visor.get(f"{path_of(SINGLE_OF[kind])}?rev={rev}"), 404, "not-found")


def test_the_log_says_how_many_cannot_be_read(
    visor: Service, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = visor.context.store
    assert maintenance.tell_unreadable(store.stale(), 0) == 0
    write(visor, {"app/zzz": b"{not json", "app/yyy": b"{}"})
    assert maintenance.tell_unreadable(store.stale(), 0) == 2
    assert "2 keys of the store" in caplog.text
    assert "app/yyy, app/zzz" in caplog.text
    caplog.clear()
    assert maintenance.tell_unreadable(store.stale(), 2) == 2
    assert not caplog.text
    write(visor, {}, frozenset({"app/zzz", "app/yyy"}))
    assert maintenance.tell_unreadable(store.stale(), 2) == 0
    assert "can be read again" in caplog.text


def test_reads_go_on_beside_members_that_live_by_a_lease(visor: Service) -> None:
    """A replica on etcd compares how many keys there are with how many it holds."""
    assert visor.put("/members/pms/10.0.0.7", {"version": "1", "ttl": 60}).status_code == 200
    write(visor, {"member/pms,x": b"garbage", "member/": b"", "member/proxies,": b"{}"})
    assert [item["addr"] for item in said(visor.get("/members/pms"))["items"]] == ["10.0.0.7"]
    write(visor, {}, frozenset({"member/", "member/pms,x"}))
    assert said(visor.get("/members/proxies"))["items"] == []
