"""No client uses up what is there for all: each token, or else each address, has limits of its own.

What one client is refused (429 with `"scope": "client"`) others are given at the same moment.
"""

import os
import shutil
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, TypeVar

import httpx2
import pytest

from app.http import clients
from app.http.clients import ClientLimits, Clients, client_address
from app.models.token import new_id, new_token
from app.server.server import listen
from tests import serving as serving_tests
from tests.access.holders import Holder, closed_service, give, grant
from tests.access.test_streams import stream
from tests.etcd.cluster import until
from tests.etcd.namespaces import enter, machines
from tests.http.expect import refused
from tests.http.held import JSON, asked, heard, heard_all, held_writes, put
from tests.serving import APP, serving
from tests.sse.sse_reader import SseStream

T = TypeVar("T")
OPERATOR = grant("operator")


def at_its_limit(answer: httpx2.Response, words: str, code: str = "too-many-requests") -> None:
    said = refused(answer, 429, code)
    assert said["scope"] == "client"
    assert words in said["detail"]
    assert int(answer.headers["Retry-After"]) >= 1


def bearer(holder: Holder) -> bytes:
    return b"Authorization: Bearer %b\r\n" % holder.token.encode()


def test_requests_of_one_token() -> None:
    with closed_service(client_requests=2) as visor:
        busy, other = give(visor, OPERATOR), give(visor, OPERATOR)
        with held_writes(visor, 2, bearer(busy)):
            at_its_limit(busy.get("/services"), "2 requests")
            at_its_limit(busy.ask("POST", "/services", {"name": "a"}), "2 requests")
            assert busy.get("/livez").status_code == 200
            assert other.ask("POST", "/services", {"name": "b"}).status_code == 201
        until(lambda: busy.get("/services").status_code == 200, "what it had is given back")
        assert 'visor_client_refusals_total{limit="requests"} 2.0' in visor.get("/metrics").text


def test_requests_whose_bodies_are_still_coming_count_for_their_client() -> None:
    """They hold no permit of the server's; of its own a client has no more than it may all the same."""
    with closed_service(client_requests=2) as visor, ExitStack() as open_:
        slow, other = give(visor, OPERATOR), give(visor, OPERATOR)
        for n in range(2):
            whole = put(n, headers=bearer(slow))
            half = open_.enter_context(asked(visor, whole[:-5]))
            until(
                lambda n=n: visor.context.capacity.arriving == (n + 1) * (len(b'{"version":"1"}') - 5), "half"
            )
        at_its_limit(slow.get("/services"), "2 requests")
        assert other.get("/services").status_code == 200
        half.close()
        until(lambda: slow.get("/services").status_code == 200, "the one that has left counts no more")


def test_streams_and_waiting_calls_of_one_token() -> None:
    with closed_service(client_subscribers=2, kept_for_claims=0) as visor, ExitStack() as open_:
        many, other = give(visor, OPERATOR), give(visor, OPERATOR)
        first = open_.enter_context(stream(many))
        open_.enter_context(stream(many))
        at_its_limit(many.get("/events"), "2 streams", "too-many-subscribers")
        at_its_limit(many.get("/events/list?wait=5"), "2 streams", "too-many-subscribers")
        assert many.get("/services").status_code == 200, "its other calls are served"
        open_.enter_context(stream(other))
        first.close()
        until(lambda: many.get("/events/list?wait=1").status_code == 200, "one that ended counts no more")


def test_hosts_that_wait_for_a_ticket_have_room_that_streams_do_not_get() -> None:
    with serving(max_subscribers=4, kept_for_claims=2) as visor, ExitStack() as open_:
        for _ in range(2):
            open_.enter_context(SseStream(visor.port, "/events"))
        answer = visor.get("/events")
        assert refused(answer, 429, "too-many-subscribers")["scope"] == "server"
        assert "2 streams" in answer.json()["detail"]
        claim = b'{"host":"10.0.0.7","wait":60}'
        head = b"POST /instances/claim HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n" % (
            JSON,
            len(claim),
        )
        for n in range(2):
            open_.enter_context(asked(visor, head + claim))
            until(lambda n=n: visor.context.capacity.claims == n + 1, "it waits")
        refused(visor.post("/instances/claim", {"host": "10.0.0.8", "wait": 1}), 429, "too-many-subscribers")
    with serving() as visor:
        capacity = visor.context.capacity
        assert (capacity.max_subscribers, capacity.kept_for_claims) == (5000, 500)


