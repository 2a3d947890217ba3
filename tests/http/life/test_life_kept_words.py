"""What was said of an instance is kept: who said that it is lost and why, the reason in its ended entry, and
the entry itself where one asks for one that is done. An earlier life of an app is not the present one."""

import json
from typing import Any

import httpx2
import pytest

from app.models import keys
from tests.http.expect import refused
from tests.http.life.saying import done, events_after, everything, ids, say, ticket_in, together
from tests.serving import APP, ARCHIVE, Service

WEB = "/apps/cat/proctypes/web"
LOST = {"client": "ann", "reason": "the rack is dark"}


@pytest.mark.parametrize("state", ["pending", "claimed", "running", "stopping", "failed"])
def test_who_says_that_it_is_lost_is_kept_and_shown_in_the_event(visor: Service, state: str) -> None:
    visor.runnable()
    id = ticket_in(visor, state)
    assert visor.get(f"/instances/{id}").json()["lost_by"] is None
    before = visor.rev
    said = done(visor, "lost", id, **LOST)
    assert (said["status"], said["lost_by"], said["reason"]) == ("lost", "ann", "the rack is dark")
    [event] = events_after(visor, before)
    assert (event["type"], event["object"]) == ("instance-lost", said)
    again = done(visor, "lost", id, client="ben", reason="me too")
    assert again == said, "the first who said so is the one"
    if said["host"]:
        late = done(visor, "exit", id)
        assert (late["status"], late["lost_by"], late["reason"]) == ("exited", None, None), "a late truth"


@pytest.mark.parametrize(
    ("state", "reason"), [("failed", "crashed"), ("lost", "host is away"), ("exited", None)]
)
def test_an_ended_entry_has_the_reason_of_the_failure_or_a_new_one(
    visor: Service, state: str, reason: str | None
) -> None:
    visor.runnable()
    silent, told = ticket_in(visor, state), ticket_in(visor, state)
    done(visor, "unregister", silent)
    done(visor, "unregister", told, client="ben", reason="not needed")
    entries = visor.get(f"{WEB}/ended").json()["items"]
    assert [(e["client"], e["reason"]) for e in entries] == [(None, reason), ("ben", "not needed")]


def test_one_that_is_done_is_not_found_with_its_entry_and_one_that_never_was_without(visor: Service) -> None:
    visor.runnable()
    id = ticket_in(visor, "failed")
    then = visor.rev
    done(visor, "unregister", id, client="ben")
    [entry] = visor.get(f"{WEB}/ended").json()["items"]
    refused(visor.get(f"/instances/{id}"), 404, "not-found", ended=entry, rev=visor.rev)
    refused(visor.get(f"/instances/{id}?status=running&wait=1"), 404, "not-found", ended=entry)
    never = refused(visor.get(f"/instances/{id + 1}"), 404, "not-found")
    assert "ended" not in never
    early = refused(visor.get(f"/instances/{id}?rev={visor.after(then, -5)}"), 404, "not-found")
    assert "ended" not in early, "at that rev it never was"
    assert visor.get(f"/instances/{id}?rev={then}").json()["status"] == "failed"


def test_an_instance_of_an_older_version_names_nobody(visor: Service) -> None:
    from app.store.contract import Changes
    from app.store.records import Origin

    visor.runnable()
    id = ticket_in(visor, "lost")
    store = visor.context.store
    value = json.loads(store.stale().get(keys.instance(id)).value)
    del value["lost_by"]
    old = {keys.instance(id): json.dumps(value, separators=(",", ":")).encode()}
    visor.inside(store.transact(lambda snapshot, at: Changes(puts=old), Origin("a", "b")))
    assert visor.get(f"/instances/{id}").json()["lost_by"] is None
    assert done(visor, "unregister", id)
    assert visor.get(f"{WEB}/ended").json()["items"][0]["reason"] == "host is away"


def _again(visor: Service, path: str) -> None:
    assert visor.delete(path).status_code == 200
    if path == "/apps/cat":
        visor.made("/apps", APP)
        visor.made("/apps/cat/revisions", {"ref": "128af9", "archive_url": ARCHIVE})
    visor.made("/apps/cat/proctypes", {"name": "web"})


@pytest.mark.parametrize("path", ["/apps/cat", WEB])
def test_what_is_registered_anew_shows_nothing_of_an_earlier_life(visor: Service, path: str) -> None:
    """Neither in lists, nor in counts, nor in what has ended, nor as a target."""
    visor.runnable()
    visor.runnable("dog")
    visor.scale(3)
    for id in (1, 2, 3):
        done(visor, "lost", id)
    done(visor, "unregister", 1)
    other = visor.ticket("dog")
    then = visor.rev
    _again(visor, path)
    lists = ("/instances", "/instances?app=cat", "/instances?proctype=web&status=lost", "/apps/cat/instances")
    lists = (*lists, f"{WEB}/instances", f"{WEB}/instances?status=lost", f"{WEB}/ended")
    shown = {one: ids(visor.get(one).json()["items"]) for one in lists}
    assert shown == {**{one: [] for one in lists}, "/instances": [other]}
    assert visor.get(f"{WEB}/scale").json()["items"] == []
    past = visor.get("/instances", params={"app": "cat", "rev": then}).json()["items"]
    assert ids(past) == [2, 3], "the past stays as it was"
    mine = visor.ticket()
    assert ids(visor.get("/apps/cat/instances").json()["items"]) == [mine]
    [item] = visor.get(f"{WEB}/scale").json()["items"]
    assert (item["count"], item["statuses"]["lost"], item["target"]) == (1, 0, None)
    assert visor.get("/instances/2").json()["status"] == "lost", "by its id it is still there"
    assert visor.delete("/instances?status=lost&app=cat").json()["count"] == 0


def test_pages_go_on_past_an_earlier_life(visor: Service) -> None:
    visor.runnable()
    visor.runnable("dog")
    for round in range(2):
        for app in ("cat", "dog", "cat"):
            done(visor, "lost", visor.ticket(app))
        if not round:
            _again(visor, "/apps/cat")
    assert ids(everything(visor, "/instances", limit=1)) == [2, 4, 5, 6]
    assert ids(everything(visor, "/apps/cat/instances", limit=1)) == [4, 6]


@pytest.mark.parametrize("calls", [2, 3])
def test_waiting_claims_of_one_idempotency_key_all_get_the_same_ticket(visor: Service, calls: int) -> None:
    """A host whose connection broke asks again with its key, while its first call still waits."""
    visor.runnable()
    key = {"Idempotency-Key": "host-7 once".replace(" ", "-")}

    def wait(**headers: str) -> httpx2.Response:
        with httpx2.Client(base_url=visor.url, timeout=90, verify=False) as client:
            return client.post("/instances/claim", json={"host": "10.0.0.7", "wait": 60}, headers=headers)

    def register() -> Any:
        import time

        end = time.monotonic() + 60
        while len(visor.context.claim_queue) < calls + 1:
            assert time.monotonic() < end
            time.sleep(0.01)
        return [visor.ticket(), visor.ticket()]

    *same, other, made = together(*[lambda: wait(**key)] * calls, wait, register)
    assert [answer.status_code for answer in same] == [200] * calls
    assert len({answer.content for answer in same}) == 1
    assert sorted(answer.headers.get("Idempotency-Replayed", "false") for answer in same) == [
        "false",
        *["true"] * (calls - 1),
    ]
    assert sorted([same[0].json()["id"], other.json()["id"]]) == made, "and none is left over"
    assert say(visor, "start", same[0].json()["id"]).status_code == 200
