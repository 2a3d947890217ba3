"""Every call in every state of an instance over HTTP: status, code, new state, events."""

import httpx2
import pytest

from tests.http.life.life_table import BODIES, CLAIMERS_ONLY, NO_COMMIT, OTHER, TABLE
from tests.http.life.saying import done, events_after, say, ticket_in
from tests.serving import Service


@pytest.mark.parametrize("state", TABLE)
def test_each_call_does_what_the_table_says(visor: Service, state: str) -> None:
    visor.runnable()
    for call, ends in TABLE[state].items():
        id = ticket_in(visor, state)
        before = visor.rev
        answer = say(visor, call, id)
        after = visor.rev
        said = events_after(visor, before)
        if isinstance(ends, tuple):
            assert (answer.status_code, answer.json()["code"]) == ends, (state, call)
            assert (after, said) == (before, [])
            continue
        assert answer.status_code == 200, (state, call, answer.text)
        if (state, call) in NO_COMMIT:
            assert (after, said) == (before, [])
        else:
            assert after == visor.after(before)
            assert [(e["rev"], e["type"], e["instance"]) for e in said] == [(after, f"instance-{call}", id)]
        assert answer.headers["visor-rev"] == str(after)
        now = visor.get(f"/instances/{id}")
        if ends == "done":
            assert answer.json() == {"rev": after}
            assert now.status_code == 404
            continue
        assert (now.json()["id"], now.json()["status"]) == (id, ends), (state, call)
        if call == "unlock":
            assert answer.json() == {"rev": after}
        else:
            assert answer.json() == now.json()
            assert answer.headers["etag"] == now.headers["etag"]
        if said and call != "unregister":
            assert said[0]["object"] == now.json()


@pytest.mark.parametrize("state", ["claimed", "running", "stopping", "exited", "failed", "lost"])
def test_only_the_claimer_speaks_for_an_instance(visor: Service, state: str) -> None:
    visor.runnable()
    id = ticket_in(visor, state)
    before = visor.get(f"/instances/{id}").json()
    for call in CLAIMERS_ONLY:
        for fields in ({"host": OTHER}, {"claim_rev": before["claim_rev"] + 1}):
            answer = say(visor, call, id, **fields)
            assert (answer.status_code, answer.json()["code"]) == (403, "not-claimer"), (state, call)
    assert visor.get(f"/instances/{id}").json() == before


def test_a_lock_names_who_has_it_and_ends_with_unlock(visor: Service) -> None:
    visor.runnable()
    id = ticket_in(visor, "running")
    locked = done(visor, "lock", id, client="ann", reason="debugging")
    assert (locked["lock"]["client"], locked["lock"]["reason"]) == ("ann", "debugging")
    assert locked["lock"]["at"] == locked["updated_at"]
    again = say(visor, "lock", id, client="ben", reason="me too")
    assert (again.status_code, again.json()["code"]) == (409, "locked")
    assert again.json()["lock"] == locked["lock"]
    assert say(visor, "unlock", id).status_code == 200
    assert visor.get(f"/instances/{id}").json()["lock"] is None
    assert say(visor, "unlock", id).status_code == 404
    assert done(visor, "lock", id, client="ben")["lock"]["client"] == "ben"


def test_restarts_are_counted_by_reason_and_are_events(visor: Service) -> None:
    visor.runnable()
    id = ticket_in(visor, "running")
    before = visor.rev
    done(visor, "restart", id, reason="fail")
    done(visor, "restart", id, reason="fail", count=2)
    assert done(visor, "restart", id, reason="oom")["restarts"] == {"fail": 3, "oom": 1}
    said = events_after(visor, before)
    assert [event["object"]["restarts"] for event in said] == [
        {"fail": 1, "oom": 0},
        {"fail": 3, "oom": 0},
        {"fail": 3, "oom": 1},
    ]


def test_a_start_that_is_said_again_is_the_same_start(visor: Service) -> None:
    """An agent that lost the answer says it again: no commit, the same state; other values are refused."""
    visor.runnable()
    id = ticket_in(visor, "claimed")
    first = say(visor, "start", id)
    again = say(visor, "start", id)
    assert again.json() == first.json()
    assert again.headers["etag"] == first.headers["etag"]
    assert say(visor, "start", id, tele_port=None).status_code == 409
    assert say(visor, "start", id, port=9999).json()["code"] == "invalid-state"


@pytest.mark.parametrize(
    ("call", "fields", "loc"),
    [
        ("claim", {"host": "no host"}, "host"),
        ("start", {"port": 0}, "port"),
        ("start", {"port": 65536}, "port"),
        ("start", {"hostname": ""}, "hostname"),
        ("exit", {"claim_rev": 0}, "claim_rev"),
        ("restart", {"reason": "bored"}, "reason"),
        ("restart", {"count": 0}, "count"),
        ("lost", {"client": ""}, "client"),
        ("lock", {"because": "unknown"}, "because"),
        ("fail", {"reason": None}, "reason"),
    ],
)
def test_a_body_that_is_not_right_names_its_field(
    visor: Service, call: str, fields: dict[str, object], loc: str
) -> None:
    visor.runnable()
    id = ticket_in(visor, "running" if call != "claim" else "pending")
    before = visor.rev
    answer = say(visor, call, id, **fields)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    assert [error["loc"][:2] for error in answer.json()["errors"]] == [["body", loc]]
    assert visor.rev == before


def test_calls_on_ids_that_never_were(visor: Service) -> None:
    for call in BODIES:
        answer = say(visor, call, 4711)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), call
        assert answer.json()["rev"] == visor.nth(0)
        assert say(visor, call, 0).status_code == 422


def test_a_guarded_call_needs_the_rev_it_names(visor: Service) -> None:
    visor.runnable()
    id = ticket_in(visor, "running")
    tag = visor.get(f"/instances/{id}").headers["etag"]

    def stop(tag: str) -> httpx2.Response:
        return visor.post(f"/instances/{id}/stop", headers={"If-Match": tag})

    done(visor, "restart", id)
    assert (stop(tag).status_code, stop(tag).json()["code"]) == (412, "rev-mismatch")
    assert stop(visor.get(f"/instances/{id}").headers["etag"]).status_code == 200
    done(visor, "unregister", id)
    assert stop("*").status_code == 412
