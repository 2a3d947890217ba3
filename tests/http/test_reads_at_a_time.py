"""`?at=`: each read at a time is the read at the rev that was the latest then."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.http.every_route import FILL, NOT_STATE, READS, STATE, path_of, play
from tests.http.expect import invalid, refused
from tests.serving import APP, serving


@pytest.fixture(scope="module")
def past():
    with serving() as visor:
        revs = [int(answer.headers["Visor-Rev"]) for answer in play(visor, FILL)]
        times = {rev: visor.get(f"/rev?rev={rev}").json()["at"] for rev in revs}
        yield visor, times


def after(text, **more):
    return (datetime.fromisoformat(text) + timedelta(**more)).isoformat()


BY_REV = sorted(
    {*STATE, "/events/list", "/apps/{app}/events/list"} - {"/commits", "/commits/{rev}", "/timeline"}
)


@pytest.mark.parametrize("template", BY_REV)
def test_every_read_that_takes_a_rev_takes_a_time(past, template):
    visor, times = past
    path = path_of(template)
    for rev in (1, 9, 17, len(times)):
        for at in (times[rev], after(times[rev], microseconds=1 if rev < len(times) else 0)):
            by_time, by_rev = visor.get(path, params={"at": at}), visor.get(path, params={"rev": rev})
            assert by_time.status_code == by_rev.status_code
            if template == "/rev":
                assert by_time.json().items() >= by_rev.json().items()
            else:
                assert by_time.content == by_rev.content
            assert by_time.headers["Visor-Rev"] == by_rev.headers["Visor-Rev"]
    invalid(visor.get(path, params={"at": times[1], "rev": 1}), "query", "at")
    invalid(visor.get(path, params={"at": "2026-11-30"}), "query", "at")
    refused(visor.get(path, params={"at": "2999-01-01T00:00:00Z"}), 400, "time-in-future")


def test_no_read_that_takes_a_rev_was_left_out(past):
    visor, _ = past
    paths = visor.get("/openapi.json").json()
    for template in READS:
        named = [
            (one if "$ref" not in one else _resolved(paths, one))["name"]
            for one in paths["paths"][template]["get"].get("parameters", ())
        ]
        assert ("at" in named) == ("rev" in named) or template == "/commits/{rev}", template
    assert {*NOT_STATE} & {*BY_REV} == {"/events/list", "/apps/{app}/events/list"}


def _resolved(document, reference):
    return document["components"]["parameters"][reference["$ref"].rpartition("/")[2]]


def test_the_map_from_time_to_rev_tells_the_next_commit_too(past):
    visor, times = past
    # Other tests of this file may have written meanwhile.
    newest = visor.get("/rev").json()
    times = times | {newest["rev"]: newest["at"]}
    for rev in (1, 5, newest["rev"]):
        said = visor.get("/rev", params={"at": times[rev]}).json()
        later = rev + 1 if rev < newest["rev"] else None
        assert said == {
            "rev": rev,
            "oldest_rev": 0,
            "at": times[rev],
            "next_rev": later,
            "next_at": times.get(later),
        }
        assert "next_rev" not in visor.get(f"/rev?rev={rev}").json()
    before = refused(visor.get("/rev", params={"at": after(times[1], microseconds=-1)}), 410, "rev-compacted")
    assert (before["oldest_rev"], before["oldest_at"]) == (0, times[1])
    assert refused(visor.get("/rev?at=-99999d"), 410, "rev-compacted")["oldest_at"] == times[1]
    assert refused(visor.get("/rev?at=0001-01-01T00:00:00%2B23:00"), 410, "rev-compacted")
    assert refused(visor.get("/rev?at=9999-12-31T23:59:59-23:00"), 400, "time-in-future")["now"]


def test_a_list_goes_on_in_the_snapshot_that_the_time_meant(past):
    visor, _ = past
    first = visor.get("/instances?limit=1&at=-0s").json()
    assert first["items"] == visor.get("/instances?limit=1").json()["items"]
    for name in ("x", "y"):
        visor.made("/apps", {**APP, "name": name})
    page = visor.get("/apps?limit=1&at=-0s").json()
    visor.delete("/apps/x")
    following = visor.get(f"/apps?limit=1&at=-0s&cursor={page['next']}").json()
    assert (following["items"][0]["name"], following["rev"]) == ("x", page["rev"])
    visor.delete("/apps/y")


def test_the_present_is_settled_by_who_asks_for_it(embedded_visor):
    """What is committed after an answer for a time is not at that time."""
    visor = embedded_visor
    for name in ("a", "b", "c"):
        visor.made("/apps", {**APP, "name": name})
        now = datetime.now(UTC).isoformat()
        there = visor.get("/rev", params={"at": now}).json()["rev"]
        visor.made("/apps", {**APP, "name": name + "2"})
        assert visor.get("/rev", params={"at": now}).json()["rev"] == there
        assert visor.get("/rev", params={"at": now}).json()["next_rev"] == there + 1


def test_another_replica_may_still_commit_in_the_last_seconds(visor):
    if visor.coordinator != "etcd":
        return
    visor.made("/apps", APP)
    said = refused(visor.get("/apps", params={"at": datetime.now(UTC).isoformat()}), 400, "time-unsettled")
    settled = datetime.fromisoformat(said["settled_at"])
    assert 5 < (datetime.now(UTC) - settled).total_seconds() < 60
    refused(visor.get("/apps?at=-0s"), 410, "rev-compacted")
    made = visor.get("/rev").json()
    while (answer := visor.get("/rev", params={"at": made["at"]})).status_code != 200:
        refused(answer, 400, "time-unsettled")
        time.sleep(0.2)
    assert answer.json()["rev"] == made["rev"]


def test_a_time_before_what_is_kept_is_410_with_the_time_from_which_it_is_kept(visor):
    visor.made("/apps", APP)
    first = visor.get("/rev").json()
    for number in range(3):
        visor.put("/apps/cat/env/n", {"value": f"{number}"})
    kept = visor.get(f"/rev?rev={visor.nth(2)}").json() if visor.coordinator != "etcd" else None
    if kept is None:
        return
    visor.inside(visor.context.store.compact(kept["rev"]))
    said = refused(visor.get("/apps", params={"at": first["at"]}), 410, "rev-compacted")
    assert (said["oldest_rev"], said["oldest_at"]) == (kept["rev"], kept["at"])
    assert visor.get("/apps", params={"at": kept["at"]}).json()["rev"] == kept["rev"]
