"""GET /diff: what differs between two revs, over a short span and a long one, forwards and backwards."""

import random
from typing import Any

import httpx2
import pytest

from app.http import comparing
from tests.http.expect import invalid, refused
from tests.http.other_hands import KEYS, write
from tests.serving import APP, ARCHIVE, Service, serving

COUNTED = ("rev", "created_rev", "created_at", "updated_at")


def diff(visor: Service, **asked: Any) -> dict[str, Any]:
    if "from_" in asked:
        asked["from"] = asked.pop("from_")
    answer = visor.get("/diff", params=asked)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def _all(visor: Service, **asked: Any) -> list[dict[str, Any]]:
    items, cursor = [], {}
    while True:
        page = diff(visor, **asked, **cursor)
        items += page["items"]
        if page["next"] is None:
            return items
        cursor = {"cursor": page["next"]}


def test_the_fields_of_what_changed_and_the_commit_that_did_it(visor):
    made = visor.made("/apps", APP)
    visor.put("/apps/cat/env/cow", {"value": "moo"})
    before = visor.rev
    visor.put("/apps/cat/env/cow", {"value": "MOO"}, headers={"Visor-Actor": "anna"})
    after = visor.rev
    said = diff(visor, from_=before, to=after)
    assert (said["rev"], said["from"], said["to"], said["next"]) == (after, before, after, None)
    [item] = said["items"]
    assert (item["path"], item["kind"], item["action"]) == ("/apps/cat", "app", "update")
    assert (item["rev_before"], item["rev_after"]) == (before, after)
    assert item["fields"] == [{"path": "/env/cow", "before": "moo", "after": "MOO"}]
    assert item["before"] == visor.get(f"/apps/cat?rev={before}").json()
    assert item["after"] == visor.get("/apps/cat").json()
    assert (item["by"]["rev"], item["by"]["actor"]) == (after, "anna")
    assert item["by"]["at"] == visor.get(f"/rev?rev={after}").json()["at"]
    assert made["rev"] < before


def test_what_was_made_and_what_is_gone(visor):
    start = visor.rev
    visor.runnable()
    [app, proctype, revision] = diff(visor, from_=start)["items"]
    assert [one["path"] for one in (app, proctype, revision)] == [
        "/apps/cat",
        "/apps/cat/proctypes/web",
        "/apps/cat/revisions/128af9",
    ]
    assert {one["action"] for one in (app, proctype, revision)} == {"create"}
    assert all(one["before"] is None and one["rev_before"] is None for one in (app, proctype, revision))
    there = visor.rev
    visor.delete("/apps/cat")
    gone = diff(visor, from_=there)["items"]
    assert [one["action"] for one in gone] == ["delete"] * 3
    assert gone[0]["before"] == app["after"]
    assert gone[0]["by"]["rev"] == visor.rev
    assert diff(visor, from_=start)["items"] == []


def test_what_is_gone_and_made_again_is_replaced_or_the_same(visor):
    visor.made("/apps", APP)
    visor.made("/apps/cat/envs", {"ref": "prod", "vars": {"a": "1"}})
    there = visor.rev
    visor.delete("/apps/cat/envs/prod")
    visor.made("/apps/cat/envs", {"ref": "prod", "vars": {"a": "1"}})
    assert diff(visor, from_=there)["items"] == []
    visor.delete("/apps/cat/envs/prod")
    visor.made("/apps/cat/envs", {"ref": "prod", "vars": {"a": "2"}})
    [item] = diff(visor, from_=there)["items"]
    assert (item["action"], item["fields"]) == (
        "replace",
        [{"path": "/vars/a", "before": "1", "after": "2"}],
    )


def test_a_path_and_what_is_below_it(visor):
    for name in ("cat", "cat-2"):
        visor.runnable(name)
        visor.put(f"/apps/{name}/env/cow", {"value": "moo"})
    visor.made("/services", {"name": "cat"})
    start = visor.start

    def paths(path: str) -> list[str]:
        return [one["path"] for one in diff(visor, from_=start, path=path)["items"]]

    assert paths("/apps/cat") == ["/apps/cat", "/apps/cat/proctypes/web", "/apps/cat/revisions/128af9"]
    assert paths("/apps/cat/revisions/128af9") == ["/apps/cat/revisions/128af9"]
    assert paths("/services") == ["/services/cat"]
    assert paths("/apps/cat/env") == ["/apps/cat"]
    assert paths("/apps/cat/env/dog") == []
    visor.patch("/apps/cat", {"stack": "buster"})
    visor.put("/apps/cat/env/cow", {"value": "MOO"})
    [item] = diff(visor, from_=visor.rev - 2 * _step(visor), path="/apps/cat/env")["items"]
    assert [field["path"] for field in item["fields"]] == ["/env/cow"]
    for wrong in ("apps/cat", "/apps/cat/", "/nothing", "//", "/apps/../apps"):
        invalid(visor.get("/diff", params={"from": start, "path": wrong}), "query", "path")


