"""What is done: gone from the instances, kept in its proctype's ended list."""

import pytest

from tests.http.life.life_table import WAYS
from tests.http.life.saying import done, events_after, everything, ids, say, ticket_in
from tests.serving import Service

ENDED = "/apps/cat/proctypes/web/ended"


def test_an_entry_says_what_it_was_and_who_ended_it(visor: Service) -> None:
    visor.runnable()
    visor.made("/apps/cat/envs", {"ref": "prod", "vars": {}})
    id = visor.ticket(env="prod")
    live = done(visor, "claim", id)
    ended = done(visor, "unregister", id, client="ann", reason="no longer needed")
    [entry] = visor.get(ENDED).json()["items"]
    assert entry == {
        "id": id,
        "app": "cat",
        "proctype": "web",
        "revision": "128af9",
        "env": "prod",
        "status": "claimed",
        "client": "ann",
        "reason": "no longer needed",
        "at": entry["at"],
        "rev": ended["rev"],
        "created_rev": live["created_rev"],
        "created_at": live["created_at"],
        "updated_at": entry["at"],
    }
    assert live["updated_at"] <= entry["at"] <= visor.get("/rev").json()["at"]


@pytest.mark.parametrize("state", [state for state in WAYS if state != "done"])
def test_any_state_can_be_unregistered_and_is_the_last_status(visor: Service, state: str) -> None:
    visor.runnable()
    id = ticket_in(visor, state)
    last = visor.get(f"/instances/{id}").json()
    before = visor.rev
    done(visor, "unregister", id)
    [entry] = visor.get(ENDED).json()["items"]
    # Why it had failed or was lost need not be said again.
    assert (entry["status"], entry["client"], entry["reason"]) == (last["status"], None, last["reason"])
    [event] = events_after(visor, before)
    assert (event["type"], event["object"]) == ("instance-unregister", last)


def test_what_is_done_is_not_found_cannot_be_claimed_and_was_there_before(visor: Service) -> None:
    visor.runnable()
    id = visor.ticket()
    then = visor.rev
    done(visor, "unregister", id)
    gone = visor.get(f"/instances/{id}")
    assert (gone.status_code, gone.json()["code"], gone.json()["rev"]) == (404, "not-found", visor.rev)
    claim = say(visor, "claim", id)
    assert (claim.status_code, claim.json()["code"]) == (409, "invalid-state")
    assert visor.post("/instances/claim", {"host": "10.0.0.7"}).status_code == 204
    assert say(visor, "unregister", id).status_code == 404
    for path in ("/instances", "/apps/cat/instances", "/apps/cat/proctypes/web/instances"):
        assert visor.get(path).json()["items"] == []
        assert ids(visor.get(f"{path}?rev={then}").json()["items"]) == [id]
    assert visor.get(f"/instances/{id}?rev={then}").json()["status"] == "pending"
    assert visor.get(f"{ENDED}?rev={then}").json()["items"] == []


def test_the_list_is_by_id_whatever_the_order_of_ends_and_in_pages_of_one_snapshot(visor: Service) -> None:
    visor.runnable()
    made = [visor.ticket() for _ in range(7)]
    for id in (made[3], made[0], made[6], made[2], made[5]):
        done(visor, "unregister", id)
    ended = sorted(set(made) - {made[1], made[4]})
    assert ids(visor.get(ENDED).json()["items"]) == ended
    first = visor.get(ENDED, params={"limit": 2}).json()
    done(visor, "unregister", made[1])
    found = ids(first["items"]) + ids(everything(visor, ENDED, limit=2, cursor=first["next"]))
    assert found == ended, "the cursor's snapshot has no later entry"
    assert ids(visor.get(ENDED).json()["items"]) == sorted([*ended, made[1]])


def test_the_list_of_an_unknown_proctype_is_not_found(visor: Service) -> None:
    visor.runnable()
    assert visor.get("/apps/dog/proctypes/web/ended").status_code == 404
    assert visor.get("/apps/cat/proctypes/worker/ended").status_code == 404


def test_a_new_proctype_of_the_name_begins_with_an_empty_list(visor: Service) -> None:
    visor.runnable()
    old, last = visor.ticket(), ticket_in(visor, "exited")
    done(visor, "unregister", old)
    visor.delete("/apps/cat/proctypes/web")
    visor.made("/apps/cat/proctypes", {"name": "web"})
    assert visor.get(ENDED).json()["items"] == []
    done(visor, "unregister", last)
    assert visor.get(ENDED).json()["items"] == [], "it was of the earlier proctype as well"
    new = visor.ticket()
    done(visor, "unregister", new)
    assert ids(visor.get(ENDED).json()["items"]) == [new]


def test_the_newest_thousand_are_shown(visor: Service) -> None:
    visor.runnable()
    visor.scale(1010)
    visor.scale(0)
    entries = everything(visor, ENDED, limit=300)
    assert ids(entries) == list(range(11, 1011))
    assert {(e["status"], e["reason"], e["client"]) for e in entries} == {("pending", "scaled down", None)}


def test_ids_are_never_given_again(visor: Service) -> None:
    visor.runnable()
    given = [visor.ticket(), visor.ticket()]
    for id in given:
        done(visor, "unregister", id)
    visor.delete("/apps/cat")
    visor.runnable()
    given += visor.scale(2)["started"]
    visor.scale(0)
    given += visor.scale(1)["started"] + [visor.ticket()]
    assert given == sorted(set(given))
