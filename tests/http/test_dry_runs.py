"""`?dry_run=true` on every write: what the call would answer, and nothing comes of it."""

from typing import Any

import pytest

from tests.http.every_route import EMPTY, FILL, WRITES, call_of, play
from tests.http.expect import refused
from tests.serving import APP, ARCHIVE, serving

HEADER = "Visor-Dry-Run"
PLANS = ("/apply", "/revert", "/commits/{rev}/undo", "/import")
"""Their dry run says which rev it was planned on."""

TIMES = (
    "at",
    "created_at",
    "updated_at",
    "registered_at",
    "claimed_at",
    "started_at",
    "stopped_at",
    "ended_at",
)


def _tried(visor: Any, method: str, template: str, body: Any, **headers: str) -> Any:
    url, content = call_of(visor, method, template, body)
    dry = f"{url}{'&' if '?' in url else '?'}dry_run=true"
    return visor.client.request(method, dry, headers=headers, **content)


def _picture(visor: Any) -> Any:
    """All that is kept, the service's own keys too."""
    store = visor.context.store

    async def look() -> Any:
        snapshot = await store.latest()
        return snapshot.rev, {
            key: (record.value, record.rev)
            for key in sorted(store._held.history._chains)
            if (record := snapshot.get(key)) is not None
        }

    return visor.inside(look())


def _comparable(value: Any, base: int) -> Any:
    """An answer without times, and with null for the revs that come after `base`."""
    if isinstance(value, dict):
        return {
            name: None
            if name in ("rev", "created_rev", "claim_rev", "rev_after") and one is not None and one > base
            else _comparable(one, base)
            for name, one in value.items()
            if name not in TIMES
        }
    return [_comparable(one, base) for one in value] if isinstance(value, list) else value


def test_every_write_can_be_tried_and_tells_what_it_then_does():
    """Walks all write operations in two sessions: before each call the same is tried. It changes nothing,
    not even the counters of ids and ports, and its body is the one that the call then gives."""
    seen = set()
    with serving() as visor:
        for step, (method, template, body) in enumerate([*FILL, *EMPTY]):
            before = _picture(visor)
            rev = visor.rev
            key = {"Idempotency-Key": f"tried-{step}"} if method == "POST" else {}
            tried = _tried(visor, method, template, body, **key)
            assert tried.status_code == 200, (method, template, tried.text)
            assert tried.headers[HEADER] == "true"
            assert tried.headers["Visor-Rev"] == str(rev)
            assert "ETag" not in tried.headers
            assert _picture(visor) == before, (method, template)
            [done] = play(visor, [(method, template, body)], lambda _, key=key: key)
            assert HEADER not in done.headers
            said, does = _comparable(tried.json(), rev), _comparable(done.json(), rev)
            if template in PLANS:
                assert said["rev"] == rev
                said["rev"] = does["rev"]
            assert said == does, (method, template)
            seen.add((method, template))
    assert seen == set(WRITES)


def test_revs_that_are_not_given_yet_are_null_and_others_are_told(visor):
    made = visor.made("/apps", APP)
    tried = visor.patch("/apps/cat?dry_run=true", {"stack": "buster"}).json()
    assert (tried["rev"], tried["created_rev"], tried["stack"]) == (None, made["rev"], "buster")
    same = visor.patch("/apps/cat?dry_run=true", {"stack": APP["stack"]}).json()
    assert same == made
    new = visor.post("/apps?dry_run=true", {**APP, "name": "dog"}).json()
    assert (new["rev"], new["created_rev"]) == (None, None)
    assert visor.delete("/apps/cat?dry_run=true").json() == {"rev": None}
    assert visor.get("/apps/cat").json() == made


def test_a_dry_run_makes_no_event_no_id_no_port_and_no_record_of_its_key(visor):
    visor.runnable()
    rev = visor.rev
    ticket = {"app": "cat", "revision": "128af9", "proctype": "web", "env": None}
    key = {"Idempotency-Key": "one"}
    first = visor.post("/instances?dry_run=true", ticket, headers=key).json()
    port = visor.post("/apps/cat/proctypes?dry_run=true", {"name": "worker"}).json()["port"]
    assert visor.rev == rev
    assert visor.get(f"/events/list?rev={rev}").json()["items"] == []
    made = visor.post("/instances", ticket, headers=key)
    assert made.status_code == 201
    assert made.json()["id"] == first["id"]
    assert visor.made("/apps/cat/proctypes", {"name": "worker"})["port"] == port


