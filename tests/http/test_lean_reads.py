"""A plain read goes a short way; every other goes the long one. Nobody can tell by the answer.

`consistency=linearizable` is what a read does anyway, but who says it is not plain any more: so each
read has a twin that goes the long way.
"""

import logging

import httpx2
import pytest

from app.main import create_app
from app.settings import Settings
from tests.etcd.cluster import until
from tests.http.every_route import READS, SINGLE, accepting, path_of
from tests.serving import serving

LONG_WAY = "consistency=linearizable"

NOT_SNAPSHOTS = {
    "/events",
    "/apps/{app}/events",
    "/events/list",
    "/apps/{app}/events/list",
    "/livez",
    "/readyz",
    "/metrics",
    "/problems",
    "/problems/{code}",
}
"""What does not read a snapshot: streams, the service's own pages."""

SNAPSHOTS = [template for template in READS if template not in NOT_SNAPSHOTS]

QUERIES = [
    "",
    "rev=0",
    "rev={rev}",
    "rev={old}",
    "limit=1",
    "limit=1000",
    "rev={rev}&limit=2",
    "limit=2&rev={rev}",
]
FILTERS = ["status=active", "status=pending&status=running", "app=cat&proctype=web&limit=1", "host=10.0.0.7"]
FILTERS += ["revision=128af9&env=128af9&rev={rev}", "status=claimed&app=none", "host=%31", "host=10.0.0.7:80"]
FILTERS += ["status=no-status", "status=", "app=no,name", "app=a_b", "wait=1", "status=exited&wait=0"]
WRONG = ["rev=-1", "rev=999999", "rev=99999999999999999999", "rev=+1", "rev=1&rev=1", "limit=0", "limit=1001"]
WRONG += ["limit=01", "rev=", "rev", "no-such=1", "&", "rev=1&", "%72ev=1", "limit=1&limit=1", "rev=%31"]
WRONG += ["cursor=abc", "cursor=", "cursor=a&cursor=b", "cursor=a%2Eb", "consistency=stale&consistency=stale"]
WRONG += ["status=active&rev=-1", "limit=1e2", "STATUS=active"]
HEADERS: list[dict[str, str]] = [{}, {"If-None-Match": '"1"'}, {"If-None-Match": "*"}, {"If-None-Match": "x"}]
HEADERS += [
    {"Origin": "https://console.example.com"},
    {"Content-Type": "text/plain"},
    {"Content-Length": "0"},
]


def said(answer: httpx2.Response) -> tuple[object, ...]:
    """All of an answer but the time of day, the headers in no order."""
    headers = sorted(pair for pair in answer.headers.multi_items() if pair[0] != "date")
    return answer.status_code, headers, answer.content


def twins(visor, path: str, query: str, headers: dict[str, str]) -> tuple[httpx2.Response, httpx2.Response]:
    url = f"{path}?{query}" if query else path
    longer = f"{path}?{query}&{LONG_WAY}" if query else f"{path}?{LONG_WAY}"
    return visor.get(url, headers=headers), visor.get(longer, headers=headers)


@pytest.mark.parametrize("template", SNAPSHOTS)
def test_both_ways_answer_the_same(full, template):
    rev, old = full.rev, full.rev // 2
    for query in [one.format(rev=rev, old=old) for one in QUERIES + FILTERS] + WRONG:
        for headers in HEADERS if query == "" else HEADERS[:1]:
            answer, twin = twins(full, path_of(template), query, {**accepting(template), **headers})
            assert said(answer) == said(twin), (query, headers)


def test_a_tag_gives_304_both_ways(full):
    for template in SINGLE:
        tag = {"If-None-Match": full.get(path_of(template)).headers["etag"]}
        answer, twin = twins(full, path_of(template), "", tag)
        assert said(answer) == said(twin)
        assert answer.status_code == 304, template


