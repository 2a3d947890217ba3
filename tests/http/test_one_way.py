"""Every request takes one way: what holds for one route, method or form of a request holds for all."""

import logging

import pytest

from tests.etcd.cluster import until
from tests.http.every_route import BODIES, IDEMPOTENT_POSTS, LISTS, SINGLE, STATE, WRITES, path_of
from tests.http.expect import invalid, refused
from tests.serving import APP, serving

JSON = {"Content-Type": "application/json"}

WRONG = ["rev=999999999", "rev=99999999999999999999", "rev=+1", "rev=1&rev=1", "rev=", "rev"]
WRONG += ["no-such=1", "consistency=stale&consistency=stale", "consistency=no", "consistency="]
WRONG_OF_LISTS = [
    "limit=0",
    "limit=1001",
    "limit=1e2",
    "limit=1&limit=1",
    "cursor=abc",
    "cursor=",
]
WRONG_OF_LISTS += ["cursor=a&cursor=b", "cursor=a%2Eb", "STATUS=active"]


@pytest.mark.parametrize("template", STATE)
def test_a_query_that_is_wrong_is_refused_by_every_read(full, template):
    for query in WRONG + (WRONG_OF_LISTS if template in LISTS else []):
        answer = full.get(f"{path_of(template)}?{query}")
        assert answer.status_code in (400, 422), query
        refused(answer, answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("template", SINGLE)
def test_what_is_escaped_in_a_query_counts_as_what_it_stands_for(full, template):
    """And what a read does anyway changes nothing where it is said."""
    path = path_of(template)
    plain = full.get(f"{path}?rev={full.rev}")
    for query in (f"%72ev={full.rev}", f"rev=%{ord(str(full.rev)[0]):x}{str(full.rev)[1:]}", ""):
        answer = full.get(f"{path}?{query}")
        assert (answer.status_code, answer.content) == (200, plain.content), query
    for consistency in ("linearizable", "stale"):
        answer = full.get(f"{path}?consistency={consistency}")
        assert (answer.status_code, answer.content) == (200, plain.content)


NAMES = ["none", "no%20name", "%2e%2e", "a%00b", "x" * 300, "%ff", "cat%0a", "CAT", "é", "0", "-1", "1e3"]


@pytest.mark.parametrize("template", [one for one in STATE if "{" in one])
def test_a_name_that_is_not_there_or_not_allowed_is_no_fault(full, template):
    good = path_of(template).split("/")
    for at, part in enumerate(template.split("/")):
        if part.startswith("{"):
            for name in NAMES:
                path = "/".join([*good[:at], name, *good[at + 1 :]])
                assert full.get(path).status_code in (200, 404, 422), path


def test_a_body_of_a_read_is_not_looked_at_but_has_its_limit():
    with serving(max_body=1024) as visor:
        visor.runnable()
        assert visor.client.request("GET", "/apps/cat", content=b"x").status_code == 200
        for path in ("/apps/cat", "/livez", "/nowhere"):
            answer = visor.client.request("GET", path, content=b"x" * 2000)
            refused(answer, 413, "body-too-large", limit=1024)
        assert visor.get("/apps/cat").status_code == 200


def test_a_short_body_over_the_limit_is_refused_though_it_is_there_at_once():
    """In chunks it says no length before."""
    with serving(max_body=1024) as visor:
        body = b'{"name":"%b"}' % (b"x" * 2000)
        refused(visor.client.post("/services", content=iter([body]), headers=JSON), 413, "body-too-large")


@pytest.mark.parametrize("path", ["/apps", "/apps?consistency=linearizable", "/apps?limit=1"])
def test_what_fails_gives_back_what_it_held(visor, monkeypatch, path):
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken_store:
        broken_store.setattr(visor.context.store, "stale", broken)
        broken_store.setattr(visor.context.store, "latest", broken)
        refused(visor.get(path), 500, "internal-error")
    until(lambda: visor.context.capacity.requests == 0, "places are given back")
    assert visor.get(path).status_code == 200


def test_a_write_that_finds_no_place_is_refused_and_holds_none(visor):
    visor.made("/apps", APP)
    visor.context.capacity.max_requests = 0
    refused(visor.put("/apps/cat/env/cow", {"value": "moo"}), 429, "too-many-requests")
    refused(visor.get("/apps/cat"), 429, "too-many-requests")
    until(lambda: visor.context.capacity.requests == 0, "places are given back")


def test_each_request_is_one_line_in_the_log(caplog):
    with caplog.at_level(logging.INFO, "visor.access"), serving(log_level="info") as visor:
        visor.runnable()
        for query in ("", "?consistency=linearizable", "?rev=1", "?no-such=1"):
            visor.get(f"/apps/cat{query}")
        visor.client.head("/apps/cat")
    # A line is written after its answer: the service has stopped by now, so all are there.
    lines = [record.fields for record in caplog.records if record.name == "visor.access"]
    said = [(line["method"], line["path"], line["status"], line["rev"]) for line in lines[-5:]]
    assert said == [
        ("GET", "/apps/cat", 200, 3),
        ("GET", "/apps/cat", 200, 3),
        ("GET", "/apps/cat", 200, 1),
        ("GET", "/apps/cat", 422, 3),
        ("HEAD", "/apps/cat", 200, 3),
    ]


def test_requests_are_counted_by_the_template_of_their_route(visor):
    visor.made("/apps", APP)
    for path in (
        "/apps/cat",
        f"/apps/cat?rev={visor.nth(1)}",
        "/apps/cat?consistency=linearizable",
        "/apps/none",
    ):
        visor.get(path)
    for _ in range(2):
        visor.client.put("/apps/cat/env/cow", json={"value": "moo"})
    visor.client.options("/apps/cat")
    page = visor.get("/metrics").text
    counted = {
        ('GET",route="/apps/{app}",status="404"', 1),
        ('PUT",route="/apps/{app}/env/{key}",status="200"', 2),
        ('OPTIONS",route="/apps/{app}",status="204"', 1),
    }
    for labels, count in counted:
        assert f'visor_http_requests_total{{method="{labels}}} {count}.0' in page


BAD = [
    (b"", JSON, 422),
    (b"{", JSON, 400),
    (b"null", JSON, 422),
    (b"[]", JSON, 422),
    (b'{"value": 1}', JSON, 422),
    (b'{"value": "a", "value": "b"}', JSON, 400),
    (b'{"value": "\\ud800"}', JSON, 400),
    (b'{"value": "\xff"}', JSON, 400),
    (b'{"value": NaN}', JSON, 400),
    (b'{"value": "x", "more": 1}', JSON, 422),
    (b"[" * 100 + b"]" * 100, JSON, 400),
    (b'{"value": "' + b"x" * 70_000 + b'"}', JSON, 422),
    (b'{"value": "' + b"x" * 1_100_000 + b'"}', JSON, 413),
    (b'{"value": "x"}', {}, 415),
    (b'{"value": "x"}', {"Content-Type": "text/plain"}, 415),
    (b'{"value": "x"}', {"Content-Type": "application/json; charset=latin-1"}, 415),
    (b'{"value": "x"}', {**JSON, "Content-Encoding": "gzip"}, 415),
]


@pytest.mark.parametrize(("body", "headers", "status"), BAD, ids=lambda value: repr(value)[:40])
def test_a_body_that_is_wrong_is_refused_whole_or_in_chunks(full, body, headers, status):
    before = full.rev
    for content in (body, iter([body[:7], body[7:]])):
        answer = full.client.put("/apps/cat/env/cow", content=content, headers=headers)
        refused(answer, status, answer.json()["code"])
    assert full.rev == before


def test_a_body_in_chunks_is_taken_and_one_that_a_call_does_not_take_is_refused(visor):
    visor.made("/apps", APP)
    answer = visor.client.put("/apps/cat/env/cow", content=iter([b'{"value":', b' "moo"}']), headers=JSON)
    assert answer.status_code == 200
    invalid(visor.client.request("DELETE", "/apps/cat/env/cow", json={"a": 1}), "body")
    invalid(visor.client.put("/apps/cat/env/cow?no=1", json={"value": "moo"}), "query", "no")
    assert visor.get("/apps/cat/env/cow").json()["value"] == "moo"


@pytest.mark.parametrize(
    "more", [{"Visor-Actor": ""}, {"Idempotency-Key": "k 1"}, {"If-Match": "x"}], ids=str
)
def test_a_header_that_is_wrong_is_refused_by_every_write(full, more):
    before = full.rev
    for method, template in WRITES:
        takes_key = method == "POST" and template not in IDEMPOTENT_POSTS
        if takes_key or "Idempotency-Key" not in more:
            body = BODIES.get((method, template))
            content = {} if body is None else {"json": body}
            answer = full.client.request(method, path_of(template), headers=more, **content)
            assert answer.status_code in (400, 422), (method, template)
    assert full.rev == before
