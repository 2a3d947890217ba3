"""Scale over HTTP: a target, who goes first, what is answered, and what is counted."""

from typing import Any

import pytest

from tests.http.life.saying import done, events_after, ids, ticket_in
from tests.serving import Service

SCALE = "/apps/cat/proctypes/web/scale"
ZERO = dict.fromkeys(("pending", "claimed", "running", "stopping", "exited", "failed", "lost"), 0)


def test_up_gives_new_tickets_and_says_which(visor: Service) -> None:
    visor.runnable()
    before = visor.rev
    answer = visor.put(SCALE, {"revision": "128af9", "env": None, "count": 3})
    assert answer.json() == {
        "rev": visor.after(before),
        "previous": 0,
        "count": 3,
        "started": [1, 2, 3],
        "stopped": [],
    }
    assert answer.headers["visor-rev"] == str(visor.after(before))
    items = visor.get("/instances").json()["items"]
    assert [(i["id"], i["status"], i["env"], i["revision"]) for i in items] == [
        (id, "pending", None, "128af9") for id in (1, 2, 3)
    ]


def test_the_same_target_again_makes_no_commit(visor: Service) -> None:
    visor.runnable()
    visor.scale(3)
    before = visor.rev
    for _ in range(2):
        again = visor.scale(3)
        assert again == {"rev": before, "previous": 3, "count": 3, "started": [], "stopped": []}
    assert visor.rev == before
    assert visor.scale(0)["previous"] == 3
    assert visor.scale(0)["rev"] == visor.after(before)


def test_down_takes_back_pending_then_stops_claimed_then_running_lowest_id_first(visor: Service) -> None:
    visor.runnable()
    states = ["running", "claimed", "pending", "pending", "running", "claimed"]
    made = {id: state for state in states for id in [ticket_in(visor, state)]}
    order = [
        id for wanted in ("pending", "claimed", "running") for id, state in made.items() if state == wanted
    ]
    before = visor.rev
    taken = []
    for count in (5, 3, 0):
        said = visor.scale(count)
        assert (said["previous"], said["started"]) == (len(made) - len(taken), [])
        taken += said["stopped"]
    assert taken == order
    said_events = {e["instance"]: e for e in events_after(visor, before, type="instance-*")}
    for id, state in made.items():
        if state == "pending":
            assert visor.get(f"/instances/{id}").status_code == 404
            assert said_events[id]["type"] == "instance-unregister"
        else:
            assert visor.get(f"/instances/{id}").json()["status"] == "stopping"
            assert said_events[id]["type"] == "instance-stop"
    entries = visor.get("/apps/cat/proctypes/web/ended").json()["items"]
    assert [(e["id"], e["status"], e["reason"]) for e in entries] == [
        (id, "pending", "scaled down") for id in sorted(order[:2])
    ]


def test_what_is_stopping_or_over_does_not_count(visor: Service) -> None:
    visor.runnable()
    for state in ("stopping", "exited", "failed", "lost", "running"):
        ticket_in(visor, state)
    said = visor.scale(2)
    assert (said["previous"], len(said["started"])) == (1, 1)


def test_each_revision_and_env_set_has_a_target_of_its_own(visor: Service) -> None:
    visor.runnable()
    visor.made("/apps/cat/revisions", {"ref": "r2", "archive_url": "https://archive.example.com/r2"})
    visor.made("/apps/cat/envs", {"ref": "prod", "vars": {"A": "1"}})
    for n, (revision, env) in enumerate((("128af9", None), ("128af9", "prod"), ("r2", None)), start=1):
        said = visor.put(SCALE, {"revision": revision, "env": env, "count": n}).json()
        assert (said["previous"], len(said["started"])) == (0, n)
    assert visor.put(SCALE, {"revision": "128af9", "env": "prod", "count": 0}).json()["previous"] == 2
    assert [(i["revision"], i["env"], i["count"]) for i in visor.get(SCALE).json()["items"]] == [
        ("128af9", None, 1),
        ("r2", None, 3),
    ]


