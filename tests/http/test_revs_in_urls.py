"""`?rev=N` on every GET of state: the past as it was, to the byte, or a clear refusal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.every_route import (
    DISCOVERY,
    EMPTY,
    FILL,
    LISTS,
    NOT_STATE,
    READS,
    SINGLE,
    STATE,
    path_of,
    play,
    read_all,
)
from tests.http.expect import invalid, refused
from tests.serving import APP, Service, serving

NO_REVS = ["-1", "-0", "5_0", "+5", " 5", "5 ", "", "1.0", "1e1", "0x1", "٣", "latest", str(2**63), "9" * 400]


def test_every_get_is_sorted_into_state_or_not():
    assert sorted([*STATE, *NOT_STATE]) == sorted(READS)
    assert sorted([*LISTS, *SINGLE, "/rev", "/schema", "/export", DISCOVERY]) == sorted(STATE)


def test_the_example_of_the_contract(visor):
    visor.made("/apps", {**APP, "name": "rocket"})
    visor.put("/apps/rocket/env/cow", {"value": "moo"})
    visor.put("/apps/rocket/env/cat", {"value": "meow"})
    refused(visor.get(f"/apps/rocket/env/cat?rev={visor.nth(1)}"), 404, "not-found", rev=visor.nth(1))
    assert visor.get(f"/apps/rocket/env/cat?rev={visor.nth(3)}").json()["value"] == "meow"
    assert visor.get("/rev").json()["rev"] == visor.nth(3)


@pytest.mark.parametrize("template", STATE)
def test_the_latest_rev_reads_what_no_rev_reads(full, template):
    now = full.get(path_of(template))
    then = full.get(path_of(template), params={"rev": full.rev})
    assert now.content == then.content
    assert now.headers["Visor-Rev"] == then.headers["Visor-Rev"] == str(full.rev)


@pytest.mark.parametrize("template", STATE)
def test_the_past_is_another_state(full, template):
    """At rev 1 there was the app and nothing else."""
    answer = full.get(path_of(template), params={"rev": 1})
    assert answer.headers["Visor-Rev"] == "1"
    if template in ("/apps/{app}", "/apps/{app}/env", "/apps/{app}/env/{key}", "/apps/{app}/secrets"):
        assert answer.json()["rev"] == 1
    elif template in SINGLE or "{proctype}" in template or "{service}" in template:
        refused(answer, 404, "not-found", rev=1)
    elif template in LISTS:
        ours = [APP["name"]] if template == "/apps" else []
        assert [one["name"] for one in answer.json()["items"]] == ours
        assert answer.json()["rev"] == 1


@pytest.mark.parametrize("template", STATE)
def test_rev_0_is_the_empty_registry_while_it_is_kept(full, template):
    """A search over revs begins with what there is before the first commit."""
    assert full.get("/rev").json()["oldest_rev"] == 0
    answer = full.get(path_of(template), params={"rev": 0})
    if template in ("/rev", "/schema"):
        assert answer.status_code == 200
    elif template == DISCOVERY:
        assert answer.json() == []
    elif template == "/export":
        head, end = answer.text.splitlines()
        assert '"rev":0,' in head
        assert '"objects":0,' in end
    elif template in LISTS and "{app}" not in template and "{service}" not in template:
        assert answer.json() == {"rev": 0, "items": [], "next": None}
    else:
        refused(answer, 404, "not-found", rev=0)
        return
    assert answer.headers["Visor-Rev"] == "0"


def test_rev_0_has_no_time_and_cursors_have_it(visor):
    """On every store; etcd, which others use too, may have compacted it."""
    visor.made("/apps", APP)
    oldest = visor.get("/rev").json()["oldest_rev"]
    answer = visor.get("/rev?rev=0")
    if oldest:
        refused(answer, 410, "rev-compacted", oldest_rev=oldest)
        return
    assert answer.json() == {"rev": 0, "oldest_rev": 0, "at": None}
    assert visor.get("/apps?rev=0").json() == {"rev": 0, "items": [], "next": None}
    refused(visor.get("/apps/cat?rev=0"), 404, "not-found", rev=0)


@pytest.mark.parametrize("template", STATE)
def test_what_is_no_rev_is_refused(full, template):
    for rev in NO_REVS:
        invalid(full.get(path_of(template), params={"rev": rev}), "query", "rev")


@pytest.mark.parametrize("template", STATE)
def test_the_future_is_refused_with_the_rev_there_is(full, template):
    for rev in (full.rev + 1, 2**63 - 1):
        refused(full.get(path_of(template), params={"rev": rev}), 400, "rev-in-future", current_rev=full.rev)


@pytest.fixture(scope="module")
def short() -> Iterator[Service]:
    """A service that keeps three revs before the latest."""
    with serving(history=3) as service:
        play(service, FILL)
        yield service


@pytest.mark.parametrize("template", STATE)
def test_compacted_revs_are_gone_with_the_oldest_there_is(short, template):
    oldest = short.rev - 3
    assert short.get(path_of(template), params={"rev": oldest}).headers["Visor-Rev"] == str(oldest)
    for rev in (oldest - 1, 1, 0):
        refused(short.get(path_of(template), params={"rev": rev}), 410, "rev-compacted", oldest_rev=oldest)


def test_the_oldest_rev_is_said(short):
    assert short.get("/rev").json()["oldest_rev"] == short.rev - 3


@pytest.mark.parametrize("memory_revs", [1000, 2], ids=["from-memory", "from-disk"])
def test_snapshots_never_change(tmp_path: Path, memory_revs: int):
    """Every GET of state at every rev has the same bytes: when it is the latest, when all is over, and
    after a restart; read from memory and read from disk."""
    settings = {"store": f"sqlite:///{tmp_path}/visor.db", "memory_revs": memory_revs}
    fresh: dict[int, dict[str, tuple[int, bytes]]] = {}
    with serving(**settings) as visor:
        for step in [*FILL, *EMPTY]:
            play(visor, [step])
            fresh[visor.rev] = read_all(visor, STATE, visor.rev)
        last = visor.rev
        assert sorted(fresh) == list(range(1, last + 1))
        # All of them are compared after the restart.
        for rev in range(1, last + 1, 5):
            assert read_all(visor, STATE, rev) == fresh[rev]
    with serving(**settings) as visor:
        assert visor.rev == last
        assert {rev: read_all(visor, STATE, rev) for rev in fresh} == fresh
        visor.made("/apps", APP)
        assert read_all(visor, STATE, last // 2) == fresh[last // 2]


def test_a_name_that_is_used_again_does_not_change_the_past(visor):
    first = visor.made("/apps", {**APP, "env": {"life": "1"}})
    visor.delete("/apps/cat")
    second = visor.made("/apps", {**APP, "env": {"life": "2"}})
    assert visor.get(f"/apps/cat?rev={visor.nth(1)}").json() == first
    refused(visor.get(f"/apps/cat?rev={visor.nth(2)}"), 404, "not-found", rev=visor.nth(2))
    assert visor.get(f"/apps/cat?rev={visor.nth(3)}").json() == second
    assert second["created_rev"] == visor.nth(3)


def test_a_stale_read_is_of_what_the_replica_holds(full):
    answer = full.get("/apps/cat?consistency=stale")
    assert answer.content == full.get("/apps/cat").content
    invalid(full.get("/apps/cat?consistency=eventual"), "query", "consistency")
