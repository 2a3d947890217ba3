"""GET /commits and /commits/{rev}: who changed what, when and why; and how much happened when."""

import pytest

from tests.conftest import STORES, store_of
from tests.http.every_route import EMPTY, FILL, play
from tests.http.expect import invalid, refused
from tests.http.other_hands import write
from tests.serving import APP, Service, serving

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SESSION = [*FILL, *EMPTY]


def said_of(step):
    """What the step says of itself."""
    return {"Visor-Actor": f"actor-{step % 3}", "Visor-Reason": f"step {step}", "traceparent": TRACE}


@pytest.fixture(scope="module", params=STORES)
def told(request, tmp_path_factory):
    """A registry that was filled and emptied; nearly all of its history is in the archive. Its start, and the
    revs of the session's steps."""
    store = store_of(request.param, tmp_path_factory.mktemp("told"), request)
    with serving(store=store, **({} if request.param == "memory" else {"memory_revs": 3})) as visor:
        answers = play(visor, SESSION, said_of)
        yield visor, [int(answer.headers["Visor-Rev"]) for answer in answers]


def pages(visor: Service, query: str, limit: int = 4):
    """All items of a list, page by page; the pages are those of one snapshot."""
    found, url, revs = [], f"/commits?{query}&limit={limit}", set()
    page = visor.get(url).json()
    while True:
        found += page["items"]
        revs.add(page["rev"])
        if page["next"] is None:
            assert len(revs) == 1
            return found
        answer = visor.get(f"{url}&cursor={page['next']}")
        assert answer.status_code == 200, answer.text
        page = answer.json()


def test_every_write_is_a_commit_with_its_actor_request_reason_and_trace(told):
    visor, revs = told
    commits = pages(visor, "order=asc")
    assert [one["rev"] for one in commits if one["rev"] > visor.start] == sorted({*revs})
    for one in commits:
        step = revs.index(one["rev"])
        assert (one["actor"], one["reason"], one["trace"]) == (f"actor-{step % 3}", f"step {step}", TRACE)
        method, template, _ = SESSION[step]
        assert one["request"].startswith(f"{method} /{template.split('/')[1]}")
        assert one["at"] == visor.get(f"/rev?rev={one['rev']}").json()["at"]
        assert one["total"] == len(one["changes"]) > 0
    assert pages(visor, "order=desc") == commits[::-1] == pages(visor, "", limit=1000)


def test_the_bounds_are_after_from_and_up_to_to(told):
    visor, revs = told
    revs = sorted({*revs})
    for order in ("asc", "desc"):
        query = f"from={revs[4]}&to={revs[11]}&order={order}"
        assert sorted(one["rev"] for one in pages(visor, query, 3)) == revs[5:12]
        assert pages(visor, f"from={revs[4]}&to={revs[4]}&order={order}") == []
        assert pages(visor, f"from={revs[4]}&to={revs[3]}&order={order}") == []
    refused(visor.get(f"/commits?to={revs[-1] + 10**9}"), 400, "rev-in-future")
    times = {rev: visor.get(f"/rev?rev={rev}").json()["at"] for rev in (revs[4], revs[11])}
    if visor.coordinator != "etcd":  # where the last seconds are not settled
        found = visor.get("/commits", params={"from_at": times[revs[4]], "to_at": times[revs[11]]}).json()
        assert [one["rev"] for one in found["items"]] == revs[11:4:-1]
        assert visor.get("/commits?from_at=-1h").json()["items"]


def test_a_path_takes_in_what_is_below_it_and_an_apps_instances(told):
    visor, _ = told

    def paths(query):
        return {change["path"] for one in pages(visor, query) for change in one["changes"]}

    assert paths("path=/apps/cat/env") == paths("path=/apps/cat/env/cow") == {"/apps/cat"}
    assert paths("path=/apps/ca") == paths("path=/apps/cat-2") == paths("path=/apps/cat/env/none") == set()
    assert paths("path=/instances/1") == {"/instances/1"}
    assert paths("path=/services") == {
        "/services/memcached",
        "/services/memcached/endpoints/10-0-0-7-11211",
    }
    declared = {
        "/apps/cat",
        "/apps/cat/envs/128af9",
        "/apps/cat/revisions/128af9",
        "/apps/cat/proctypes/web",
    }
    running = {"/instances/1", "/instances/2", "/apps/cat/proctypes/web/scale/128af9"}
    assert paths("path=/apps/cat&include=declared") == declared
    assert paths("path=/apps/cat&include=instances") == running
    assert paths("path=/apps/cat&include=all") == paths("path=/apps/cat") == declared | running
    cows = [one["request"] for one in pages(visor, "path=/apps/cat/env/cow&order=asc")]
    assert cows == ["POST /apps", "PUT /apps/cat/env/cow", "DELETE /apps/cat/env/cow"]


