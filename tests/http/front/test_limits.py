"""Limits answer clearly, leave connections whole, and count exactly (traps 7, 9, 10, 36)."""

import asyncio
import time
import urllib.error
import urllib.request

import pytest
from fastapi import Response
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st

from app.errors import TooManyRequests, TooManySubscribers
from app.http.admission import Admission
from app.http.body import Bodies
from app.http.context import Call
from app.http.cors import Cors
from app.http.endpoint import Plan
from app.http.front import Front
from app.http.hosts import Hosts
from app.http.metrics import Metrics
from app.http.permits import Capacity, Permit
from app.http.routes import Routes
from tests.http.front.conftest import open_access

MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}
GET = b"GET /things/a HTTP/1.1\r\nHost: x\r\n\r\n"


def text(size):
    """A body of so many bytes."""
    return b'"%b"' % (b"x" * (size - 2))


def chunked(size, piece=65536):
    """The same, of a length that is not told."""
    whole = text(size)
    for start in range(0, size, piece):
        yield whole[start : start + piece]


def assert_too_large(response):
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["visor-rev"] == "42"
    assert response.json()["code"] == "body-too-large"
    assert response.json()["limit"] == MIB


@pytest.mark.parametrize("path", ["/lax", "/things", "/any", "/nowhere"])
def test_a_body_over_the_limit_is_413_by_its_declared_length(edge, path):
    assert_too_large(edge.client.post(path, content=b"x" * (2 * MIB), headers=JSON))


@pytest.mark.parametrize("path", ["/lax", "/things", "/any"])
def test_a_chunked_body_over_the_limit_is_413(edge, path):
    assert_too_large(edge.client.post(path, content=chunked(2 * MIB), headers=JSON))


def test_a_body_at_the_limit_is_taken(edge):
    assert edge.client.post("/lax", content=text(MIB), headers=JSON).json() == {"size": MIB}
    assert edge.client.post("/lax", content=chunked(MIB), headers=JSON).json() == {"size": MIB}


def test_a_length_beyond_all_numbers_is_refused(edge):
    connection = edge.connect()
    connection.send(b"POST /lax HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999999999\r\n\r\n")
    assert connection.answer().status == 413


def test_the_413_is_sent_at_once_and_the_connection_serves_on(edge):
    connection = edge.connect()
    connection.send(b"POST /lax HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\n\r\n")
    assert connection.answer().status == 413
    connection.send(b"x" * 2 * MIB + GET)
    assert connection.answer().body == b'{"name":"a"}'


