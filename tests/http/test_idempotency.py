"""Idempotency-Key on POST: the first answer again, byte for byte, and the thing done once."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from app.models import key_terms, keys
from app.settings import Settings
from app.store.embedded.memory_log import NoLog
from app.store.embedded.store import EmbeddedStore
from app.store.snapshots import scan
from app.store.sqlite.log import SqliteLog
from tests.http.every_route import EMPTY, FILL, IDEMPOTENT_POSTS, WRITES, play
from tests.http.expect import invalid, refused
from tests.http.test_racing_writers import at_once
from tests.serving import APP, Service, serving

KEY = {"Idempotency-Key": "7f9c2ba4-e88f"}
APART = {"date", "idempotency-replayed"}


def headers(answer: httpx2.Response) -> list[tuple[str, str]]:
    return [one for one in answer.headers.multi_items() if one[0] not in APART]


def same(replayed: httpx2.Response, first: httpx2.Response) -> None:
    """The first answer again: status, bytes and headers (ETag, Location and Visor-Rev among them)."""
    assert replayed.headers["Idempotency-Replayed"] == "true", replayed.text
    assert "Idempotency-Replayed" not in first.headers
    assert (replayed.status_code, replayed.content) == (first.status_code, first.content)
    assert headers(replayed) == headers(first)


POSTS = [
    (step, template, body)
    for step, (method, template, body) in enumerate(FILL)
    if method == "POST" and template not in IDEMPOTENT_POSTS
]


def numbered(step: int) -> dict[str, str]:
    return {"Idempotency-Key": f"step-{step}"}


def _content_type(request: httpx2.Request) -> dict[str, str]:
    return {name: request.headers[name] for name in ("Content-Type",) if name in request.headers}


def replay_all(visor: Service, first: list[httpx2.Response]) -> None:
    rev = visor.rev
    for step, _, _ in POSTS:
        # As it was sent: some name a rev that was the latest then.
        request = first[step].request
        sent = {"content": request.content, "headers": {**numbered(step), **_content_type(request)}}
        same(visor.client.post(request.url.raw_path.decode(), **sent), first[step])
    assert visor.rev == rev, "a replay commits nothing"


def test_the_session_has_every_post():
    assert {template for _, template, _ in POSTS} == {
        t for method, t in WRITES if method == "POST" and t not in IDEMPOTENT_POSTS
    }


def test_every_post_is_answered_again_as_it_was(tmp_path: Path):
    """At once after, when the resources have changed, when they are gone, when the history of that rev is
    compacted, and after a restart."""
    settings = {"store": f"sqlite:///{tmp_path}/visor.db", "history": 4}
    with serving(**settings) as visor:
        first = play(visor, FILL, numbered)
        replay_all(visor, first)
        play(visor, EMPTY)
        refused(visor.get("/apps?rev=1"), 410, "rev-compacted")
        replay_all(visor, first)
    with serving(**settings) as visor:
        replay_all(visor, first)


def test_a_retry_at_once_does_nothing_more(visor):
    first = visor.post("/apps", APP, headers=KEY)
    again = visor.post("/apps", APP, headers=KEY)
    same(again, first)
    assert (again.status_code, again.headers["Location"]) == (201, "/apps/cat")
    assert visor.rev == visor.nth(1)
    events = visor.get(f"/events?rev={visor.nth(0)}", headers={"Accept": "application/json"}).json()["items"]
    assert [event["rev"] for event in events] == [visor.nth(1)]


def test_a_key_belongs_to_one_request(visor):
    visor.made("/apps", {**APP, "name": "dog"})
    visor.post("/apps", APP, headers=KEY)
    rev = visor.rev
    for path, body in (
        ("/apps", {**APP, "stack": "other"}),
        ("/apps", dict(reversed(APP.items()))),
        ("/services", {"name": "cat"}),
        ("/apps/cat/envs", APP),
    ):
        answer = visor.post(path, body, headers=KEY)
        if path == "/apps/cat/envs":
            invalid(answer, "body")
        else:
            refused(answer, 422, "idempotency-key-reused")
    for app in ("cat", "dog"):
        made = visor.post(f"/apps/{app}/revisions", {"ref": "a"}, headers={"Idempotency-Key": "path"})
    refused(made, 422, "idempotency-key-reused")
    assert visor.rev == visor.after(rev)


def test_16_retries_at_once_do_the_thing_once(visor):
    answers = at_once(visor, 16, lambda client, n: client.post("/apps", json=APP, headers=KEY))
    assert {(a.status_code, a.content) for a in answers} == {(201, answers[0].content)}
    replayed = Counter("Idempotency-Replayed" in answer.headers for answer in answers)
    assert replayed == {False: 1, True: 15}
    assert visor.rev == visor.nth(1)


def test_16_retries_of_a_ticket_register_one(visor):
    visor.runnable()
    ticket = {"app": "cat", "revision": "128af9", "proctype": "web"}
    answers = at_once(visor, 16, lambda client, n: client.post("/instances", json=ticket, headers=KEY))
    assert {answer.json()["id"] for answer in answers} == {1}
    assert len(visor.get("/instances").json()["items"]) == 1


def test_a_refusal_is_not_kept(visor):
    """What was refused may be tried again with the same key, and be done then."""
    body = {"ref": "128af9"}
    refused(visor.post("/apps/cat/revisions", body, headers=KEY), 404, "not-found")
    visor.made("/apps", APP)
    made = visor.post("/apps/cat/revisions", body, headers=KEY)
    assert made.status_code == 201
    assert "Idempotency-Replayed" not in made.headers
    same(visor.post("/apps/cat/revisions", body, headers=KEY), made)
    other = {"Idempotency-Key": "other"}
    refused(visor.post("/apps/cat/revisions", body, headers=other), 409, "already-exists")
    visor.delete("/apps/cat/revisions/128af9")
    assert visor.post("/apps/cat/revisions", body, headers=other).status_code == 201


def test_a_claim_that_found_nothing_is_not_kept(visor):
    visor.runnable()
    assert visor.post("/instances/claim", {"host": "10.0.0.7"}, headers=KEY).status_code == 204
    assert visor.ticket() == 1
    made = visor.post("/instances/claim", {"host": "10.0.0.7"}, headers=KEY)
    assert made.json()["id"] == 1
    same(visor.post("/instances/claim", {"host": "10.0.0.7"}, headers=KEY), made)


def test_a_retry_is_answered_before_its_preconditions_are_judged(visor):
    """They held when the thing was done; what was done has made them untrue."""
    new = {**KEY, "If-None-Match": "*"}
    first = visor.post("/apps", APP, headers=new)
    assert first.status_code == 201
    same(visor.post("/apps", APP, headers=new), first)


def test_a_retry_is_answered_when_the_name_no_longer_resolves(visor, monkeypatch):
    """Names are resolved by the machine's resolver, which a test cannot change but by standing in for it."""
    visor.made("/services", {"name": "memcached"})
    path, body = "/services/memcached/endpoints", {"addr": "localhost", "port": 11211}
    first = visor.post(path, body, headers=KEY)
    assert first.status_code == 201
    find = visor.context.resolver.find
    monkeypatch.setattr(visor.context.resolver, "find", lambda addr: find("nothing.invalid"))
    same(visor.post(path, body, headers=KEY), first)
    assert not visor.post(path, {**body, "port": 1}, headers={"Idempotency-Key": "b"}).is_success


