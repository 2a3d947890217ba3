"""Lists of instances: any filters together, at any rev, page by page, against a filter of everything."""

import random
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.http.life.life_table import WAYS
from tests.http.life.saying import done, everything, ids, say
from tests.serving import Service

APPS, PROCTYPES, REFS, ENVS = ("cat", "cat-2", "dog"), ("web", "worker"), ("r1", "r2"), ("e1",)
HOSTS = ("10.0.0.7", "10.0.0.8")
STATUSES = ("pending", "claimed", "running", "stopping", "exited", "failed", "lost", "active")
ACTIVE = {"pending", "claimed", "running", "stopping"}


def populate(visor: Service) -> None:
    for app in APPS:
        visor.made("/apps", {"name": app, "repo_url": "https://git.example.com/x.git", "stack": "s"})
        for ref in REFS:
            archive = "https://archive.example.com/x"
            visor.made(f"/apps/{app}/revisions", {"ref": ref, "archive_url": archive})
        visor.made(f"/apps/{app}/envs", {"ref": "e1", "vars": {}})
        for proctype in PROCTYPES:
            visor.made(f"/apps/{app}/proctypes", {"name": proctype})
    states = list(WAYS)
    chosen = random.Random(7)
    for app, proctype, ref, env in product(APPS, PROCTYPES, REFS, (None, *ENVS)):
        id = visor.ticket(app, proctype, ref, env)
        host = chosen.choice(HOSTS)
        for call in WAYS[chosen.choice(states)]:
            done(visor, call, id, **({"host": host} if call in ("claim", "start", "exit", "fail") else {}))


def expected(items: list[Any], filters: dict[str, list[str]]) -> list[int]:
    """The naive way."""

    def fits(item: Any, name: str, wanted: list[str]) -> bool:
        if name == "status":
            return item["status"] in wanted or ("active" in wanted and item["status"] in ACTIVE)
        return item[name] in wanted

    return [i["id"] for i in items if all(fits(i, name, wanted) for name, wanted in filters.items())]


def filters_of(**names: tuple[str, ...]) -> st.SearchStrategy[dict[str, list[str]]]:
    return st.fixed_dictionaries(
        {},
        optional={
            name: st.lists(st.sampled_from([*values, "nothere"]), min_size=1, max_size=3)
            if name != "status"
            else st.lists(st.sampled_from(values), min_size=1, max_size=3)
            for name, values in names.items()
        },
    )


FILTERS = filters_of(app=APPS, proctype=PROCTYPES, revision=REFS, env=ENVS, host=HOSTS, status=STATUSES)


def test_lists_with_any_filters_are_what_a_filter_of_everything_gives_at_any_rev(visor: Service) -> None:
    populate(visor)
    latest = visor.rev
    first = visor.nth(16)
    at: dict[int, list[Any]] = {}

    @settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
        database=None,
    )
    @given(
        filters=FILTERS,
        rev=st.one_of(st.none(), st.integers(first, latest)),
        limit=st.integers(1, 40),
        within=st.sampled_from(["", "app", "proctype"]),
    )
    def check(filters: dict[str, list[str]], rev: int | None, limit: int, within: str) -> None:
        pinned = rev or latest
        if pinned not in at:
            at[pinned] = everything(visor, "/instances", rev=pinned, limit=1000)
        path, fixed = "/instances", {}
        if within:
            filters = {name: wanted for name, wanted in filters.items() if name != "app"}
            path, fixed = "/apps/cat/instances", {"app": ["cat"]}
        if within == "proctype":
            filters = {name: wanted for name, wanted in filters.items() if name != "proctype"}
            path, fixed = "/apps/cat/proctypes/web/instances", {"app": ["cat"], "proctype": ["web"]}
        asked: dict[str, Any] = {**filters, "limit": limit}
        if rev is not None:
            asked["rev"] = rev
        found = everything(visor, path, **asked)
        assert ids(found) == expected(at[pinned], {**filters, **fixed})
        assert [item for item in at[pinned] if item["id"] in ids(found)] == found

    check()


def test_pages_of_a_filtered_list_are_pages_of_one_snapshot(visor: Service) -> None:
    visor.runnable()
    made = visor.scale(9)["started"]
    first = visor.get("/instances", params={"status": "pending", "limit": 2}).json()
    for id in made[::2]:
        done(visor, "claim", id)
    visor.ticket()
    rest = everything(visor, "/instances", status="pending", limit=2, cursor=first["next"])
    assert ids(first["items"] + rest) == made
    # A cursor is one of the list with these filters, and of no other.
    other = visor.get("/instances", params={"status": "claimed", "limit": 2, "cursor": first["next"]})
    assert (other.status_code, other.json()["code"]) == (400, "invalid-cursor")


def test_lists_below_what_is_not_registered_are_not_found(visor: Service) -> None:
    visor.runnable()
    for path in (
        "/apps/dog/instances",
        "/apps/dog/proctypes/web/instances",
        "/apps/cat/proctypes/x/instances",
    ):
        assert visor.get(path).status_code == 404, path
    then = visor.rev
    visor.delete("/apps/cat/proctypes/web")
    path = "/apps/cat/proctypes/web/instances"
    assert visor.get(path).status_code == 404
    assert visor.get(f"{path}?rev={then}").json()["items"] == []


@pytest.mark.parametrize(
    "query", ["status=done", "status=", "host=a%20b", "app=-x", "proctype=a-b", "colour=red"]
)
def test_a_filter_that_is_none_is_refused(visor: Service, query: str) -> None:
    answer = visor.get(f"/instances?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


def test_a_filter_for_a_host_finds_what_it_had_to_the_end(visor: Service) -> None:
    visor.runnable()
    id = visor.ticket()
    for call in ("claim", "start", "stop", "exit"):
        done(visor, call, id)
        assert ids(visor.get("/instances?host=10.0.0.7").json()["items"]) == [id]
    other = visor.ticket()
    done(visor, "claim", other)
    done(visor, "unclaim", other)
    assert ids(visor.get("/instances?host=10.0.0.7").json()["items"]) == [id]
    assert say(visor, "unregister", id).status_code == 200
    assert visor.get("/instances?host=10.0.0.7").json()["items"] == []
