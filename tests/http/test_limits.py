"""Each limit that can be set: what is at it is taken, one more is refused, clearly, and the service goes on.

Bodies, headers and time-outs have their tests in tests/http/front and tests/fault/test_fault_slow_clients.py,
places for subscribers in tests/sse/test_sse_slow_readers.py.
"""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.etcd.cluster import until
from tests.http.expect import invalid, refused
from tests.http.held import JSON, READ, asked, heard, held_writes
from tests.serving import APP, Service, serving

AT_ONCE = {"place_timeout": 0.0}
"""Refused at once where there is no room: waiting has tests/http/test_waiting_for_a_permit.py."""


def full(answer: Any, words: str) -> None:
    said = refused(answer, 429, "too-many-requests")
    assert words in said["detail"]
    assert answer.headers["Retry-After"] == "1"


def test_writes_that_hang_keep_no_read_out() -> None:
    """Their places are fewer than there are; the next write is refused, reads and probes are served."""
    with serving(max_requests=5, max_writes=3, **AT_ONCE) as visor:
        with held_writes(visor, 2):
            assert visor.put("/members/pms/10.0.0.1", {"version": "1"}).status_code == 200, "at the limit"
        with held_writes(visor, 3):
            full(visor.put("/members/pms/10.0.0.1", {"version": "2"}), "3 writes")
            full(visor.post("/apps", APP), "3 writes")
            for path in ("/members/pms", "/rev", "/livez", "/readyz", "/metrics"):
                assert visor.get(path).status_code == 200, path
        assert visor.put("/members/pms/10.0.0.1", {"version": "2"}).status_code == 200
        capacity = visor.context.capacity
        until(lambda: capacity.writes == capacity.requests == 0, "all places are given back")


def test_requests_at_a_time() -> None:
    with serving(max_requests=2, max_writes=2, **AT_ONCE) as visor:
        with held_writes(visor, 1):
            assert visor.get("/rev").status_code == 200, "at the limit"
        with held_writes(visor, 2):
            full(visor.get("/rev"), "2 requests")
            full(visor.get("/nowhere"), "2 requests")
            head = visor.client.head("/rev")
            assert (head.status_code, head.content) == (429, b"")
            assert visor.get("/livez").status_code == 200
        assert visor.get("/rev").status_code == 200