def test_filters_by_actor_and_type_and_what_is_none(told):
    visor, _ = told
    everything = pages(visor, "")
    for actors in (["actor-1"], ["actor-0", "actor-2"]):
        wanted = [one for one in everything if one["actor"] in actors]
        assert pages(visor, "&".join(f"actor={actor}" for actor in actors)) == wanted
    claims = pages(visor, "type=instance-claim&type=app-*")
    assert {change["action"] for one in claims for change in one["changes"]} >= {"claim", "create", "delete"}
    assert all(one in everything for one in claims)
    for query, name in (
        ("path=apps", "path"),
        ("path=/", None),
        ("path=/rev", "path"),
        ("include=some", "include"),
        ("type=cow", "type"),
        ("order=up", "order"),
        ("from=-1", "from"),
        ("from=1&from_at=-1m", "from_at"),
        ("to_at=2026-11-30", "to_at"),
        ("limit=0", "limit"),
    ):
        answer = visor.get(f"/commits?{query}")
        assert answer.status_code == 200 if name is None else invalid(answer, "query", name)


def test_a_commit_shows_each_object_before_and_after(told):
    visor, revs = told
    for rev in sorted({*revs}):
        commit = visor.get(f"/commits/{rev}").json()
        assert commit["rev"] == rev
        assert commit["total"] == len(commit["changes"])
        for change in commit["changes"]:
            assert change["before"] != change["after"]
            path = change["path"]
            if "/scale/" in path:
                continue
            for at, side in ((rev - 1, change["before"]), (rev, change["after"])):
                answer = visor.get(f"{path}?rev={at}")
                assert (answer.json() if answer.status_code == 200 else None) == side, (path, at)


def test_what_is_no_commit_is_404_with_those_beside_it(told):
    visor, revs = told
    if visor.coordinator != "etcd":
        said = refused(visor.get("/commits/0"), 404, "not-found")
        assert (said["previous"], said["next"]) == (None, 1)
    refused(visor.get(f"/commits/{max(revs) + 10**9}"), 400, "rev-in-future")
    assert visor.get("/commits/x").status_code == 422


def test_a_cursor_is_of_its_list(told):
    visor, _ = told
    following = visor.get("/commits?limit=1&actor=actor-1").json()["next"]
    for url in (
        "/commits?limit=1",
        "/commits?limit=1&actor=actor-2",
        "/apps?limit=1",
        f"/commits/{visor.rev}?",
    ):
        refused(visor.get(f"{url}&cursor={following}"), 400, "invalid-cursor")
    refused(visor.get(f"/commits?limit=1&actor=actor-1&cursor={following[:-1]}"), 400, "invalid-cursor")


def test_pages_end_where_the_first_did(visor):
    for name in ("a", "b", "c", "d"):
        visor.made("/apps", {**APP, "name": name})
    first = visor.get("/commits?limit=2").json()
    visor.made("/apps", {**APP, "name": "e"})
    second = visor.get(f"/commits?limit=5&cursor={first['next']}").json()
    shown = [change["path"] for one in first["items"] + second["items"] for change in one["changes"]]
    assert shown == ["/apps/d", "/apps/c", "/apps/b", "/apps/a"]
    assert second["rev"] == first["rev"]