def test_counts_by_status_with_filters_now_and_then(visor: Service) -> None:
    visor.runnable()
    visor.made("/apps/cat/envs", {"ref": "prod", "vars": {}})
    for state in ("pending", "claimed", "running", "stopping", "exited", "failed", "lost"):
        ticket_in(visor, state)
    visor.ticket(env="prod")
    then = visor.rev
    never = {"target": None, "rev": None}
    plain = {"revision": "128af9", "env": None, "count": 3, "statuses": dict.fromkeys(ZERO, 1), **never}
    prod = {"revision": "128af9", "env": "prod", "count": 1, "statuses": {**ZERO, "pending": 1}, **never}
    none = {"revision": "r9", "env": None, "count": 0, "statuses": ZERO, **never}
    asked: list[tuple[dict[str, str], list[Any]]] = [
        ({}, [plain, prod]),
        ({"revision": "128af9"}, [plain, prod]),
        ({"env": ""}, [plain]),
        ({"env": "prod"}, [prod]),
        ({"revision": "128af9", "env": ""}, [plain]),
        ({"revision": "128af9", "env": "prod"}, [prod]),
        ({"revision": "r9"}, [none]),
        ({"revision": "r9", "env": "prod"}, [{**none, "env": "prod"}]),
    ]
    visor_answers = {str(query): visor.get(SCALE, params=query).json() for query, _ in asked}
    for query, items in asked:
        assert visor_answers[str(query)] == {"rev": then, "items": items, "next": None}, query
    visor.scale(0)
    for query, items in asked:
        assert visor.get(SCALE, params={**query, "rev": then}).json() == {
            "rev": then,
            "items": items,
            "next": None,
        }, query
    assert visor.get(SCALE, params={"revision": "128af9", "env": ""}).json()["items"][0]["count"] == 0


def test_nothing_there_counts_nothing(visor: Service) -> None:
    visor.runnable()
    assert visor.get(SCALE).json() == {"rev": visor.rev, "items": [], "next": None}


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/apps/dog/proctypes/web/scale", {}, 404, "not-found"),
        ("/apps/cat/proctypes/worker/scale", {}, 404, "not-found"),
        (SCALE, {"revision": "r9"}, 422, "invalid-request"),
        (SCALE, {"env": "e9"}, 422, "invalid-request"),
        (SCALE, {"revision": "proposed"}, 409, "invalid-state"),
        (SCALE, {"count": -1}, 422, "invalid-request"),
        (SCALE, {"count": 10_001}, 422, "invalid-request"),
        (SCALE, {"count": True}, 422, "invalid-request"),
        (SCALE, {"count": "3"}, 422, "invalid-request"),
        (SCALE, {"count": 1.0}, 422, "invalid-request"),
        (SCALE, {"by": 1}, 422, "invalid-request"),
    ],
)
def test_what_cannot_be_scaled_is_refused_and_changes_nothing(
    visor: Service, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    visor.runnable()
    visor.made("/apps/cat/revisions", {"ref": "proposed"})
    before = visor.rev
    answer = visor.put(path, {"revision": "128af9", "count": 1, **body})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert visor.rev == before


def test_a_revision_can_be_purged_once_it_is_scaled_to_nothing(visor: Service) -> None:
    visor.runnable()
    visor.scale(2)
    done(visor, "claim", 1)
    revision = "/apps/cat/revisions/128af9"
    assert visor.delete(revision).json()["code"] == "in-use"
    visor.scale(0)
    assert ids(visor.get("/instances?status=stopping").json()["items"]) == [1]
    assert visor.delete(revision).status_code == 200
    # Its process still ends in its own time.
    assert done(visor, "exit", 1)["status"] == "exited"


def test_a_scale_that_names_a_rev_of_the_proctype_needs_it(visor: Service) -> None:
    visor.runnable()
    tag = visor.get("/apps/cat/proctypes/web").headers["etag"]
    body = {"revision": "128af9", "count": 150}
    assert visor.put(SCALE, body, headers={"If-Match": '"1"'}).json()["code"] == "rev-mismatch"
    assert len(visor.put(SCALE, body, headers={"If-Match": tag}).json()["started"]) == 150