def test_a_page_that_was_begun_one_way_goes_on_the_other(full):
    for _ in range(3):
        full.ticket()
    for filters in ("", "&status=active&app=cat", "&status=pending&status=claimed"):
        first = f"limit=1{filters}"
        answer, twin = twins(full, "/instances", first, {})
        assert said(answer) == said(twin)
        while (cursor := answer.json()["next"]) is not None:
            answer, twin = twins(full, "/instances", f"{first}&cursor={cursor}", {})
            assert said(answer) == said(twin)
            assert answer.status_code == 200


def test_a_body_of_a_read_is_refused_both_ways():
    with serving(max_body=1024) as visor:
        visor.runnable()
        for size in (1, 2000):
            answer, twin = (
                visor.client.request("GET", f"/apps/cat{query}", content=b"x" * size)
                for query in ("", f"?{LONG_WAY}")
            )
            assert said(answer) == said(twin), size
        assert answer.status_code == 413


def test_what_is_too_much_is_refused_both_ways(visor):
    visor.context.slots.max_requests = 0
    answer, twin = twins(visor, "/apps", "", {})
    assert said(answer) == said(twin)
    assert answer.status_code == 429
    until(lambda: visor.context.slots.requests == 0, "places are given back")


def test_a_fault_is_answered_both_ways(visor, monkeypatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(visor.context.store, "stale", broken)
    answer, twin = twins(visor, "/apps", "", {})
    assert said(answer) == said(twin)
    assert answer.status_code == 500
    until(lambda: visor.context.slots.requests == 0, "places are given back")


def test_both_ways_write_the_same_line_in_the_log(caplog):
    with caplog.at_level(logging.INFO, "visor.access"), serving(log_level="info") as visor:
        visor.runnable()
        twins(visor, "/apps/cat", "", {})
    # A line is written after its answer: the service has stopped by now, so all are there.
    said = [record.fields for record in caplog.records if record.name == "visor.access"]
    lines = [fields | {"duration_ms": 0} for fields in said if fields["method"] == "GET"]
    assert len(lines) == 2
    assert lines[0] == lines[1]


@pytest.mark.parametrize("template", SNAPSHOTS)
def test_heads_answer_the_same(full, template):
    path, headers = path_of(template), accepting(template)
    short, long = (full.client.head(f"{path}{query}", headers=headers) for query in ("", f"?{LONG_WAY}"))
    assert said(short) == said(long)


NAMES = [
    "none",
    "no%20name",
    "%2e%2e",
    "a%00b",
    "x" * 300,
    "%ff",
    "cat%0a",
    "CAT",
    "é",
    "0",
    "-1",
    "1e3",
    "0017",
]


@pytest.mark.parametrize("template", [one for one in SNAPSHOTS if "{" in one])
def test_names_that_are_not_there_or_not_allowed_are_refused_alike(full, template):
    good = path_of(template).split("/")
    for at, part in enumerate(template.split("/")):
        if part.startswith("{"):
            for name in NAMES:
                path = "/".join([*good[:at], name, *good[at + 1 :]])
                answer, twin = twins(full, path, "", accepting(template))
                assert said(answer) == said(twin), path
                assert answer.status_code in (200, 404, 422), path


def test_every_route_that_reads_a_snapshot_has_the_short_way():
    """A route that is added gets it by reading through `Read` or `List`, with no more to declare."""
    app = create_app(Settings(store="memory:"))
    reads = [template for method, template in app.lean.operations if method == "GET"]
    assert sorted(reads) == sorted(SNAPSHOTS)


def test_short_ways_are_counted_by_their_template(visor):
    visor.runnable()
    for path in ("/apps/cat", "/apps/cat", f"/apps/cat?{LONG_WAY}", "/apps/none"):
        visor.get(path)
    page = visor.get("/metrics").text
    assert 'visor_http_requests_total{method="GET",route="/apps/{app}",status="200"} 3.0' in page
    assert 'visor_http_requests_total{method="GET",route="/apps/{app}",status="404"} 1.0' in page