def test_a_dry_run_of_a_call_that_was_made_is_told_the_first_answer(visor):
    """With the same key the call would be answered again, not done again."""
    key = {"Idempotency-Key": "one"}
    made = visor.post("/apps", APP, headers=key).json()
    visor.patch("/apps/cat", {"stack": "buster"})
    tried = visor.post("/apps?dry_run=true", APP, headers=key)
    assert (tried.status_code, tried.json()) == (200, made)
    assert tried.headers["Idempotency-Replayed"] == "true"
    other = visor.post("/apps?dry_run=true", {**APP, "name": "dog"}, headers=key)
    refused(other, 422, "idempotency-key-reused")


def test_what_the_call_refuses_a_dry_run_refuses_the_same(visor):
    visor.made("/apps", APP)
    refused(visor.post("/apps?dry_run=true", APP), 409, "already-exists")
    refused(visor.patch("/apps/cat?dry_run=true", {"head": "none"}), 422, "invalid-request")
    refused(visor.delete("/apps/dog?dry_run=true"), 404, "not-found", rev=visor.rev)
    stale = {"If-Match": f'"{visor.rev - 1}"'}
    refused(visor.delete("/apps/cat?dry_run=true", headers=stale), 412, "rev-mismatch")


def test_a_scale_of_several_commits_is_tried_whole(visor):
    """Each of its steps sees those before it, as the commits would."""
    visor.runnable()
    rev = visor.rev
    path = "/apps/cat/proctypes/web/scale"
    up = {"revision": "128af9", "count": 250}
    tried = visor.put(f"{path}?dry_run=true", up).json()
    assert visor.rev == rev
    done = visor.put(path, up).json()
    assert tried == {**done, "rev": None}
    down = visor.put(f"{path}?dry_run=true", {**up, "count": 10}).json()
    assert down == {**visor.put(path, {**up, "count": 10}).json(), "rev": None}


def test_many_final_instances_are_counted_and_stay(visor):
    visor.runnable()
    visor.scale(130)
    for id in range(1, 131):
        visor.post(f"/instances/{id}/lost", {"client": "ops", "reason": "gone"})
    rev = visor.rev
    tried = visor.delete("/instances?status=lost&dry_run=true").json()
    assert tried == {"rev": None, "count": 130}
    assert visor.rev == rev
    assert visor.delete("/instances?status=lost").json()["count"] == 130
    assert visor.delete("/instances?status=lost&dry_run=true").json() == {"rev": visor.rev, "count": 0}


def test_a_claim_that_is_tried_does_not_wait_and_takes_no_ticket(visor):
    visor.runnable()
    asked = {"host": "10.0.0.7", "wait": 60}
    none = visor.post("/instances/claim?dry_run=true", asked)
    assert (none.status_code, none.headers[HEADER]) == (204, "true")
    id = visor.ticket()
    tried = visor.post("/instances/claim?dry_run=true", asked).json()
    assert (tried["id"], tried["status"], tried["claim_rev"]) == (id, "claimed", None)
    assert visor.get(f"/instances/{id}").json()["status"] == "pending"


def test_a_member_that_is_renewed_by_a_dry_run_is_not(visor):
    """Its lease ends when it would have ended."""
    path = "/members/pms/10.0.0.7"
    visor.put(path, {"ttl": 1})
    rev = visor.rev
    while visor.get(path).status_code == 200:
        visor.put(f"{path}?dry_run=true", {"ttl": 1})
    assert visor.rev > rev


@pytest.mark.parametrize("asked", ["maybe", "", "2"])
def test_a_dry_run_that_is_neither_true_nor_false_is_refused(full, asked):
    said = refused(full.delete(f"/apps/cat?dry_run={asked}"), 422, "invalid-request")
    assert said["errors"][0]["loc"] == ["query", "dry_run"]


def test_dry_run_false_is_the_call_itself(visor):
    visor.made("/apps?dry_run=false", APP)
    made = visor.post("/apps/cat/revisions?dry_run=false", {"ref": "r1", "archive_url": ARCHIVE})
    assert made.status_code == 201
    assert HEADER not in made.headers
