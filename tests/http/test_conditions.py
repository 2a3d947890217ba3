"""ETag, If-None-Match and If-Match: a tag is the rev of a resource's last change (DESIGN section 3)."""

import pytest

from tests.http.every_route import BODIES, SINGLE, WRITES, path_of, url_of
from tests.http.expect import refused
from tests.serving import APP, ARCHIVE

MALFORMED = [
    "42",
    '"42',
    '42"',
    'W"42"',
    'w/"42"',
    "W/42",
    "",
    '"1" "2"',
    '"1", 2',
    '*, "1"',
    '"a b"',
    "'42'",
]
NEVER = '"999999"'


@pytest.mark.parametrize("template", SINGLE)
def test_a_single_resource_carries_its_rev_as_a_strong_tag(full, template):
    answer = full.get(path_of(template))
    assert answer.headers["ETag"] == f'"{answer.json()["rev"]}"'
    assert answer.json()["rev"] <= full.rev


@pytest.mark.parametrize("template", SINGLE)
def test_a_read_of_what_the_client_has_is_304(full, template):
    path = path_of(template)
    tag = full.get(path).headers["ETag"]
    for held in (tag, f"W/{tag}", f'"1000", {tag}', f'{NEVER} ,W/{tag}, "x"', "*"):
        answer = full.get(path, headers={"If-None-Match": held})
        assert (answer.status_code, answer.content) == (304, b""), held
        assert answer.headers["ETag"] == tag
        assert answer.headers["Visor-Rev"] == str(full.rev)
        assert full.client.head(path, headers={"If-None-Match": held}).status_code == 304


@pytest.mark.parametrize("template", SINGLE)
def test_a_read_of_what_the_client_has_not_is_200(full, template):
    path = path_of(template)
    for held in (NEVER, '"abc"', '""', f'"{full.get(path).json()["rev"]}0"'):
        assert full.get(path, headers={"If-None-Match": held}).status_code == 200, held


@pytest.mark.parametrize("template", SINGLE)
def test_a_malformed_tag_is_refused(full, template):
    for tag in MALFORMED:
        answer = full.get(path_of(template), headers={"If-None-Match": tag})
        refused(answer, 400, "malformed-request")
        assert "If-None-Match" in answer.json()["detail"]


def test_a_tag_is_not_asked_of_what_is_not_there(full):
    refused(full.get("/apps/dog", headers={"If-None-Match": "*"}), 404, "not-found")


def test_the_past_has_the_tag_it_had(full):
    assert full.get("/apps/cat?rev=1").headers["ETag"] == '"1"'
    assert full.get("/apps/cat?rev=1", headers={"If-None-Match": '"1"'}).status_code == 304
    assert full.get("/apps/cat", headers={"If-None-Match": '"1"'}).status_code == 200


@pytest.mark.parametrize(("method", "template"), WRITES)
def test_every_write_takes_if_match(full, method, template):
    """A tag that nothing has: 412, with the rev there is, and nothing changed."""
    before = full.rev
    body = BODIES.get((method, template))
    content = {} if body is None else {"json": body}

    def write(**headers: str):
        return full.client.request(method, url_of(method, template), headers=headers, **content)

    for held in (NEVER, "W/" + NEVER, '"abc"', f'"x", {NEVER}', '"a,b"', f'"a,", {NEVER}'):
        answer = write(**{"If-Match": held})
        refused(answer, 412, "rev-mismatch")
        assert answer.json().keys() >= {"current_rev"}
    for tag in MALFORMED:
        refused(write(**{"If-Match": tag}), 400, "malformed-request")
        refused(write(**{"If-None-Match": tag}), 400, "malformed-request")
    assert full.rev == before


def test_a_mismatch_says_the_rev_there_is(full):
    now = full.get("/apps/cat").json()["rev"]
    answer = full.patch("/apps/cat", {"stack": "x"}, headers={"If-Match": '"1"'})
    refused(answer, 412, "rev-mismatch", current_rev=now)
    assert answer.headers["Visor-Rev"] == str(full.rev)


