"""How much one call may hold is bounded before it is looked at piece by piece: what is too much is refused
for the price of counting it, so that nobody waits for it (DESIGN promise 10)."""

import json
import time

import pytest

from app.http import json_body
from app.http.entity_tags import MAX_TAGS
from app.http.json_body import MAX_VALUES
from app.models.names import MAX_VARIABLES
from tests.http.expect import invalid, refused
from tests.serving import APP, serving


@pytest.fixture(scope="module")
def visor():
    with serving() as service:
        service.made("/apps", APP)
        yield service


def numbered(count, value="v"):
    return {f"k{number}": value for number in range(count)}


TOO_MUCH = {
    "unknown fields": {f"field{number}": 1 for number in range(95_000 // 2)},
    "variables": {**APP, "env": numbered(60_000)},
    "variables that are wrong": {**APP, "env": numbered(60_000, 1)},
    "numbers": [1] * 300_000,
    "objects": [{"a": 1}] * 100_000,
    "lists": [[]] * 200_000,
    "strings": [""] * 200_000,
    "strings that end in a backslash": ["\\"] * 150_000,
}


@pytest.mark.parametrize("what", TOO_MUCH)
@pytest.mark.parametrize("method_and_path", ["POST /apps", "PATCH /apps/cat/env", "PATCH /apps/cat"])
def test_a_body_of_too_many_values_is_refused_before_it_is_checked(visor, what, method_and_path):
    """95,000 unknown fields took 0.7 s: each was an error of its own."""
    method, path = method_and_path.split()
    rev = visor.rev
    answer = visor.client.request(method, path, json=TOO_MUCH[what])
    problem = refused(answer, 400, "malformed-request")
    assert str(MAX_VALUES) in problem["detail"]
    assert visor.rev == rev


@pytest.mark.parametrize("what", TOO_MUCH)
def test_counting_costs_a_little_of_what_parsing_would(what, monkeypatch):
    body = json.dumps(TOO_MUCH[what], separators=(",", ":")).encode()[: 1024 * 1024]
    parsed = []
    monkeypatch.setattr(json_body, "_DECODER", parsed)
    began = time.thread_time()
    with pytest.raises(json_body.MalformedRequest):
        json_body.parse(body)
    assert not parsed
    assert time.thread_time() - began < 0.05, "CPU of this thread: some milliseconds"


@pytest.mark.parametrize(
    "body",
    [
        list(range(MAX_VALUES)),
        [{}] * (MAX_VALUES // 2),
        ["," * 900_000],
        ['"' * 400_000],
        ["\\" * 400_000],
        ['","' * 100_000],
        {"a": json.dumps({"b": [1] * 100_000})},
        numbered(MAX_VALUES, json.dumps({"b": [1] * 20})),
    ],
    ids=range(8),
)
def test_what_stands_in_strings_is_not_counted(body):
    assert json_body.parse(json.dumps(body).encode()) == body


def test_one_value_more_is_too_many():
    with pytest.raises(json_body.MalformedRequest):
        json_body.parse(json.dumps(list(range(MAX_VALUES + 1))).encode())


def test_an_app_has_so_many_variables_and_no_more(visor):
    """Each read of one and each change goes through all of them."""
    visor.made("/apps", {**APP, "name": "full", "env": numbered(MAX_VARIABLES)})
    rev = visor.rev
    invalid(visor.put("/apps/full/env/more", {"value": "v"}), "body")
    invalid(visor.patch("/apps/full/env", {"more": "v"}), "body")
    invalid(visor.post("/apps", {**APP, "name": "more", "env": numbered(MAX_VARIABLES + 1)}), "body", "env")
    invalid(visor.post("/apps/full/envs", {"ref": "e", "vars": numbered(MAX_VARIABLES + 1)}), "body", "vars")
    assert visor.rev == rev
    assert visor.put("/apps/full/env/k1", {"value": "other"}).status_code == 200
    assert visor.patch("/apps/full/env", {"k1": None, "more": "v"}).status_code == 200
    assert len(visor.get("/apps/full/env").json()["vars"]) == MAX_VARIABLES


def test_so_many_tags_and_no_more(visor):
    tags = ", ".join(f'"{10**6 + number}"' for number in range(MAX_TAGS))
    assert visor.get("/apps/cat", headers={"If-None-Match": tags}).status_code == 200
    refused(visor.get("/apps/cat", headers={"If-None-Match": f'{tags}, "1"'}), 400, "malformed-request")
    refused(
        visor.put("/apps/cat/env/a", {"value": "b"}, headers={"If-Match": "," * 5000}),
        400,
        "malformed-request",
    )


def test_a_body_of_too_many_values_is_refused_where_none_is_taken(visor):
    refused(visor.post("/instances/1/stop", [1] * 100_000), 400, "malformed-request")