def test_writes_of_one_token_in_a_second() -> None:
    """Reads do not count, nor do the writes of others; after `Retry-After` it may write again."""
    with closed_service(client_writes=5) as visor:
        busy, other = give(visor, OPERATOR), give(visor, OPERATOR)
        began = time.monotonic()
        done = 0
        while (over := busy.ask("PUT", "/members/pms/10.0.0.1", {"version": f"{done}"})).status_code == 200:
            done += 1
            assert done <= 5 + 5 * (time.monotonic() - began) + 1
        assert done >= 5
        at_its_limit(over, "5 writes in a second")
        assert busy.get("/members/pms").status_code == 200
        assert other.ask("PUT", "/members/pms/10.0.0.2", {"version": "1"}).status_code == 200
        time.sleep(int(over.headers["Retry-After"]))
        assert busy.ask("PUT", "/members/pms/10.0.0.1", {"version": "x"}).status_code == 200


def test_connections_of_one_token() -> None:
    """One more is told so, and closed. A proxy's connection is always that of the client whose request it
    carries: it is nobody's own."""
    read = b"GET /services HTTP/1.1\r\nHost: x\r\n%b\r\n"
    with closed_service(client_connections=2) as visor, ExitStack() as open_:
        many, other = give(visor, OPERATOR), give(visor, OPERATOR)
        held = [open_.enter_context(asked(visor, read % bearer(many))) for _ in range(2)]
        for one in held:
            assert heard(one).startswith(b"HTTP/1.1 200")
        extra = open_.enter_context(asked(visor, read % bearer(many)))
        came = heard(extra)
        assert came.startswith(b"HTTP/1.1 429")
        assert b'"scope":"client"' in came
        assert extra.recv(100) == b"", "it is closed"
        held[0].sendall(read % bearer(other))
        assert heard(held[0]).startswith(b"HTTP/1.1 200")
        again = open_.enter_context(asked(visor, read % bearer(many)))
        assert heard(again).startswith(b"HTTP/1.1 200"), "that connection is another's now"


def test_this_machine_without_a_token_is_not_counted() -> None:
    """What comes from loopback is the operator's own, or a proxy's; a service is tried out without limits."""
    with serving(client_connections=1, client_requests=1, client_subscribers=1, client_writes=1) as visor:
        with held_writes(visor, 3), SseStream(visor.port, "/events"), SseStream(visor.port, "/events"):
            assert visor.get("/services").status_code == 200
        assert [visor.post("/services", {"name": f"a{n}"}).status_code for n in range(5)] == [201] * 5
        assert len(visor.app.admission.clients) == 0


def _on(machine: Any, make: Callable[[], T]) -> T:
    """What is made by a thread on that machine: a socket stays there."""

    def run() -> T:
        enter(machine.name)
        return make()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result(30)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="needs network namespaces")