def _step(visor: Service) -> int:
    """What a commit adds to the rev, at least."""
    before = visor.rev
    visor.put("/members/pms/10.0.0.9", {"version": str(before)})
    return visor.rev - before


def test_instances_and_the_targets_of_scales_where_they_are_asked_for(visor):
    visor.runnable()
    before = visor.rev
    visor.scale(2)
    assert diff(visor, from_=before)["items"] == []
    kinds = [one["kind"] for one in diff(visor, from_=before, include="instances")["items"]]
    assert kinds == ["instance", "instance", "scale"]
    visor.scale(0)
    assert diff(visor, from_=before, include="instances")["items"] == []
    assert diff(visor, from_=before, include="all")["items"] == []


def test_backwards_it_is_the_reverse_and_of_one_rev_it_is_empty(visor):
    visor.runnable()
    first = visor.rev
    visor.put("/apps/cat/env/cow", {"value": "moo"})
    visor.made("/apps/cat/envs", {"ref": "prod", "vars": {}})
    visor.delete("/apps/cat/proctypes/web")
    last = visor.rev
    there, back = diff(visor, from_=first, to=last), diff(visor, from_=last, to=first)
    turned = {"create": "delete", "delete": "create"}
    assert len(there["items"]) == 3
    for one, other in zip(there["items"], back["items"], strict=True):
        assert other["action"] == turned.get(one["action"], one["action"])
        assert (other["before"], other["after"]) == (one["after"], one["before"])
        assert (other["rev_before"], other["rev_after"]) == (one["rev_after"], one["rev_before"])
        assert [field["path"] for field in one["fields"]] == [field["path"] for field in other["fields"]]
    assert back["rev"] == last
    for rev in (first, last):
        assert diff(visor, from_=rev, to=rev)["items"] == []


def test_pages_are_pinned_to_both_revs(visor):
    for number in range(25):
        visor.made("/apps", {**APP, "name": f"app{number:02}"})
    first = diff(visor, from_=visor.start, limit=10)
    pinned = first["to"]
    visor.delete("/apps/app24")
    visor.made("/apps", {**APP, "name": "app99"})
    page, items = first, list(first["items"])
    while page["next"]:
        page = diff(visor, from_=visor.start, limit=10, cursor=page["next"])
        assert page["to"] == pinned
        items += page["items"]
    assert [one["path"] for one in items] == [f"/apps/app{number:02}" for number in range(25)]
    refused(
        visor.get("/diff", params={"from": visor.start + 1, "cursor": first["next"]}), 400, "invalid-cursor"
    )
    refused(visor.get(f"/apps?cursor={first['next']}"), 400, "invalid-cursor")


def test_a_page_ends_early_where_it_would_be_too_long():
    with serving(max_answer=2_097_152) as visor:
        visor.made("/apps", APP)
        large = {str(number): "x" * 60_000 for number in range(10)}
        for number in range(6):
            visor.made("/apps/cat/envs", {"ref": f"r{number}", "vars": large})
        answer = visor.get("/diff?from=0")
        assert len(answer.content) <= 2_097_152
        assert answer.json()["next"]
        assert len(_all(visor, from_=0)) == 7


def test_the_summary_counts_by_kind_and_action(visor):
    visor.runnable()
    visor.runnable("dog")
    before = visor.rev
    visor.patch("/apps/cat", {"stack": "buster"})
    visor.delete("/apps/dog")
    said = diff(visor, from_=before, summary=True)
    assert said["items"] == []
    assert said["counts"] == {
        "app": {"delete": 1, "update": 1},
        "proctype": {"delete": 1},
        "revision": {"delete": 1},
    }


