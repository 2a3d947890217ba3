"""A query parameter that a route does not take, or takes once and is given twice, is refused: a misspelt
filter must not list everything. So is a body where none is taken."""

import pytest

from tests.http.every_route import BODIES, OPERATIONS, STATE, accepting, path_of
from tests.http.expect import invalid, refused


@pytest.fixture(autouse=True)
def _nothing_changes(full):
    before = full.rev
    yield
    assert full.rev == before


@pytest.mark.parametrize(("method", "template"), OPERATIONS)
def test_an_unknown_parameter_is_refused_and_named(full, method, template):
    body = BODIES.get((method, template))
    content = {} if body is None else {"json": body}
    headers = accepting(template)
    answer = full.client.request(
        method, path_of(template), params={"stauts": "running"}, headers=headers, **content
    )
    invalid(answer, "query", "stauts")
    assert "stauts" in answer.json()["detail"]


def test_each_unknown_parameter_has_an_entry(full):
    answer = full.get("/instances?stauts=running&hots=a&stauts=b&status=running")
    said = refused(answer, 422, "invalid-request")
    assert [one["loc"] for one in said["errors"]] == [["query", "stauts"], ["query", "hots"]]


@pytest.mark.parametrize(
    "name", ["Rev", "rev ", "rev[]", "%00", "\ud83d\ude00".encode("utf-16", "surrogatepass")]
)
def test_a_name_is_taken_as_it_is(full, name):
    refused(full.get("/apps", params={name: "1"}), 422, "invalid-request")


def test_no_value_of_an_unknown_parameter_is_repeated(full):
    assert "hunter2" not in full.get("/apps?token=hunter2").text


@pytest.mark.parametrize("template", STATE)
def test_a_parameter_for_one_value_is_given_once(full, template):
    invalid(full.get(path_of(template) + "?rev=1&rev=1"), "query", "rev")


@pytest.mark.parametrize(
    "twice", ["limit=5&limit=5", "cursor=a&cursor=a", "consistency=stale&consistency=stale"]
)
def test_the_parameters_of_lists_are_given_once(full, twice):
    invalid(full.get(f"/apps?{twice}"), "query", twice.partition("=")[0])


def test_filters_of_instances_may_be_repeated(full):
    answer = full.get("/instances?status=exited&status=lost&app=cat&app=dog")
    assert [one["id"] for one in answer.json()["items"]] == [1]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/instances/1/stop"),
        ("DELETE", "/instances/1"),
        ("DELETE", "/apps/cat"),
        ("DELETE", "/services/memcached"),
    ],
)
def test_a_body_is_refused_where_none_is_taken(full, method, path):
    """A host that says `claim_rev` where it is not looked at has to be told."""
    invalid(full.client.request(method, path, json={"claim_rev": 3}), "body")
    refused(full.client.request(method, path, content=b"{"), 415, "unsupported-media-type")
    json = {"Content-Type": "application/json"}
    refused(full.client.request(method, path, content=b"{", headers=json), 400, "malformed-request")


def test_an_empty_object_is_no_body(full):
    refused(full.client.request("POST", "/instances/1/stop", json={}), 409, "invalid-state")
