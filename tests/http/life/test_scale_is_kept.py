"""The target of a scale is state: kept with its rev, shown beside the count, with an event in the commit that
sets it; what is missing is seen, and the same PUT again starts it (DESIGN section 4, Scale)."""

from typing import Any

import pytest

from app import maintenance
from app.models import keys
from app.store.snapshots import scan
from tests.http.expect import refused
from tests.http.life.saying import done, events_after
from tests.serving import Service

WEB = "/apps/cat/proctypes/web"
SCALE = f"{WEB}/scale"
OF = {"app": "cat", "proctype": "web", "revision": "128af9", "env": None}


def kept(visor: Service) -> list[tuple[str, str | None, int, int | None, int | None]]:
    """Revision, env set, count, target and rev of each item."""
    items = visor.get(SCALE).json()["items"]
    return [(i["revision"], i["env"], i["count"], i["target"], i["rev"]) for i in items]


def updates(visor: Service, after: int = 0) -> list[dict[str, Any]]:
    return events_after(visor, after or visor.start, type="scale-update")


def records(visor: Service) -> list[str]:
    return [record.key for record in scan(visor.context.store.stale(), keys.SCALES)]


def test_a_target_is_kept_with_its_rev_and_an_event_in_its_commit(visor: Service) -> None:
    visor.runnable()
    first = visor.scale(3)["rev"]
    assert kept(visor) == [("128af9", None, 3, 3, first)]
    [event] = updates(visor)
    shown = event["object"]
    assert {name: shown[name] for name in (*OF, "target", "rev", "created_rev")} == {
        **OF,
        "target": 3,
        "rev": first,
        "created_rev": first,
    }
    assert shown["created_at"] == shown["updated_at"] == event["at"]
    assert (event["rev"], event["app"], event["proctype"], event["revision"]) == (
        first,
        "cat",
        "web",
        "128af9",
    )
    assert event["previous"] is None
    second = visor.scale(5)["rev"]
    assert kept(visor) == [("128af9", None, 5, 5, second)]
    _, event = updates(visor)
    assert (event["rev"], event["previous"], event["object"]["target"]) == (second, shown, 5)
    assert event["object"]["created_rev"] == first
    past = visor.get(SCALE, params={"rev": first}).json()["items"]
    assert [(i["count"], i["target"]) for i in past] == [(3, 3)]


def test_nothing_but_a_scale_moves_the_target_and_the_same_again_starts_what_is_missing(
    visor: Service,
) -> None:
    visor.runnable()
    set_at = visor.scale(3)["rev"]
    done(visor, "lost", 1)
    done(visor, "unregister", 2)
    visor.ticket()
    done(visor, "lost", 4)
    assert kept(visor) == [("128af9", None, 1, 3, set_at)], "two are missing"
    again = visor.scale(3)
    assert (again["previous"], len(again["started"])) == (1, 2)
    assert kept(visor) == [("128af9", None, 3, 3, set_at)], "the target is the one of before"
    assert len(updates(visor)) == 1
    assert visor.scale(3)["rev"] == again["rev"], "and nothing is missing now: no commit"


def test_a_target_of_0_ends_the_record_when_nothing_is_left(visor: Service) -> None:
    visor.runnable()
    visor.scale(2)
    before = updates(visor)[-1]["object"]
    ended = visor.scale(0)["rev"]
    assert (kept(visor), records(visor)) == ([], [])
    event = updates(visor)[-1]
    assert (event["rev"], event["previous"], event["object"]["target"]) == (ended, before, 0)
    assert (event["object"]["rev"], event["object"]["created_rev"]) == (ended, before["created_rev"])
    assert visor.scale(0)["rev"] == ended, "again: nothing to do, no event"
    anew = visor.scale(1)["rev"]
    assert updates(visor)[-1]["object"]["created_rev"] == anew
    assert updates(visor)[-1]["previous"] is None


def test_a_target_that_takes_several_commits_is_set_with_the_first_and_ended_with_the_last(
    visor: Service,
) -> None:
    visor.runnable()
    before = visor.rev
    last = visor.scale(250)["rev"]
    [event] = updates(visor)
    assert (event["object"]["target"], event["rev"]) == (250, kept(visor)[0][4])
    first_rev = min(e["rev"] for e in events_after(visor, before))
    assert event["rev"] == first_rev < last
    before = visor.rev
    last = visor.scale(0)["rev"]
    [event] = updates(visor, before)
    assert (event["object"]["target"], event["rev"] < last) == (0, True)
    half = visor.get(SCALE, params={"rev": event["rev"]}).json()["items"]
    assert [(i["count"], i["target"]) for i in half] == [(150, 0)], "a crash here leaves what was wanted"
    assert (kept(visor), records(visor)) == ([], [])


