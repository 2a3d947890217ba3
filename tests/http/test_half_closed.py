"""A client that has said all it will say, and closed its side of the connection, gets its answers: as
`printf .. | nc -N` does. It may also have left; so nothing waits on its behalf.
"""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.etcd.cluster import until
from tests.http.held import JSON, asked, held_writes, put
from tests.serving import Service, serving


@pytest.fixture(scope="module")
def visor() -> Iterator[Service]:
    with serving() as service:
        service.runnable()
        yield service


def _said(visor: Service, sent: bytes) -> bytes:
    """All that comes until the server closes, to a client that has closed its side."""
    with asked(visor, sent) as one:
        one.shutdown(socket.SHUT_WR)
        return _rest(one)


def _rest(one: socket.socket) -> bytes:
    came = b""
    while part := one.recv(65536):
        came += part
    return came


def _request(line: bytes, body: bytes = b"") -> bytes:
    more = JSON + b"Content-Length: %d\r\n" % len(body) if body else b""
    return line + b" HTTP/1.1\r\nHost: x\r\n" + more + b"\r\n" + body


def test_a_write_is_done_and_answered(visor: Service) -> None:
    for number in range(20):
        answer = _said(visor, _request(b"POST /services", b'{"name":"s%d"}' % number))
        assert answer.startswith(b"HTTP/1.1 201"), answer
    assert len(visor.get("/services").json()["items"]) == 20


def test_a_read_is_answered(visor: Service) -> None:
    for line in (b"GET /rev", b"GET /apps/cat", b"HEAD /apps/cat", b"GET /metrics", b"GET /openapi.json"):
        assert _said(visor, _request(line)).startswith(b"HTTP/1.1 200")


def test_a_large_answer_comes_whole(visor: Service) -> None:
    for number in range(50):
        visor.put(f"/apps/cat/env/large{number}", {"value": "x" * 9000})
    answer = _said(visor, _request(b"GET /apps/cat"))
    assert len(json.loads(answer.partition(b"\r\n\r\n")[2])["env"]) >= 50


def test_all_that_were_sent_in_one_breath_are_answered(visor: Service) -> None:
    sent = b"".join(put(n, "half-closed") for n in range(30)) + _request(b"GET /nowhere")
    answers = _said(visor, sent).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200"] * 30 + [b"404"]


def test_a_write_that_is_being_worked_on_is_answered_when_it_is_done() -> None:
    with serving() as visor:
        store, held, release = visor.context.store, threading.Event(), threading.Event()
        transact = store.transact

        async def holding(*given: Any) -> Any:
            held.set()
            while not release.is_set():  # noqa: ASYNC110 - set from another thread
                await asyncio.sleep(0.005)
            return await transact(*given)

        store.transact = holding
        with asked(visor, put(7)) as one:
            assert held.wait(30)
            one.shutdown(socket.SHUT_WR)
            # By the time that another is answered the end of its side has come too.
            assert visor.get("/rev").status_code == 200
            release.set()
            answer = _rest(one)
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"connection: close" in answer


def test_one_that_waits_for_its_permit_gets_it(visor: Service) -> None:
    with serving(max_requests=1, place_timeout=60) as full:
        with held_writes(full, 1):
            one = asked(full, put(7))
            one.shutdown(socket.SHUT_WR)
            until(lambda: full.app.admission.waiting == 1, "it waits")
        with one:
            assert _rest(one).startswith(b"HTTP/1.1 200")


def test_a_claim_of_a_ticket_that_is_there_is_answered_with_it(visor: Service) -> None:
    ticket = visor.ticket()
    answer = _said(visor, _request(b"POST /instances/claim", b'{"host":"10.0.0.7","wait":60}'))
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert visor.get(f"/instances/{ticket}").json()["status"] == "claimed"


def test_a_wait_ends_at_once_with_what_there_is(visor: Service) -> None:
    """As if its time were over. A host that has left must not be given the ticket that comes next."""
    answer = _said(visor, _request(b"POST /instances/claim", b'{"host":"10.0.0.7","wait":60}'))
    assert answer.startswith(b"HTTP/1.1 204"), answer
    ticket = visor.ticket()
    assert visor.get(f"/instances/{ticket}").json()["status"] == "pending"
    answer = _said(visor, _request(b"GET /instances/%d?status=failed&wait=60" % ticket))
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert b'"status":"pending"' in answer
    rev = visor.rev
    line = b"GET /events?rev=%d&wait=60 HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n" % rev
    answer = _said(visor, line)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["items"] == []


def test_a_stream_sends_what_has_happened_and_ends_whole(visor: Service) -> None:
    answer = _said(visor, _request(b"GET /events?rev=%d" % visor.start))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"text/event-stream" in head
    assert body.endswith(b"0\r\n\r\n"), "the last chunk"
    assert b"event: app-register" in body
    until(lambda: visor.context.capacity.subscribers == 0, "its permit is given back")


def test_a_stream_ends_too_when_its_client_closes_its_side_later(visor: Service) -> None:
    with asked(visor, _request(b"GET /events")) as one:
        came = one.recv(4096)
        one.shutdown(socket.SHUT_WR)
        came += _rest(one)
    body = came.partition(b"\r\n\r\n")[2]
    assert body.endswith(b"0\r\n\r\n")
    until(lambda: visor.context.capacity.subscribers == 0, "its permit is given back")


@pytest.mark.parametrize(
    "sent",
    [
        put(8)[:-1],
        put(8)[:30],
        b"PUT /members/pms/10.0.1.8 HTTP/1.1\r\nHost: x\r\n"
        + JSON
        + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}",
        b"G",
    ],
    ids=["of a body", "of a head", "of chunks", "of a line"],
)
def test_half_a_request_is_told_that_it_is(visor: Service, sent: bytes) -> None:
    before = visor.rev
    answer = _said(visor, sent)
    assert answer.startswith(b"HTTP/1.1 400"), answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "malformed-request"
    assert visor.rev == before


def test_what_came_before_half_a_request_is_answered(visor: Service) -> None:
    answers = _said(visor, put(9) + _request(b"GET /rev") + put(8)[:-1]).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200", b"200", b"400"]


def test_a_connection_on_which_nothing_was_asked_is_closed(visor: Service) -> None:
    assert _said(visor, b"") == b""
    assert _said(visor, b"\r\n\r\n") == b""
