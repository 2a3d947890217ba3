"""POST /import of what is no export: a clear refusal that names the line, and nothing is changed."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from app.http import import_file, importing
from tests.http.expect import invalid, refused
from tests.http.import_files import (
    APP,
    ENDED,
    ENDPOINT,
    ENVSET,
    INSTANCE,
    LINES,
    MEMBER,
    PROCTYPE,
    REVISION,
    RUNNER,
    SCALE,
    SERVICE,
    TIME,
    WHOLE,
    file_of,
    line,
    object_line,
    signed,
)
from tests.serving import Service, serving

HEADER = line({"visor": 1, "rev": 7, "at": TIME, "schema": 3})
GOOD = object_line("/apps/cat", APP)
PATH = "/apps/cat"


def sent(visor: Service, file: Any, query: str = "") -> Any:
    return visor.post(f"/import{query}", content=file, headers=LINES)


def one(path: str, content: Any, ended: bool = False) -> bytes:
    """A file with what an export has before such an object, and with this one."""
    at = next((at for at, each in enumerate(WHOLE) if _alike(each[0], path)), 0)
    return file_of(*WHOLE[:at], (path, content, ended))


def _alike(one: str, other: str) -> bool:
    return one.split("/")[1::2] == other.split("/")[1::2]


BAD_LINES = {
    "no JSON": b"{no\n",
    "a list": b"[1]\n",
    "not UTF-8": b'{"path":"\xff"}\n',
    "half a surrogate pair": GOOD.replace(b"lenny", b"\\ud800"),
    "NaN": GOOD.replace(b'"rev":7', b'"rev":NaN'),
    "a key twice": GOOD.replace(b'"rev":7', b'"rev":7,"rev":7'),
    "deep": b'{"path":"/apps/cat","object":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
    "many values": b'{"path":"/apps/cat","object":[' + b"0," * 100_000 + b"0]}\n",
    "a long number": GOOD.replace(b'"rev":7', b'"rev":' + b"7" * 5000),
    "huge": object_line(PATH, {**APP, "stack": "x" * import_file.MAX_LINE}),
    "huge, without an end": b"x" * (import_file.MAX_LINE + 5),
    "empty": b"\n",
    "no object": line({"path": PATH}),
    "more than an object": line({"path": PATH, "object": APP, "more": 1}),
    "an object that is none": line({"path": PATH, "object": 7}),
    "a path that is none": line({"path": 7, "object": APP}),
    "ended, and is not": line({"path": "/instances/2", "ended": False, "object": ENDED}),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_line_that_cannot_be_read_is_named(full: Service, name: str) -> None:
    before = full.rev
    file = HEADER + GOOD.replace(b"/apps/cat", b"/apps/bat").replace(b'"cat"', b'"bat"') + BAD_LINES[name]
    for rest in (b"", GOOD):
        said = refused(sent(full, file + rest, "?mode=merge"), 422, "invalid-request", line=3)
        assert said["errors"][0]["loc"][:2] == ["body", 3]
        assert "Line 3" in said["detail"]
        assert "Nothing was imported." in said["detail"]
    assert full.rev == before


@pytest.fixture(scope="module")
def empty() -> Iterator[Service]:
    """A service that has nothing, and gets nothing."""
    with serving() as service:
        yield service


WRONG: list[tuple[str, Any, tuple[Any, ...]]] = [
    ("/apps/cat", {**APP, "name": "dog"}, ("path",)),
    ("/apps/cat", {**APP, "stack": 7}, ("object", "stack")),
    ("/apps/cat", {**APP, "stack": "a\0b"}, ("object", "stack")),
    ("/apps/cat", {**APP, "more": 1}, ("object", "more")),
    ("/apps/cat", {**APP, "env": {"a=b": "c"}}, ("object", "env")),
    ("/apps/cat", {**APP, "env": {"k": "x" * 70_000}}, ("object", "env")),
    ("/apps/cat", {**APP, "rev": -1}, ("object", "rev")),
    ("/apps/cat", {**APP, "created_at": "2026-11-30T18:04:11"}, ("object", "created_at")),
    ("/apps/cat", {**APP, "created_at": 7}, ("object", "created_at")),
    ("/apps/cat", {**APP, "updated_at": "0001-01-01T00:00:00+14:00"}, ("object",)),
    ("/apps/cat", {**APP, "head": "none"}, ("object", "head")),
    ("/apps/..", {**APP, "name": ".."}, ("path",)),
    ("/apps/cat/env/cow", {"value": "moo"}, ("path",)),
    ("/schema", {"version": 3}, ("path",)),
    ("/tokens/a", {}, ("path",)),
    ("/apps/cat/revisions/r1", {**REVISION, "app": "dog"}, ("path",)),
    ("/apps/cat/revisions/r1", {**REVISION, "archive_url": None}, ("object", "state")),
    ("/apps/dog/revisions/r1", {**REVISION, "app": "dog"}, ("object",)),
    ("/apps/dog/envs/e1", {**ENVSET, "app": "dog"}, ("object",)),
    ("/apps/cat/envs/e1", {**ENVSET, "vars": {"": "x"}}, ("object", "vars")),
    ("/apps/cat/proctypes/web", {**PROCTYPE, "port": 70_000}, ("object", "port")),
    ("/apps/cat/proctypes/web", {**PROCTYPE, "limits": {"memory_limit_mb": 0}}, ("object", "limits")),
    ("/apps/cat/proctypes/web/scale/r1", {**SCALE, "target": 10_001}, ("object", "target")),
    ("/apps/cat/proctypes/web/scale/r2", {**SCALE, "revision": "r2"}, ("object",)),
    ("/services/a_b", {**SERVICE, "name": "a_b"}, ("path",)),
    ("/services/no/endpoints/10-0-0-7-11211", {**ENDPOINT, "service": "no"}, ("object",)),
    ("/services/memcached/endpoints/10-0-0-7-80", {**ENDPOINT, "id": "10-0-0-7-80"}, ("object", "id")),
    ("/services/memcached/endpoints/10-0-0-7-11211", {**ENDPOINT, "ip": "010.0.0.7"}, ("object", "ip")),
    ("/runners/10.0.0.7:9000", {**RUNNER, "host": "10.0.0.8"}, ("object", "host")),
    ("/runners/10.0.0.7:9000", {**RUNNER, "instance_id": 0}, ("object", "instance_id")),
    ("/members/loggers/10.0.0.7", {**MEMBER, "kind": "loggers"}, ("object", "addr")),
    ("/members/pms/10.0.0.7", {**MEMBER, "ttl": 0}, ("object", "ttl")),
    ("/instances/1", {**INSTANCE, "id": 2}, ("path",)),
    ("/instances/1", {**INSTANCE, "id": True}, ("object", "id")),
    ("/instances/1", {**INSTANCE, "status": "strolling"}, ("object", "status")),
    ("/instances/1", {**INSTANCE, "host": None}, ("object", "host")),
    ("/instances/1", {**INSTANCE, "claim_rev": 0}, ("object", "claim_rev")),
    ("/instances/1", {**INSTANCE, "hostname": None}, ("object", "hostname")),
    ("/instances/1", {**INSTANCE, "status": "pending"}, ("object", "host")),
    ("/instances/1", {**INSTANCE, "status": "lost"}, ("object", "ended_at")),
    ("/instances/1", {**INSTANCE, "env": "none"}, ("object",)),
    (
        "/instances/1",
        {**INSTANCE, "claims": [{"host": "a", "at": "2026-11-30T18:04:11", "error": None}]},
        ("object", "claims"),
    ),
    ("/instances/2", ENDED, ("object",)),
]


@pytest.mark.parametrize(("path", "content", "place"), WRONG)
def test_an_object_that_is_none_of_ours_is_named_with_its_field(
    empty: Service, path: str, content: Any, place: tuple[Any, ...]
) -> None:
    visor = empty
    file = one(path, content)
    number = file.count(b"\n") - 1
    for query in ("", "?mode=merge", "?dry_run=true"):
        invalid(sent(visor, file, query), "body", number, *place)
    assert visor.rev == 0


def test_every_object_of_the_examples_is_right_else(empty: Service) -> None:
    """What makes the refusals above mean what they say."""
    for path, content, *ended in WHOLE:
        answer = sent(empty, one(path, content, *ended), "?dry_run=true")
        assert answer.status_code == 200, answer.text


HEADS: dict[str, Any] = {
    "another form": {"visor": 2},
    "no number": {"visor": True},
    "of a newer Visor": {"schema": 4},
    "no schema": {"schema": "3"},
    "more": {"more": 1},
    "no counters": {"next": 7},
    "a counter too many": {"next": {"instance": 1, "port": 1, "app": 1}},
    "a counter that is none": {"next": {"instance": 0, "port": 1}},
}


@pytest.mark.parametrize("name", HEADS)
def test_the_first_line_says_what_it_is(full: Service, name: str) -> None:
    refused(sent(full, file_of(("/apps/cat", APP), **HEADS[name])), 422, "invalid-request", line=1)


def test_a_file_of_anything_else_is_refused(full: Service) -> None:
    for file in (b"", b"\n", b"\0" * 100, b"PK\x03\x04", GOOD, b'{"apps":[]}', b"SQLite format 3\0" * 9):
        refused(sent(full, file), 422, "invalid-request", line=1)
    for media_type in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        answer = full.post("/import", content=file_of(), headers={"Content-Type": media_type})
        refused(answer, 415, "unsupported-media-type")
    packed = full.post("/import", content=file_of(), headers={**LINES, "Content-Encoding": "gzip"})
    refused(packed, 415, "unsupported-media-type")


def test_lines_have_the_order_of_an_export(full: Service) -> None:
    lines = [object_line(*each) for each in WHOLE]
    for at in range(len(lines) - 1):
        swapped = [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]
        refused(sent(full, signed([HEADER, *swapped])), 422, "invalid-request", line=at + 3)
        twice = [*lines[: at + 1], lines[at], *lines[at + 1 :]]
        refused(sent(full, signed([HEADER, *twice])), 422, "invalid-request", line=at + 3)


def test_a_file_that_was_changed_is_found_out(memory_visor: Service) -> None:
    """In a file of one commit before anything is done."""
    file = file_of(*WHOLE)
    for changed in (
        file.replace(b"lenny", b"buster"),
        file.replace(b'"objects":11', b'"objects":12'),
        file.replace(b'"objects":11', b'"objects":true'),
        file.replace(b'"end":true', b'"end":false'),
        file.replace(b'"sha256":"', b'"sha256":"0'),
        file + b"\n",
        file + GOOD,
        file[: file.rindex(b"{")],
        file[:-5],
    ):
        detail = refused(sent(memory_visor, changed), 422, "invalid-request")["detail"]
        assert "Nothing was imported." in detail
    assert memory_visor.rev == 0
    assert sent(memory_visor, file.removesuffix(b"\n")).status_code == 200  # as some editors leave it


def test_what_can_be_seen_at_the_end_only_says_what_was_done(
    memory_visor: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "OBJECTS", 3)
    visor, changed = memory_visor, file_of(*WHOLE).replace(b"lenny", b"buster")
    said = refused(sent(visor, changed), 422, "invalid-request", line=len(WHOLE) + 2)
    assert said["done"] == {"imported": 9, "unchanged": 0, "left": 0, "commits": 3, "rev": 3}
    assert "9 objects were imported before, up to rev 3" in said["detail"]


def test_a_file_over_the_limit_is_refused_before_it_is_read_or_where_it_is_passed() -> None:
    with serving(max_import=2048) as visor:
        limit = refused(sent(visor, file_of(*WHOLE)), 413, "body-too-large", limit=2048)
        assert "2048" in limit["detail"]
        parts = [file_of(*WHOLE)[:2000], b"x" * 3000]
        said = refused(sent(visor, iter(parts)), 413, "body-too-large", limit=2048)
        assert "Nothing was imported" in said["detail"]
        assert visor.rev == 0
        # It is the limit of this body alone, and that of others is not its own.
        visor.made("/apps", {"name": "cat", "repo_url": "r", "stack": "s", "env": {"k": "x" * 60_000}})


def test_a_file_may_take_long_as_long_as_it_comes(memory_visor: Service) -> None:
    """`body_timeout` is for each part of it; one that does not go on is let go, with what has come."""
    file = file_of(*WHOLE)
    with serving(body_timeout=0.4) as visor:

        def in_time() -> Any:
            for at in range(0, len(file), 600):
                yield file[at : at + 600]
                visor.get("/livez")

        assert sent(visor, in_time()).status_code == 200
        with socket.create_connection(("127.0.0.1", visor.port)) as client:
            client.settimeout(30)
            head = b"POST /import HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n"
            client.sendall(head + file[:100])
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"malformed-request" in answer
        assert not visor.context.importing