def test_what_is_compacted_is_410(embedded_visor):
    visor = embedded_visor  # to compact an etcd is to compact it for all
    for name in ("a", "b", "c", "d"):
        visor.made("/apps", {**APP, "name": name})
    revs = [one["rev"] for one in visor.get("/commits?order=asc").json()["items"]]
    following = visor.get(f"/commits?limit=1&from={revs[0]}&order=asc").json()["next"]
    visor.inside(visor.context.store.compact(revs[2]))
    oldest = visor.get("/rev").json()["oldest_rev"]
    assert [one["rev"] for one in visor.get("/commits").json()["items"]] == [revs[3]]
    refused(visor.get(f"/commits?from={revs[0]}"), 410, "rev-compacted", oldest_rev=oldest)
    refused(visor.get(f"/commits?limit=1&from={revs[0]}&order=asc&cursor={following}"), 410, "rev-compacted")
    refused(visor.get(f"/commits/{revs[1]}"), 410, "rev-compacted", oldest_rev=oldest)


def test_an_object_of_another_hand_is_shown_as_unreadable(visor):
    write(visor, {"app/zzz": b"{not json"})
    [one] = visor.get("/commits?path=/apps/zzz&include=all").json()["items"]
    [change] = visor.get(f"/commits/{one['rev']}").json()["changes"]
    assert (change["action"], change["before"], change["after"]) == ("create", None, {"unreadable": True})


def test_large_commits_are_shown_in_part_and_on_request_whole():
    with serving(max_answer=2 * 1024 * 1024) as visor:
        visor.runnable()
        visor.scale(70)
        [listed] = visor.get("/commits?limit=1").json()["items"]
        assert (len(listed["changes"]), listed["total"]) == (20, 71)
        visor.made("/apps", {**APP, "name": "dog"})
        for ref in ("a", "b", "c"):
            large = {f"v{number}": "x" * 60_000 for number in range(14)}
            visor.made("/apps/dog/envs", {"ref": ref, "vars": large})
        visor.delete("/apps/dog")
        rev, found, following, sizes = visor.rev, [], "", []
        while following is not None:
            answer = visor.get(f"/commits/{rev}" + (f"?cursor={following}" if following else ""))
            found += answer.json()["changes"]
            sizes.append(len(answer.content))
            following = answer.json()["next"]
        assert {change["path"] for change in found} == {"/apps/dog", *(f"/apps/dog/envs/{r}" for r in "abc")}
        assert len(found) == answer.json()["total"] == 4
        assert len(sizes) > 1
        assert max(sizes) <= 2 * 1024 * 1024


def test_the_service_is_told_apart_from_who_asks_it():
    with serving(final_kept=1) as visor:
        visor.runnable()
        id = visor.ticket()
        visor.made(f"/instances/{id}/claim", {"host": "10.0.0.7"})
        visor.made(f"/instances/{id}/lost", {"client": "tests", "reason": "gone"})
        while visor.get(f"/instances/{id}").status_code == 200:
            pass
        everything = visor.get("/commits?include=all").json()["items"]
        assert (everything[0]["actor"], everything[0]["request"]) == ("visor", "upkeep")
        assert visor.get("/commits").json()["items"] == everything[1:]
        assert visor.get("/timeline?buckets=1").json()["items"][0]["total"] == len(everything) - 1


def test_the_timeline_counts_every_commit_once_by_what_was_asked(told):
    visor, _ = told
    commits = pages(visor, "", limit=1000)
    if visor.coordinator == "etcd":
        assert visor.get("/timeline?buckets=1").status_code == 200
        return
    whole = visor.get("/timeline?buckets=1").json()["items"]
    assert whole[0]["total"] == len(commits)
    assert whole[0]["counts"]["instance"] == sum("/instances" in one["request"] for one in commits)
    at = commits[10]["at"]
    parted = visor.get("/timeline", params={"from_at": at, "buckets": 7}).json()["items"]
    assert sum(one["total"] for one in parted) == 10
    assert all(sum(one["counts"].values()) == one["total"] for one in parted)
    assert [one["from_at"] for one in parted[1:]] == [one["to_at"] for one in parted[:-1]]
    refused(visor.get("/timeline?to_at=2999-01-01T00:00:00Z"), 400, "time-in-future")
    for query, name in (("buckets=0", "buckets"), ("buckets=1001", "buckets"), ("from_at=1", "from_at")):
        invalid(visor.get(f"/timeline?{query}"), "query", name)
