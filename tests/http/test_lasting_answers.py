"""What is read at a named rev does not change, and says so; and lists can leave out what nobody needs."""

import pytest

from tests.http.every_route import FILL, LISTS, SINGLE, path_of, play
from tests.http.expect import invalid
from tests.serving import serving

LASTING = "private, max-age=86400, immutable"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A filled registry on a store that outlives its process."""
    with serving(store=f"sqlite:///{tmp_path_factory.mktemp('kept')}/visor.db") as visor:
        play(visor, FILL)
        yield visor


@pytest.mark.parametrize("template", [*LISTS, *SINGLE])
def test_an_answer_at_a_named_rev_may_be_kept_and_any_other_not(kept, template):
    path = path_of(template)
    at = kept.get(f"/rev?rev={kept.rev}").json()["at"]
    for query in ({"rev": kept.rev}, {"at": at}):
        answer = kept.get(path, params=query)
        assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == (LASTING, "Authorization")
    for query in ({}, {"at": "-0s"}, {"consistency": "stale"}):
        assert kept.get(path, params=query).headers["Cache-Control"] == "no-store"
    for query in ({"rev": 10**9}, {"rev": kept.rev, "limit": "x"}):
        assert kept.get(path, params=query).headers["Cache-Control"] == "no-store"


def test_what_is_of_now_is_not_kept_though_it_names_a_rev(kept, full):
    for path in ("/rev?rev=3", "/commits?to=3", "/events/list?rev=3", "/timeline"):
        assert kept.get(path).headers["Cache-Control"] == "no-store"
    assert kept.get("/commits/3").headers["Cache-Control"] == LASTING
    tag = kept.get("/apps/cat?rev=9").headers["ETag"]
    assert kept.get("/apps/cat?rev=9", headers={"If-None-Match": tag}).headers["Cache-Control"] == LASTING
    # A cursor names the rev of its pages.
    following = kept.get("/revisions?limit=1").json()["next"] or kept.get("/instances?limit=1").json()["next"]
    assert following is None
    # In memory the revs begin anew with each start.
    assert full.get("/apps?rev=3").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("template", LISTS)
def test_items_have_the_fields_that_are_asked_for(full, template):
    path = path_of(template)
    for item in full.get(path).json()["items"]:
        some = sorted(item)[::2]
        short = full.get(f"{path}?fields={','.join(some)}").json()["items"][0]
        assert sorted(short) == some
    whole = full.get(path).json()
    named = full.get(f"{path}?fields=rev&limit=1000").json()
    assert named == {**whole, "items": [{"rev": item["rev"]} for item in whole["items"]]}


def test_fields_that_are_none(full):
    for fields in ("cow", "name,cow", "", ",", "name,", "Name", "name;rev", "a" * 65):
        invalid(full.get(f"/apps?fields={fields}"), "query", "fields")