def test_a_replay_is_byte_for_byte_whatever_the_bytes(visor):
    odd = {"a": 'quo"te\\ back', "b": "\u0001\n\u2028\u00e9\U0001f600", "c": "</script>", "d": ""}
    first = visor.post("/apps", {**APP, "env": odd}, headers=KEY)
    assert first.json()["env"] == odd
    visor.patch("/apps/cat/env", {"a": None})
    same(visor.post("/apps", {**APP, "env": odd}, headers=KEY), first)


def test_a_key_is_its_actors_own(visor):
    """What one actor has made is not shown to another who uses the same key, by chance or to find out."""
    mine, other = {**KEY, "Visor-Actor": "alice"}, {**KEY, "Visor-Actor": "bob"}
    first = visor.post("/apps", APP, headers=mine)
    assert first.status_code == 201
    refused(visor.post("/apps", APP, headers=other), 409, "already-exists")
    refused(visor.post("/apps", APP, headers=KEY), 409, "already-exists")
    made = visor.post("/apps", {**APP, "name": "dog"}, headers=other)
    assert made.status_code == 201
    same(visor.post("/apps", APP, headers=mine), first)
    same(visor.post("/apps", {**APP, "name": "dog"}, headers=other), made)


LARGE = {**APP, "env": {f"V{n}": "x" * 60_000 for n in range(15)}}


