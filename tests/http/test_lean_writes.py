"""A plain write goes a short way; every other goes the long one. Nobody can tell by the answer.

No page of another origin is let in here, so `Origin` changes no answer; but who sends it is not plain: so
each write has a twin that goes the long way.
"""

import re

import pytest

from app.main import create_app
from app.settings import Settings
from tests.http.every_route import BODIES, EMPTY, FILL, WRITES, path_of, play
from tests.http.test_lean_reads import said
from tests.serving import APP, serving

LONG_WAY = {"Origin": "https://a.example.com"}

WAITS = ("POST", "/instances/claim")
LONG_ONLY = {WAITS, ("DELETE", "/instances")}
"""It may wait, with a subscriber's place: it needs the request itself."""

_TIME = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z")


def timeless(answer):
    status, headers, body = said(answer)
    return status, headers, _TIME.sub(b"then", body)


def shortened(visor, monkeypatch):
    """The calls that go the short way, as they come."""
    taken = []
    respond = visor.app.lean._respond

    async def noted(lean, *rest):
        taken.append((lean.method, lean.route.path_format))
        await respond(lean, *rest)

    monkeypatch.setattr(visor.app.lean, "_respond", noted)
    return taken


def test_every_route_that_writes_has_the_short_way():
    app = create_app(Settings(store="memory:"))
    writes = {operation for operation in app.lean.operations if operation[0] != "GET"}
    assert writes == set(WRITES) - LONG_ONLY


def test_a_session_is_answered_the_same_both_ways(monkeypatch):
    with serving() as one, serving() as other:
        taken, not_taken = shortened(one, monkeypatch), shortened(other, monkeypatch)
        short = play(one, FILL + EMPTY)
        long = play(other, FILL + EMPTY, lambda step: LONG_WAY)
        assert taken == [(m, t) for m, t, _ in FILL + EMPTY if (m, t) not in LONG_ONLY]
        assert not_taken == []
        for (method, template, _), mine, twin in zip(FILL + EMPTY, short, long, strict=True):
            assert timeless(mine) == timeless(twin), (method, template)


TAGS = [{"If-Match": '"1"'}, {"If-Match": "*"}, {"If-Match": "x"}, {"If-None-Match": "*"}]
ACTORS = [{"Visor-Actor": "deploy-bot"}, {"Visor-Actor": "é".encode("latin-1")}, {"Visor-Actor": ""}]
CALLS = [{"Idempotency-Key": "k-1"}, {"Idempotency-Key": "k 1"}, {"Idempotency-Key": "x" * 300}]


@pytest.mark.parametrize("more", TAGS + ACTORS + CALLS, ids=str)
def test_headers_count_the_same_both_ways(more):
    with serving() as one, serving() as other:
        for visor in (one, other):
            play(visor, FILL)
        for method, template in WRITES:
            if method == "DELETE" or (method, template) == WAITS:
                continue
            mine, twin = (
                visor.client.request(
                    method,
                    path_of(template),
                    json=BODIES[method, template],
                    headers=[*more.items(), *way.items()],
                )
                for visor, way in ((one, {}), (other, LONG_WAY))
            )
            assert timeless(mine) == timeless(twin), (method, template)
        assert one.rev == other.rev


JSON = {"Content-Type": "application/json"}
BAD = [
    (b"", JSON),
    (b"{", JSON),
    (b"null", JSON),
    (b"[]", JSON),
    (b'{"value": 1}', JSON),
    (b'{"value": "a", "value": "b"}', JSON),
    (b'{"value": "\\ud800"}', JSON),
    (b'{"value": "\xff"}', JSON),
    (b'{"value": NaN}', JSON),
    (b'{"value": "x", "more": 1}', JSON),
    (b"[" * 100 + b"]" * 100, JSON),
    (b'{"value": "' + b"x" * 70_000 + b'"}', JSON),
    (b'{"value": "' + b"x" * 1_100_000 + b'"}', JSON),
    (b'{"value": "x"}', {}),
    (b'{"value": "x"}', {"Content-Type": "text/plain"}),
    (b'{"value": "x"}', {"Content-Type": "application/json; charset=latin-1"}),
    (b'{"value": "x"}', {**JSON, "Content-Encoding": "gzip"}),
]


@pytest.mark.parametrize(("body", "headers"), BAD, ids=lambda value: repr(value)[:40])
def test_bodies_that_are_refused_are_refused_alike(full, body, headers):
    before = full.rev
    for method, template in WRITES:
        if (method, template) in BODIES and BODIES[method, template] is not None and "{key}" in template:
            mine, twin = (
                full.client.request(method, path_of(template), content=body, headers={**headers, **way})
                for way in ({}, LONG_WAY)
            )
            assert said(mine) == said(twin), (method, template)
            assert mine.status_code in (400, 413, 415, 422), (method, template)
    assert full.rev == before


def test_a_body_in_chunks_and_one_that_a_call_does_not_take_go_the_long_way(visor, monkeypatch):
    visor.made("/apps", APP)
    taken = shortened(visor, monkeypatch)
    answer = visor.client.put("/apps/cat/env/cow", content=iter([b'{"value":', b' "moo"}']), headers=JSON)
    assert answer.status_code == 200
    answer = visor.client.request("DELETE", "/apps/cat/env/cow", json={"a": 1})
    assert answer.status_code == 422
    assert visor.client.put("/apps/cat/env/cow?no=1", json={"value": "moo"}).status_code == 422
    assert taken == []


def test_a_write_holds_a_place_until_it_is_answered(visor):
    visor.made("/apps", APP)
    visor.context.slots.max_requests = 0
    mine, twin = (visor.put("/apps/cat/env/cow", {"value": "moo"}, headers=way) for way in ({}, LONG_WAY))
    assert said(mine) == said(twin)
    assert mine.status_code == 429
    assert visor.context.slots.requests == 0


def test_writes_are_counted_by_their_template(visor):
    visor.made("/apps", APP)
    for way in ({}, {}, LONG_WAY):
        visor.put("/apps/cat/env/cow", {"value": "moo"}, headers=way)
    page = visor.get("/metrics").text
    assert 'visor_http_requests_total{method="PUT",route="/apps/{app}/env/{key}",status="200"} 3.0' in page