def test_if_match_lets_the_first_of_two_writers_through(visor):
    tag = {"If-Match": visor.post("/apps", APP).headers["ETag"]}
    first = visor.patch("/apps/cat", {"stack": "one"}, headers=tag)
    assert first.status_code == 200
    assert first.headers["ETag"] == visor.tag(2)
    refused(
        visor.patch("/apps/cat", {"stack": "two"}, headers=tag), 412, "rev-mismatch", current_rev=visor.nth(2)
    )
    refused(visor.delete("/apps/cat", headers=tag), 412, "rev-mismatch", current_rev=visor.nth(2))
    assert visor.get("/apps/cat").json()["stack"] == "one"
    assert visor.rev == visor.nth(2)
    assert (
        visor.delete("/apps/cat", headers={"If-Match": f"{visor.tag(1)}, W/{visor.tag(2)}"}).status_code
        == 200
    )


def test_a_weakened_tag_counts_as_the_tag(visor):
    """A proxy that compresses makes `W/"1"` of it."""
    visor.made("/apps", APP)
    assert (
        visor.patch("/apps/cat", {"stack": "x"}, headers={"If-Match": "W/" + visor.tag(1)}).status_code == 200
    )


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/apps/dog", {"stack": "x"}),
        ("PATCH", "/apps/dog/env", {"a": "b"}),
        ("PUT", "/apps/cat/env/nothing", {"value": "x"}),
        ("PUT", "/members/pms/10.0.0.9", {"version": "1"}),
        ("POST", "/apps/cat/revisions/nothing/ratify", {"archive_url": ARCHIVE}),
        ("DELETE", "/apps/dog", None),
        ("DELETE", "/apps/cat/env/nothing", None),
        ("DELETE", "/services/nothing", None),
    ],
)
def test_a_star_asks_that_it_be_there(full, method, path, body):
    before = full.rev
    content = {} if body is None else {"json": body}
    answer = full.client.request(method, path, headers={"If-Match": "*"}, **content)
    refused(answer, 412, "rev-mismatch", current_rev=None)
    assert full.rev == before


def test_a_star_is_content_with_any_rev(visor):
    visor.made("/apps", {**APP, "env": {"cow": "moo"}})
    star = {"If-Match": "*"}
    assert visor.put("/apps/cat/env/cow", {"value": "mu"}, headers=star).json()["rev"] == visor.nth(2)
    assert visor.delete("/apps/cat/env/cow", headers=star).json() == {"rev": visor.nth(3)}
    assert visor.delete("/apps/cat", headers=star).json() == {"rev": visor.nth(4)}


def test_if_none_match_star_on_a_put_creates_only(visor):
    visor.made("/apps", APP)
    new = {"If-None-Match": "*"}
    assert visor.put("/apps/cat/env/cow", {"value": "moo"}, headers=new).status_code == 200
    answer = visor.put("/apps/cat/env/cow", {"value": "mu"}, headers=new)
    refused(answer, 412, "rev-mismatch", current_rev=visor.nth(2))
    assert visor.get("/apps/cat/env/cow").json()["value"] == "moo"
    assert visor.put("/members/pms/10.0.0.7", {"version": "1"}, headers=new).status_code == 200
    refused(visor.put("/members/pms/10.0.0.7", {"version": "2"}, headers=new), 412, "rev-mismatch")
    assert visor.get("/members/pms/10.0.0.7").json()["version"] == "1"


def test_a_precondition_is_judged_even_where_nothing_would_change(visor):
    """A PATCH that says what is so already makes no commit, but not for one who looked at another rev."""
    visor.made("/apps", APP)
    same = {"stack": APP["stack"]}
    refused(visor.patch("/apps/cat", same, headers={"If-Match": NEVER}), 412, "rev-mismatch")
    answer = visor.patch("/apps/cat", same, headers={"If-Match": visor.tag(1)})
    assert (answer.status_code, answer.headers["ETag"], answer.headers["Visor-Rev"]) == (
        200,
        visor.tag(1),
        str(visor.nth(1)),
    )


def test_a_variable_has_the_rev_of_its_app(visor):
    """So a change of another variable is a change under it."""
    visor.made("/apps", {**APP, "env": {"cow": "moo"}})
    tag = visor.get("/apps/cat/env/cow").headers["ETag"]
    visor.put("/apps/cat/env/dog", {"value": "woof"})
    refused(visor.put("/apps/cat/env/cow", {"value": "x"}, headers={"If-Match": tag}), 412, "rev-mismatch")


def test_after_a_404_a_new_life_of_the_name_has_another_tag(visor):
    tag = visor.post("/apps", APP).headers["ETag"]
    visor.delete("/apps/cat")
    visor.made("/apps", APP)
    refused(
        visor.delete("/apps/cat", headers={"If-Match": tag}), 412, "rev-mismatch", current_rev=visor.nth(3)
    )