def test_addresses_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two machines one does too much of everything; the other is served."""
    limits = {"client_connections": 3, "client_requests": 1, "client_subscribers": 1, "client_writes": 1}
    with machines(3) as (here, busy, other):
        listening = _on(here, lambda: listen(here.address, 0))
        monkeypatch.setattr(serving_tests, "listen", lambda host, port: listening)
        address = listening.getsockname()
        with serving(insecure=True, allowed_hosts="*", **limits) as visor, ExitStack() as open_:

            def connection(machine: Any) -> socket.socket:
                made = _on(machine, lambda: socket.create_connection(address, 30))
                return open_.enter_context(made)

            def ask(one: socket.socket, request: bytes) -> bytes:
                one.sendall(request)
                return heard(one)

            first, second, third = (connection(busy) for _ in range(3))
            first.sendall(put(1)[:-3])
            until(lambda: visor.context.capacity.arriving > 0, "its body is on its way")
            assert b"1 requests" in ask(second, b"GET /services HTTP/1.1\r\nHost: x\r\n\r\n")
            assert ask(first, put(1)[-3:]).startswith(b"HTTP/1.1 200")
            second.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
            until(lambda: visor.context.capacity.subscribers == 1, "it has its stream")
            came = ask(third, b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b'"scope":"client"' in came
            assert b"too-many-subscribers" in came
            first.sendall(b"".join(put(1, f"{n}") for n in range(10)))
            assert b"1 writes in a second" in b"".join(heard_all(first, 10))
            came = heard(connection(busy))
            assert came.startswith(b"HTTP/1.1 429")
            assert b"3 connections" in came
            theirs = connection(other)
            assert ask(theirs, put(3)).startswith(b"HTTP/1.1 200")
            assert ask(theirs, b"GET /services HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_tokens_that_are_none_make_no_clients() -> None:
    """Else anybody could fill the memory, or be a new client with each request."""
    with closed_service() as visor:
        known = len(visor.app.admission.clients)
        for _ in range(50):
            answer = visor.get("/apps", headers={"Authorization": f"Bearer {new_token(new_id())}"})
            assert answer.status_code == 401
        assert len(visor.app.admission.clients) == known


def test_clients_that_have_nothing_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not those that have something, and not who has just written as often as it may."""
    monkeypatch.setattr(clients, "SWEPT_EVERY", 0)
    monkeypatch.setattr(clients, "SWEPT_AT", 50)
    all_of = Clients(ClientLimits(connections=1, writes=1))
    held = [all_of.connected((f"10.1.0.{n}", 1)) for n in range(20)]
    writer = all_of.connected(("10.2.0.1", 1))
    assert writer.client is not None
    writer.client.begin(writes=True)
    writer.client.requests -= 1
    writer.leave()
    for n in range(200):
        all_of.connected((f"10.3.0.{n}", 1)).leave()
    assert len(all_of) <= clients.SWEPT_AT + 1
    with pytest.raises(clients.TooManyRequests):
        all_of.connected(("10.1.0.7", 1))
    again = all_of.connected(("10.2.0.1", 1))
    assert again.client is not None
    with pytest.raises(clients.TooManyRequests):
        again.client.begin(writes=True)
    for one in held:
        one.leave()


@pytest.mark.parametrize(
    ("address", "counted_by"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("127.0.0.1", None),
        ("127.8.8.8", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
        ("", None),
        ("/run/visor.sock", None),
    ],
)
def test_a_machine_has_one_address_to_be_counted_by(address: str, counted_by: str | None) -> None:
    """One machine may have 2**64 addresses of IPv6, and its own address of IPv4 in another spelling."""
    assert client_address(address) == counted_by


def test_limits_are_a_tenth_of_the_whole_if_not_set() -> None:
    with serving(max_requests=70, max_connections=5) as visor:
        limits = visor.app.admission.clients.limits
        assert (limits.connections, limits.requests, limits.subscribers, limits.writes) == (1, 7, 500, 200)
        assert visor.post("/apps", APP).status_code == 201


def test_zero_is_no_limit() -> None:
    limits = {"client_requests": 0, "client_connections": 0, "client_subscribers": 0, "client_writes": 0}
    with closed_service(max_requests=10, **limits) as visor, ExitStack() as open_:
        holder: Holder = give(visor, OPERATOR)
        with held_writes(visor, 4, bearer(holder)):
            assert holder.get("/services").status_code == 200
        for _ in range(3):
            open_.enter_context(stream(holder))
        names = [holder.ask("POST", "/services", {"name": f"a{n}"}).status_code for n in range(20)]
        assert names == [201] * 20
