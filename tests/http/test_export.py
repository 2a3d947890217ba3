"""GET /export: one snapshot, whole, as lines; what was cut off can be told."""

import hashlib
import json

import pytest

from tests.http.every_route import FILL, play
from tests.http.expect import invalid, refused
from tests.http.other_hands import write
from tests.serving import APP, serving


def exported(visor, query=""):
    """The header, the objects by path, after a look at the trailer."""
    answer = visor.get(f"/export{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    *lines, last = answer.content.splitlines(keepends=True)
    head, *objects = map(json.loads, lines)
    assert json.loads(last) == {
        "end": True,
        "objects": len(objects),
        "sha256": hashlib.sha256(b"".join(lines)).hexdigest(),
    }
    assert answer.headers["Visor-Rev"] == str(head["rev"])
    found = {one["path"]: one["object"] for one in objects}
    assert len(found) == len(objects)
    return head, found


def test_an_export_has_every_object_as_it_is_read(visor):
    play(visor, FILL)
    head, found = exported(visor)
    assert (head["visor"], head["rev"]) == (1, visor.rev)
    assert head["at"] == visor.get("/rev").json()["at"]
    assert head["schema"] == visor.get("/schema").json()["version"]
    lists = ["/apps", "/instances", "/services"]
    lists += [f"/apps/cat/{kind}" for kind in ("revisions", "envs", "proctypes")]
    for path in (*lists, "/services/memcached/endpoints", "/runners", "/members/pms"):
        for item in visor.get(path).json()["items"]:
            assert item in found.values(), path
    ended = visor.get("/apps/cat/proctypes/web/ended").json()["items"]
    assert ended == [found["/instances/2"]]
    for path, kept in found.items():
        if "/scale/" not in path and kept not in ended:
            assert visor.get(path).json() == kept
    assert head["next"] == {"instance": 3, "port": 8001}
    visor.put("/apps/cat/env/later", {"value": "x"})
    assert exported(visor, f"?rev={head['rev']}") == (head, found)


def test_a_part_of_an_export(full):
    _, everything = exported(full)
    for query, begins in (
        ("?path=/services", ("/services/",)),
        ("?path=/apps/cat&include=declared", ("/apps/cat",)),
        ("?path=/apps/cat", ("/apps/cat", "/instances/")),
        ("?include=instances", ("/instances/", "/apps/cat/proctypes/web/scale/")),
        ("?path=/apps/none", ()),
        ("?path=/instances/1", ("/instances/1",)),
    ):
        _, found = exported(full, query)
        assert found.items() <= everything.items()
        assert all(path.startswith(begins) for path in found)
        assert (found == {}) == (begins == ())
    for path in ("x", "/rev", "/apps/"):
        invalid(full.get(f"/export?path={path}"), "query", "path")
    refused(full.get("/export?rev=99999999"), 400, "rev-in-future")


def test_what_an_earlier_app_of_the_name_has_left_is_in_no_export(visor):
    """Neither its final instances nor the entries of those that were unregistered: no list shows them."""
    visor.runnable()
    visor.scale(2)
    visor.scale(1)
    visor.post("/instances/2/lost", {"client": "tests", "reason": "gone"})
    ids = {path for path in exported(visor)[1] if path.startswith("/instances/")}
    assert ids == {"/instances/1", "/instances/2"}
    visor.scale(0)
    visor.delete("/apps/cat")
    _, found = exported(visor)
    assert [path for path in found if path.startswith("/instances/")] == ["/instances/2"], found.keys()
    visor.runnable()
    assert not [path for path in exported(visor)[1] if path.startswith("/instances/")]
    visor.scale(1)
    for path in ("/", "/instances", "/apps/cat", "/apps/cat/proctypes/web"):
        _, found = exported(visor, f"?path={path}&include=instances")
        assert [path for path in found if path.startswith("/instances/")] == ["/instances/3"]


def test_what_another_hand_wrote_is_left_out(visor):
    visor.made("/apps", APP)
    before = exported(visor)[1]
    write(visor, {"app/zzz": b"{not json", "instance/0000000000000000007": b"[]"})
    assert exported(visor)[1] == before


@pytest.mark.parametrize("memory_revs", [2, 1000])
def test_many_pages_are_of_one_snapshot_also_from_the_archive(tmp_path, memory_revs):
    with serving(store=f"sqlite:///{tmp_path}/visor.db", memory_revs=memory_revs) as visor:
        visor.runnable()
        visor.scale(1200)
        large = {f"v{number}": "x" * 60_000 for number in range(14)}
        for ref in ("a", "b", "c"):
            visor.made("/apps/cat/envs", {"ref": ref, "vars": large})
        head, found = exported(visor)
        assert len(found) == 1 + 1 + 1 + 1 + 1200 + 3
        visor.scale(0)
        visor.delete("/apps/cat/envs/b")
        assert exported(visor, f"?rev={head['rev']}") == (head, found)