def test_a_line_for_people(visor):
    visor.made("/apps", APP)
    visor.put("/apps/cat/env/cow", {"value": "moo"})
    before = visor.rev
    visor.put("/apps/cat/env/cow", {"value": "M\u001b[2JO\n\u0085"}, headers={"Visor-Actor": "anna"})
    visor.made("/services", {"name": "cache"})
    answer = visor.get(f"/diff?from={before}", headers={"Accept": "text/plain"})
    assert answer.headers["Content-Type"].startswith("text/plain")
    update, create = answer.text.splitlines()
    at = visor.get(f"/rev?rev={visor.rev}").json()["at"][11:19]
    assert update.startswith('~ /apps/cat env.cow "moo" -> "M\\u001b[2JO\\n\\x85"   (rev ')
    assert update.endswith(", anna)")
    assert create == f"+ /services/cache   (rev {visor.rev}, {at}Z, anonymous)"
    assert visor.get(f"/diff?from={before}", headers={"Accept": "*/*"}).headers["Content-Type"] == (
        "application/json"
    )
    summary = visor.get(f"/diff?from={before}&summary=true", headers={"Accept": "text/plain"}).text
    assert summary == "1 app update\n1 service create\n"


def test_with_both_ends_it_has_a_tag_and_never_changes(visor):
    visor.made("/apps", APP)
    visor.put("/apps/cat/env/cow", {"value": "moo"})
    first, last = visor.start, visor.rev
    url = f"/diff?from={first}&to={last}"
    answer = visor.get(url)
    visor.delete("/apps/cat")
    again = visor.get(url)
    assert again.content == answer.content
    assert again.headers["ETag"] == answer.headers["ETag"] == f'"{last}"'
    unchanged = visor.get(url, headers={"If-None-Match": f'"{last}"'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert "ETag" not in visor.get(f"/diff?from={first}").headers
    assert visor.get(f"/diff?from={first}", headers={"If-None-Match": "*"}).status_code == 200
    for asked in (url, f"/diff?from={first}"):
        refused(visor.get(asked, headers={"If-None-Match": "nonsense"}), 400, "malformed-request")


def test_revs_that_cannot_be_read_are_refused(visor):
    visor.made("/apps", APP)
    future = visor.rev + 1_000_000
    refused(visor.get(f"/diff?from={visor.start}&to={future}"), 400, "rev-in-future")
    refused(visor.get(f"/diff?from={future}"), 400, "rev-in-future")
    invalid(visor.get("/diff"), "query", "from")
    invalid(visor.get("/diff?from=-1"), "query", "from")
    invalid(visor.get("/diff?from=1&include=some"), "query", "include")


def test_history_that_is_dropped_is_gone():
    with serving(history=5) as visor:
        for number in range(12):
            visor.made("/apps", {**APP, "name": f"app{number}"})
        oldest = visor.get("/rev").json()["oldest_rev"]
        refused(visor.get(f"/diff?from={oldest - 1}"), 410, "rev-compacted", oldest_rev=oldest)
        refused(visor.get(f"/diff?from={visor.rev}&to={oldest - 1}"), 410, "rev-compacted")
        assert len(diff(visor, from_=oldest)["items"]) == visor.rev - oldest


def _history(visor: Service, dice: random.Random, commits: int) -> list[int]:
    """Random changes of a few objects; the revs."""
    revs = [visor.rev]
    for _ in range(commits):
        name = f"app{dice.randrange(4)}"
        calls: list[tuple[str, str, Any]] = [
            ("POST", "/apps", {**APP, "name": name}),
            ("PATCH", f"/apps/{name}", {"stack": dice.choice("ab")}),
            ("PUT", f"/apps/{name}/env/{dice.choice('xy')}", {"value": dice.choice("12")}),
            ("POST", f"/apps/{name}/envs", {"ref": dice.choice("rs"), "vars": {"a": dice.choice("12")}}),
            ("DELETE", f"/apps/{name}/envs/{dice.choice('rs')}", None),
            ("POST", f"/apps/{name}/revisions", {"ref": "one", "archive_url": ARCHIVE}),
            ("POST", f"/apps/{name}/proctypes", {"name": "web"}),
            ("DELETE", f"/apps/{name}/proctypes/web", None),
            ("DELETE", f"/apps/{name}", None),
        ]
        method, path, body = dice.choices(calls, [6, 4, 6, 4, 2, 3, 3, 1, 1])[0]
        visor.client.request(method, path, **({} if body is None else {"json": body}))
        if visor.rev > revs[-1]:
            revs.append(visor.rev)
    return revs


def _declared(visor: Service, rev: int) -> dict[str, dict[str, Any]]:
    """All declared objects at a rev, by path, read by the ordinary lists."""
    found = {}
    for app in visor.get(f"/apps?rev={rev}&limit=1000").json()["items"]:
        path = f"/apps/{app['name']}"
        found[path] = app
        for kind, name in (("envs", "ref"), ("revisions", "ref"), ("proctypes", "name")):
            for one in visor.get(f"{path}/{kind}?rev={rev}&limit=1000").json()["items"]:
                found[f"{path}/{kind}/{one[name]}"] = one
    return found


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name not in COUNTED}


@pytest.mark.parametrize("short", [20_000, 0], ids=["by commits", "by objects"])
def test_a_diff_tells_what_two_reads_tell(visor, monkeypatch, short):
    """Over random histories: the items are the objects that differ between the lists of both revs, whole on
    both sides, whichever way they were found. The commit that is named is one that changed the object."""
    monkeypatch.setattr(comparing, "SHORT", short)
    monkeypatch.setattr(comparing.RevSpan.commits, "__defaults__", (short,))
    dice = random.Random(15)
    revs = _history(visor, dice, 60)
    for _ in range(12):
        low, high = sorted(dice.sample(revs, 2))
        old, new = _declared(visor, low), _declared(visor, high)
        expected = {
            path
            for path in old.keys() | new.keys()
            if path not in old or path not in new or _plain(old[path]) != _plain(new[path])
        }
        items = {one["path"]: one for one in _all(visor, from_=low, to=high, limit=3)}
        assert set(items) == expected
        for path, one in items.items():
            assert (one["before"], one["after"]) == (old.get(path), new.get(path))
            assert low < one["by"]["rev"] <= high
            assert one["by"]["rev"] in revs
        turned = {one["path"] for one in _all(visor, from_=high, to=low)}
        assert turned == expected


def test_both_ways_give_the_same_bytes(visor, monkeypatch):
    """Unless something was deleted, made again and deleted: of that, any of its ends may be named."""
    visor.runnable()
    start = visor.rev
    visor.put("/apps/cat/env/cow", {"value": "moo"})
    visor.made("/apps/cat/envs", {"ref": "prod", "vars": {}})
    visor.delete("/apps/cat/proctypes/web")
    visor.made("/services", {"name": "cache"})
    visor.put("/apps/cat/env/cow", {"value": "MOO"})
    short = visor.get(f"/diff?from={start}").content
    monkeypatch.setattr(comparing.RevSpan.commits, "__defaults__", (0,))
    assert visor.get(f"/diff?from={start}").content == short


def test_what_another_hand_has_written_is_shown_as_unreadable(monkeypatch):
    with serving() as visor:
        visor.runnable()
        before = visor.rev
        write(visor, {KEYS["app"]: b"{not json"})
        for short in (20_000, 0):
            monkeypatch.setattr(comparing.RevSpan.commits, "__defaults__", (short,))
            [item] = [
                one for one in diff(visor, from_=before)["items"] if one["after"] == {"unreadable": True}
            ]
            assert item["path"] == "/apps/cat"


def test_a_fifth_comparison_at_a_time_is_turned_away():
    with serving() as visor:
        visor.made("/apps", APP)
        comparisons = visor.context.comparisons
        held = [comparisons.counted() for _ in range(comparing.AT_A_TIME)]
        for one in held:
            one.__enter__()
        answer: httpx2.Response = visor.get("/diff?from=0")
        refused(answer, 429, "too-many-requests")
        assert answer.headers["Retry-After"] == "1"
        for one in held:
            one.__exit__(None, None, None)
        assert visor.get("/diff?from=0").status_code == 200


def test_both_ends_may_be_times(visor):
    """A time stands for the rev that was the latest then. Counted from now it is settled, and has no tag."""
    visor.made("/apps", APP)
    before = visor.rev
    visor.put("/apps/cat/env/cow", {"value": "moo"})
    after = visor.rev
    times = [visor.get("/rev", params={"rev": rev}).json()["at"] for rev in (before, after)]
    if visor.coordinator == "etcd":
        refused(visor.get("/diff", params={"from_at": times[0]}), 400, "time-unsettled")
        return
    said = visor.get("/diff", params={"from_at": times[0], "to_at": times[1]})
    assert (said.json()["from"], said.json()["to"]) == (before, after)
    assert len(said.json()["items"]) == 1
    assert "ETag" not in said.headers
    both = {"from": before, "from_at": times[0]}
    invalid(visor.get("/diff", params=both), "query", "from_at")
    invalid(visor.get("/diff", params={"from_at": "yesterday"}), "query", "from_at")
    refused(visor.get("/diff", params={"from_at": "2999-01-01T00:00:00Z"}), 400, "time-in-future")
    answer = visor.post("/revert", {"path": "/apps/cat", "to_at": times[0]})
    assert answer.status_code == 200, answer.text
    assert visor.get("/apps/cat/env").json()["vars"] == {}
    invalid(visor.post("/revert", {"path": "/", "to_at": "yesterday"}), "body", "to_at")