def test_a_large_answer_is_given_again_while_the_history_has_it(visor):
    """And is not kept a second time."""
    first = visor.post("/apps", LARGE, headers=KEY)
    assert len(first.content) > 900_000
    [record] = scan(visor.context.store.stale(), keys.IDEMPOTENCY)
    assert len(record.value) < 1_000
    visor.patch("/apps/cat/env", {"V1": None, "COW": "moo"})
    same(visor.post("/apps", LARGE, headers=KEY), first)
    visor.delete("/apps/cat")
    same(visor.post("/apps", LARGE, headers=KEY), first)


def test_a_large_answer_that_the_history_no_longer_has_is_409_and_nothing_is_done_twice(tmp_path: Path):
    settings = {"store": f"sqlite:///{tmp_path}/visor.db", "history": 20, "memory_revs": 2}
    with serving(**settings) as visor:
        first = visor.post("/apps", LARGE, headers=KEY)
        for n in range(10):
            visor.put("/apps/cat/env/n", {"value": str(n)})
        same(visor.post("/apps", LARGE, headers=KEY), first)
    with serving(**settings) as visor:
        same(visor.post("/apps", LARGE, headers=KEY), first)
        visor.delete("/apps/cat")
        for n in range(30):
            visor.made("/services", {"name": f"s{n}"})
        rev = visor.rev
        gone = refused(visor.post("/apps", LARGE, headers=KEY), 409, "conflict")
        assert gone["oldest_rev"] == rev - 20
        assert "rev 1 " in gone["detail"]
        refused(visor.post("/apps", {**LARGE, "stack": "other"}, headers=KEY), 422, "idempotency-key-reused")
        assert visor.rev == rev


def test_the_metrics_say_how_many_keys_are_remembered(visor):
    for n in range(3):
        visor.post("/services", {"name": f"s{n}"}, headers={"Idempotency-Key": f"k{n}"})
    figures = dict(line.rsplit(" ", 1) for line in visor.get("/metrics").text.splitlines() if line[0] != "#")
    assert float(figures["visor_idempotency_records"]) == 3
    assert 1_000 < float(figures["visor_idempotency_bytes"]) < 2_000


@pytest.mark.parametrize("key", ["a", "A" * 255, "!~", '"quoted"', "a,b"])
def test_a_key_is_visible_ascii(visor, key):
    first = visor.post("/apps", APP, headers={"Idempotency-Key": key})
    same(visor.post("/apps", APP, headers={"Idempotency-Key": key}), first)


@pytest.mark.parametrize("key", [b"", b"a b", b"A" * 256, "é".encode(), b"a\tb"])
def test_other_keys_are_refused(full, key):
    before = full.rev
    answer = full.client.post("/apps", json={**APP, "name": "dog"}, headers=[(b"Idempotency-Key", key)])
    invalid(answer, "header", "Idempotency-Key")
    assert full.rev == before


class Clock:
    """The time that a store is told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_key_is_free_again_after_24_hours(tmp_path: Path, kind: str):
    clock = Clock()
    log = NoLog() if kind == "memory" else SqliteLog(tmp_path / "visor.db")
    store = EmbeddedStore(log, key_terms.index, history=1000, memory_revs=1000, clock=clock)
    visor = Service(Settings(store="memory:", log_level="warning"), store)
    try:
        first = visor.post("/apps", APP, headers=KEY)
        clock.now += timedelta(hours=24) - timedelta(microseconds=1)
        same(visor.post("/apps", APP, headers=KEY), first)
        clock.now += timedelta(microseconds=1)
        refused(visor.post("/apps", APP, headers=KEY), 409, "already-exists")
        second = visor.post("/apps", {**APP, "name": "dog"}, headers=KEY)
        assert second.status_code == 201
        clock.now += timedelta(hours=23)
        same(visor.post("/apps", {**APP, "name": "dog"}, headers=KEY), second)
    finally:
        visor.stop()


def test_a_key_on_a_put_is_no_matter(visor):
    visor.made("/apps", APP)
    for value in ("1", "2"):
        answer = visor.put("/apps/cat/env/cow", {"value": value}, headers=KEY)
        assert answer.json()["value"] == value
    assert visor.rev == visor.nth(3)