def test_the_413_reaches_a_client_that_will_not_reuse_the_connection(edge):
    request = urllib.request.Request(
        f"http://127.0.0.1:{edge.port}/lax", data=b"x" * (8 * MIB), headers={"Connection": "close"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as error:
        opener.open(request, timeout=60)
    with error.value as response:
        assert response.status == 413


def test_a_client_that_asks_first_is_told_413_and_not_to_continue(edge):
    connection = edge.connect()
    connection.send(
        b"POST /lax HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\nExpect: 100-continue\r\n\r\n"
    )
    answer = connection.until_closed()
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"100 Continue" not in answer
    assert b"connection: close" in answer.lower()


def test_a_client_that_asks_first_may_send_what_fits(edge):
    connection = edge.connect()
    connection.send(
        b"POST /lax HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    )
    assert connection.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.send(b'"a"')
    assert connection.answer().body == b'{"size":3}'


@pytest.mark.parametrize("path", [b"/lax", b"/things"])
def test_a_body_that_does_not_arrive_in_time_is_400_and_closed(serve, path):
    with serve(limits={"timeout": 0.4}) as edge:
        connection = edge.connect()
        began = time.monotonic()
        connection.send(b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        # Trickling buys no time.
        for _ in range(5):
            connection.send(b"x")
            time.sleep(0.05)
        answer = connection.until_closed()
        assert 0.3 < time.monotonic() - began < 20
        assert answer.startswith(b"HTTP/1.1 400")
        assert b'"code":"malformed-request"' in answer
        assert b"within 0.4 seconds" in answer
        assert edge.capacity.requests == 0


def test_one_request_too_many_is_429_with_retry_after_but_probes_are_served(serve):
    with serve(max_requests=1) as edge:
        connection = edge.connect()
        connection.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        edge.eventually(lambda: edge.capacity.requests == 1)
        response = edge.client.get("/things/a")
        assert response.status_code == 429
        assert response.headers["retry-after"] == "1"
        assert response.headers["visor-rev"] == "42"
        assert response.json()["code"] == "too-many-requests"
        response = edge.client.post("/things", content=b'{"name": "a"}', headers=JSON)
        assert response.status_code == 429
        assert edge.client.get("/livez").status_code == 200
        assert edge.client.get("/metrics").status_code == 200
        # What the Host header makes of the URL is nothing to go by.
        assert edge.client.get("/things/a", headers={"Host": "x/livez?"}).status_code == 429
        edge.state.gate.set()
        assert connection.answer().status == 200
        assert edge.client.get("/things/a").status_code == 200


def test_streams_and_waiting_calls_take_no_request_place_but_are_limited_too(serve):
    with serve(max_requests=1, max_subscribers=2) as edge:
        stream, waiting = edge.connect(), edge.connect()
        stream.send(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        assert stream.answer().status == 200
        waiting.send(b"GET /wait?waiting=true HTTP/1.1\r\nHost: x\r\n\r\n")
        edge.eventually(lambda: edge.capacity.subscribers == 2)
        assert edge.client.get("/things/a").status_code == 200
        for path in ("/stream", "/wait?waiting=true"):
            response = edge.client.get(path)
            assert response.status_code == 429
            assert response.headers["retry-after"] == "1"
            assert response.json()["code"] == "too-many-subscribers"
        assert edge.capacity.requests == 0
        stream.socket.close()
        edge.eventually(lambda: edge.capacity.subscribers == 1)
        edge.state.gate.set()
        assert waiting.answer().status == 200
        edge.eventually(lambda: edge.capacity.subscribers == 0)


def test_a_stream_is_not_cut_by_the_body_deadline(serve):
    with serve(limits={"timeout": 0.2}) as edge:
        stream = edge.connect()
        stream.send(b"GET /stream HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        assert stream.answer().status == 200
        time.sleep(0.5)
        stream.socket.sendall(b"ab")
        assert edge.capacity.subscribers == 1
        edge.server.should_exit = True
        assert stream.until_closed().endswith(b"event: gone\n\n\r\n0\r\n\r\n")


@given(
    max_requests=st.integers(0, 3),
    max_subscribers=st.integers(0, 3),
    steps=st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["take", "subscribe", "release"]))),
)
def test_places_are_counted_exactly_whatever_happens_in_whatever_order(max_requests, max_subscribers, steps):
    capacity = Capacity(max_requests=max_requests, max_subscribers=max_subscribers)
    every = [Permit(capacity) for _ in range(6)]
    holds = [""] * 6
    for which, step in steps:
        try:
            getattr(every[which], step)()
        except TooManyRequests:
            assert holds.count("take") == max_requests
        except TooManySubscribers:
            assert holds.count("subscribe") == max_subscribers
        else:
            if step == "release":
                holds[which] = ""
            elif step == "subscribe" or not holds[which]:
                holds[which] = step
        assert capacity.requests == holds.count("take") <= max_requests
        assert capacity.subscribers == holds.count("subscribe") <= max_subscribers
    for permit in every:
        permit.release()
    assert (capacity.requests, capacity.subscribers) == (0, 0)


def test_waiting_inside_a_subscription_keeps_it():
    capacity = Capacity(max_requests=1, max_subscribers=1)
    permit = Permit(capacity)
    permit.take()
    permit.subscribe()
    with permit.waiting():
        assert capacity.subscribers == 1
    assert (capacity.requests, capacity.subscribers) == (0, 1)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 3)), max_size=12))
def test_every_place_comes_back_when_requests_are_cancelled_or_fail(plans):
    """Each plan: (waits, fails, at which turn of the loop it is cancelled; 3 is never)."""
    capacity = Capacity(max_requests=4, max_subscribers=3)
    admission = Admission(capacity, patience=0)

    async def answer(call: Call) -> Response:
        waits, fails = call.scope["plan"]
        if waits:
            with call.permit.waiting():
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        if fails:
            raise ValueError
        return Response()

    front = Front(
        Routes([Plan(APIRoute("/x", answer))], {}),
        admission=admission,
        bodies=Bodies(admission),
        metrics=Metrics(),
        hosts=Hosts("127.0.0.1", ["*"]),
        cors=Cors([]),
        access=open_access(),
        rev=lambda: 1,
        lifespan=lambda: None,
    )

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        assert capacity.requests <= 4
        assert capacity.subscribers <= 3

    async def main():
        tasks = []
        for waits, fails, _ in plans:
            scope = {"type": "http", "method": "GET", "path": "/x", "query_string": b"", "headers": []}
            tasks.append(asyncio.create_task(front({**scope, "plan": (waits, fails)}, receive, send)))
        for turn in range(3):
            await asyncio.sleep(0)
            for task, plan in zip(tasks, plans, strict=True):
                if plan[2] == turn:
                    task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
    assert (capacity.requests, capacity.subscribers) == (0, 0)
