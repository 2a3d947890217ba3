"""A handshake is bounded as a request is: in time, in bytes, and among the connections there may be."""

import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.etcd.cluster import until
from tests.serving import Service
from tests.tls.conftest import Site
from tests.tls.test_tls_serves import connected, rest_of

GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


def hello(site: Site) -> bytes:
    """How a client begins."""
    outgoing = ssl.MemoryBIO()
    client = site.context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def dialed(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=60)


def connections(service: Service) -> int:
    return len(service.server.server_state.connections)


def ends(connection: socket.socket) -> bool:
    """Whether the service closes it, whatever it says before."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


def drip(data: bytes, connection: socket.socket) -> None:
    for byte in data:
        try:
            connection.sendall(bytes([byte]))
        except OSError:
            return
        time.sleep(0.02)


SLOW: dict[str, Callable[[bytes, socket.socket], Any]] = {
    "silent": lambda data, connection: None,
    "half": lambda data, connection: connection.sendall(data[: len(data) // 2]),
    "one byte at a time": drip,
    "whole, and no more": lambda data, connection: connection.sendall(data),
}


def test_a_handshake_has_the_time_that_headers_have(site: Site) -> None:
    with site.serving(header_timeout=0.5) as service:
        slow = {name: dialed(service) for name in SLOW}
        for name, connection in slow.items():
            SLOW[name](hello(site), connection)
        for name, connection in slow.items():
            assert ends(connection), name
            connection.close()
        until(lambda: connections(service) == 0, "none is left", 20)


def test_handshakes_count_among_the_connections_and_the_next_is_told(site: Site) -> None:
    """Else any number of half handshakes would be open files, past `max_connections`."""
    with site.serving(max_connections=3, header_timeout=60) as service:
        service.client.close()
        held = [dialed(service) for _ in range(3)]
        held[0].sendall(hello(site))
        until(lambda: connections(service) == 3, "they count", 20)
        with connected(service, site.context()) as another:
            answer = rest_of(another)
            assert answer.startswith(b"HTTP/1.1 429 "), answer
        held.pop().close()
        until(lambda: connections(service) == 2, "one has gone", 20)
        with connected(service, site.context()) as another:
            another.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            assert rest_of(another).startswith(b"HTTP/1.1 200 ")
        for connection in held:
            connection.close()


def test_a_handshake_counts_for_the_address_that_it_comes_from(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    # This machine itself is not counted: it has another's address here.
    monkeypatch.setattr("app.http.clients.client_address", lambda address: "10.0.0.99")
    with site.serving(client_connections=3, header_timeout=60) as service:
        service.client.close()
        held = [dialed(service) for _ in range(3)]
        until(lambda: connections(service) == 3, "they count", 20)
        with connected(service, site.context()) as another:
            answer = rest_of(another)
            assert answer.startswith(b"HTTP/1.1 429 "), answer
            assert b'"scope":"client"' in answer
        for connection in held:
            connection.close()
        until(lambda: connections(service) == 0, "none is left", 20)
        assert service.app.admission.clients.connected(("10.0.0.99", 1)).client.connections == 1


def test_those_that_are_too_many_and_never_finish_their_handshake_are_bounded_too(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.server.tls_connection.MAX_LINGERING", 2)
    with site.serving(max_connections=1, header_timeout=60) as service:
        service.client.close()
        held = [dialed(service) for _ in range(3)]
        until(lambda: service.server.config.lingering == 2, "two are heard", 20)
        with dialed(service) as further:
            assert ends(further)
        for connection in held:
            connection.close()
        until(lambda: connections(service) == service.server.config.lingering == 0, "none is left", 20)


def test_a_handshake_is_bounded_in_bytes(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.server.tls_connection.MAX_HANDSHAKE", 1000)
    with site.serving(header_timeout=60) as service, dialed(service) as connection:
        # A record of a length that its client never fills.
        connection.sendall(b"\x16\x03\x01\x40\x00" + b"\x01\x00\x3f\xfc" + b"x" * 2000)
        assert ends(connection)


def test_a_shutdown_does_not_wait_for_a_handshake(site: Site) -> None:
    with site.serving(header_timeout=60, shutdown_timeout=30) as service:
        connection = dialed(service)
        connection.sendall(hello(site))
        until(lambda: connections(service) >= 1, "it is there", 20)
        began = time.monotonic()
    assert time.monotonic() - began < 15
    assert ends(connection)
    connection.close()


def test_a_client_that_reads_nothing_is_let_go(site: Site) -> None:
    with site.serving(send_timeout=0.5, memory_bytes=1024) as service:
        service.made("/apps", {"name": "cat", "repo_url": "ssh://x/y", "stack": "s"})
        service.patch("/apps/cat/env", {f"k{n}": "x" * 60_000 for n in range(14)})
        token = service.client.headers["Authorization"].encode()
        ask = b"GET /apps/cat HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + token + b"\r\n\r\n"
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(20)
        raw.connect(("127.0.0.1", service.port))
        with site.context().wrap_socket(raw, server_hostname="localhost") as frozen:
            frozen.sendall(ask * 10)
            # The service's own client is the other connection.
            until(lambda: connections(service) == 1, "it is let go", 20)