def test_a_refused_request_leaves_its_connection_whole() -> None:
    """Its body is dropped, what follows is served, and what was sent before its turn is answered in order."""
    with serving(max_requests=1, **AT_ONCE) as visor, held_writes(visor, 1):
        with socket.create_connection(("127.0.0.1", visor.port), 60) as one:
            body = b'{"name":"a"}'
            write = b"POST /services HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n" % (JSON, len(body))
            probe = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
            one.sendall(write + body[:5])
            assert heard(one).startswith(b"HTTP/1.1 429")
            one.sendall(body[5:] + probe)
            assert heard(one).startswith(b"HTTP/1.1 200")
            last = probe.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
            one.sendall(write + body + probe + write + body + last)
            came = b""
            while part := one.recv(65536):
                came += part
        found = re.findall(rb"HTTP/1\.1 (\d+)", came)
        assert found == [b"429", b"200", b"429", b"200"], came
        with socket.create_connection(("127.0.0.1", visor.port), 60) as asking:
            asking.sendall(write.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
            came = heard(asking)
            assert came.startswith(b"HTTP/1.1 429"), "it is not told to send what is not wanted"
            assert b"connection: close" in came


def test_a_browser_may_read_the_refusal() -> None:
    """Where other origins are allowed, an answer to one has to say so, a refusal too."""
    with serving(max_requests=1, cors_origins="https://a.example.com") as visor, held_writes(visor, 1):
        answer = visor.get("/rev", headers={"Origin": "https://a.example.com"})
        full(answer, "1 requests")
        assert answer.headers["access-control-allow-origin"] == "https://a.example.com"
        preflight = {"Origin": "https://a.example.com", "Access-Control-Request-Method": "PUT"}
        assert visor.client.options("/rev", headers=preflight).status_code == 204
    with serving(max_requests=1, cors_origins="https://a.example.com") as visor:
        for _ in range(3):
            assert visor.client.options("/rev", headers=preflight).status_code == 204
        assert visor.get("/rev").status_code == 200, "a preflight has kept a place"


def test_more_refusals_than_are_made_in_a_second_wait_their_turn() -> None:
    """None is forgotten, none is out of order with its connection, and a client that leaves is no fault."""
    with serving(max_requests=1, **AT_ONCE) as visor, held_writes(visor, 1), ExitStack() as open_:
        asking = [
            open_.enter_context(socket.create_connection(("127.0.0.1", visor.port), 60)) for _ in range(600)
        ]
        probe = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        for number, one in enumerate(asking):
            # Some have the next request follow at once, which there is a place for.
            one.sendall(READ + probe if number % 2 else READ)
        for one in asking[::7]:
            one.close()
        for number, one in enumerate(asking):
            if number % 7:
                came = heard(one)
                assert came.startswith(b"HTTP/1.1 429"), number
                if number % 2:
                    while part := one.recv(65536):
                        came += part
                    assert re.findall(rb"HTTP/1\.1 (\d+)", came) == [b"429", b"200"], came
        assert visor.get("/livez").status_code == 200


def test_connections_at_a_time() -> None:
    """One too many is told so and closed; those there are go on; a place that is free can be had."""
    with serving(max_connections=3) as visor, ExitStack() as open_:
        held = [
            open_.enter_context(socket.create_connection(("127.0.0.1", visor.port), 60)) for _ in range(3)
        ]
        for one in held:
            one.sendall(READ)
            assert heard(one).startswith(b"HTTP/1.1 200")
        with socket.create_connection(("127.0.0.1", visor.port), 60) as extra:
            extra.sendall(READ)
            came = heard(extra)
            assert came.startswith(b"HTTP/1.1 429")
            assert b"retry-after: 1" in came
            assert b'"code":"too-many-requests"' in came
            assert b"3 connections" in came
            assert extra.recv(4096) == b"", "it is closed"
        for one in held:
            one.sendall(READ)
            assert heard(one).startswith(b"HTTP/1.1 200")
        held[0].close()

        def had() -> bool:
            with socket.create_connection(("127.0.0.1", visor.port), 60) as again:
                again.sendall(READ)
                return heard(again).startswith(b"HTTP/1.1 200")

        until(had, "its place can be had")


def test_bodies_that_are_on_their_way() -> None:
    """Clients that do not send the rest of their bodies keep nobody out, and take so much memory at most."""
    part = b"x" * 1000
    head = b"POST /apps HTTP/1.1\r\nHost: x\r\n%bContent-Length: 2000\r\n\r\n" % JSON
    with serving(max_requests=2, max_arriving=10_000) as visor, ExitStack() as open_:
        for number in range(10):
            one = open_.enter_context(socket.create_connection(("127.0.0.1", visor.port), 60))
            one.sendall(head + part)
            until(
                lambda number=number: visor.context.capacity.arriving == 1000 * (number + 1),
                "its body arrives",
            )
        assert visor.context.capacity.requests == 0, "they hold places"
        assert visor.post("/apps", APP).status_code == 201, "a body that is there at once counts for nothing"
        with socket.create_connection(("127.0.0.1", visor.port), 60) as extra:
            extra.sendall(head + part)
            came = heard(extra)
            assert came.startswith(b"HTTP/1.1 429")
            assert b"10000 bytes together" in came
            assert b"retry-after: 1" in came.lower()
        open_.close()
        until(lambda: visor.context.capacity.arriving == 0, "nothing arrives")
        assert visor.get("/apps/cat").status_code == 200


QUERIES = ["/instances", "/apps/cat/instances", "/apps/cat/proctypes/web/instances", "/events"]


@pytest.fixture(scope="module")
def small() -> Iterator[Service]:
    with serving(max_query=2048, max_filters=5, max_page=100) as service:
        service.runnable()
        yield service


def test_values_of_filters(small: Service) -> None:
    name = {"/events": "type=app-register"}
    for path in QUERIES:
        headers = {"Accept": "application/json"}
        value = name.get(path, "status=running")
        five = f"{path}?" + "&".join([value] * 5)
        assert small.get(five, headers=headers).status_code == 200, path
        said = invalid(small.get(f"{five}&{value}", headers=headers), "query")
        assert "5 values" in said["msg"]
    both = "/instances?" + "&".join(f"app=a{n}&host=h{n}" for n in range(3))
    invalid(small.get(both), "query")


def test_the_length_of_a_query(small: Service) -> None:
    for path, status in (("/instances?host=", 200), ("/rev?", 422)):
        named = "a" * (2048 - len(path.partition("?")[2]))
        query = named if "host" not in path else ".".join(["a" * 60] * 4)
        assert small.get(path + query).status_code == status
    exact = "/apps?cursor=" + "a" * (2048 - len("cursor="))
    refused(small.get(exact), 400, "invalid-cursor")
    said = invalid(small.get(exact + "a"), "query")
    assert "2048 bytes" in said["msg"]


@pytest.mark.parametrize("path", ["/apps", "/instances", "/events", "/apps/cat/revisions"])
def test_the_items_of_a_page(small: Service, path: str) -> None:
    headers = {"Accept": "application/json"}
    assert small.get(f"{path}?limit=100", headers=headers).status_code == 200
    assert small.get(path, headers=headers).status_code == 200
    invalid(small.get(f"{path}?limit=101", headers=headers), "query", "limit")


def test_what_is_refused_below_the_application_is_counted_logged_and_readable_by_a_page(caplog) -> None:
    """A request that is none, a connection too many, and a request that finds no place."""
    ours = "https://a.example.com"
    with (
        caplog.at_level("INFO", "visor.access"),
        serving(max_requests=1, log_level="info", cors_origins=ours, **AT_ONCE) as visor,
    ):
        with asked(
            visor, b"GET /rev HTTP/1.1\r\nHost: x\r\nOrigin: %b\r\nX Y: 1\r\n\r\n" % ours.encode()
        ) as one:
            came = heard(one)
            assert came.startswith(b"HTTP/1.1 400")
        with held_writes(visor, 1):
            answer = visor.get("/rev", headers={"Origin": ours})
            full(answer, "1 requests")
            assert answer.headers["access-control-allow-origin"] == ours
            refused(visor.get("/rev", headers={"Origin": "https://b.example.com"}), 403, "foreign-origin")
            refused(visor.get("/rev", headers={"Host": "evil.example.com"}), 421, "unknown-host")
        page = visor.get("/metrics").text
        assert 'visor_http_requests_total{method="other",route="other",status="400"} 1.0' in page
        assert page.count('visor_http_requests_total{method="GET",route="other",status="429"}') == 1
    fields = [record.fields for record in caplog.records if record.name == "visor.access"]
    assert [one["status"] for one in fields if one["path"] in ("/rev", "-")] == [400, 429, 403, 421]