def test_a_target_of_0_whose_last_instances_ended_otherwise_is_dropped_by_upkeep(visor: Service) -> None:
    """As a crash leaves it between two commits of a scale."""
    visor.runnable()
    visor.scale(150)
    key = keys.scale("cat", "web", "128af9", None)

    def half(snapshot: Any, at: Any) -> Any:
        from app.store.contract import Changes

        return Changes(puts={key: snapshot.get(key).value.replace(b'"target":150', b'"target":0')})

    from app.store.records import Origin

    store = visor.context.store
    visor.inside(store.transact(half, Origin("test", "half")))
    visor.inside(maintenance.drop_ended_targets(store))
    assert records(visor) == [key], "something is left"
    for id in range(1, 151):
        done(visor, "lost", id)
    before = visor.rev
    visor.inside(maintenance.drop_ended_targets(store))
    assert records(visor) == []
    assert updates(visor, before) == [], "the target was 0 already"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (WEB, None),
        ("/apps/cat/envs/prod", None),
        ("/apps/cat/revisions/128af9", None),
        ("/apps/cat", None),
    ],
)
def test_what_is_unregistered_takes_its_targets_along(visor: Service, path: str, body: None) -> None:
    visor.runnable()
    visor.runnable("dog")
    visor.made("/apps/cat/envs", {"ref": "prod", "vars": {}})
    visor.scale(1, "dog")
    visor.put(SCALE, {"revision": "128af9", "env": "prod", "count": 1})
    visor.put(SCALE, {"revision": "128af9", "count": 1})
    for id in (2, 3):
        done(visor, "lost", id)
    before = visor.rev
    assert visor.delete(path).status_code == 200
    gone = updates(visor, before)
    assert {(e["object"]["app"], e["object"]["target"], e["previous"]["target"]) for e in gone} == {
        ("cat", 0, 1)
    }
    assert {e["object"]["env"] for e in gone} == ({"prod"} if "envs" in path else {None, "prod"})
    assert len({event["rev"] for event in events_after(visor, before)}) == 1, "in the same commit"
    left = records(visor)
    assert keys.scale("dog", "web", "128af9", None) in left
    assert len(left) == (2 if "envs" in path else 1)


def test_a_revision_with_more_targets_than_a_commit_removes_says_so(embedded_visor: Service) -> None:
    visor = embedded_visor
    visor.runnable()
    for number in range(101):
        visor.made("/apps/cat/proctypes", {"name": f"p{number}"})
        visor.scale(1, proctype=f"p{number}")
        done(visor, "lost", number + 1)
    refused(visor.delete("/apps/cat/revisions/128af9"), 409, "in-use")
    visor.scale(0, proctype="p7")
    assert visor.delete("/apps/cat/revisions/128af9").status_code == 200
    assert records(visor) == []


def test_a_snapshot_of_a_stream_has_the_targets(visor: Service) -> None:
    visor.runnable()
    visor.scale(2)
    shown = updates(visor)[0]["object"]
    with visor.client.stream("GET", "/events", params={"snapshot": "true", "type": "scale-*"}) as answer:
        lines = []
        for line in answer.iter_lines():
            lines.append(line)
            if line == "event: snapshot-end":
                break
    import json

    [frame] = [json.loads(line.removeprefix("data: ")) for line in lines if '"kind":"scale"' in line]
    assert (frame["kind"], frame["object"], frame["rev"]) == ("scale", shown, shown["rev"])


def test_counts_of_ten_thousand_read_none_of_them(embedded_visor: Service, monkeypatch: Any) -> None:
    """They are told by the index, a page in each turn of the loop; what GET shows is right at any rev."""
    from app.models import codec
    from app.registry import scale_counts

    visor = embedded_visor
    visor.runnable()
    visor.scale(2_500)
    past = visor.rev
    for id in (1, 2, 1001, 2500):
        done(visor, "lost", id)
    read: list[str] = []
    decode = codec.decode

    def noted(version: Any, model: Any) -> Any:
        read.append(version.key)
        return decode(version, model)

    monkeypatch.setattr(scale_counts.codec, "decode", noted)
    [item] = visor.get(SCALE).json()["items"]
    assert (item["count"], item["target"], item["statuses"]["lost"]) == (2_496, 2_500, 4)
    [item] = visor.get(SCALE, params={"rev": past}).json()["items"]
    assert (item["count"], item["statuses"]["lost"]) == (2_500, 0)
    assert set(read) == {keys.scale("cat", "web", "128af9", None)}
