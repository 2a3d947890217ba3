"""TLS as clients meet it: what is spoken, what is refused, and that all else is as without."""

import json
import socket
import ssl
import subprocess
from contextlib import suppress

import pytest

from tests.serving import APP, Service
from tests.sse.sse_reader import SseStream
from tests.tls.conftest import Site


def connected(service: Service, context: ssl.SSLContext) -> ssl.SSLSocket:
    raw = socket.create_connection(("127.0.0.1", service.port), timeout=60)
    return context.wrap_socket(raw, server_hostname="localhost")


def rest_of(connection: socket.socket) -> bytes:
    """All that comes until the other side says that it ends. A cut raises."""
    found = b""
    while part := connection.recv(65536):
        found += part
    return found


def test_a_client_that_trusts_the_authority_is_served_as_without_tls(site: Site, secure: Service) -> None:
    with site.client(secure) as client:
        client.headers["Authorization"] = secure.client.headers["Authorization"]
        made = client.post("/apps", json={**APP, "name": "dog"})
        assert made.status_code == 201
        again = client.get("/apps/dog", headers={"If-None-Match": made.headers["ETag"]})
        assert again.status_code == 304
        big = {f"k{n}": "x" * 60_000 for n in range(15)}
        assert client.patch("/apps/dog/env", json=big).status_code == 200
        assert client.get("/apps/dog/env").json()["vars"] == big
        assert client.delete("/apps/dog").status_code == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_these_versions_are_spoken(site: Site, secure: Service, version: ssl.TLSVersion) -> None:
    context = site.context()
    context.minimum_version = context.maximum_version = version
    with connected(secure, context) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert rest_of(connection).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_an_older_one_is_refused(site: Site, secure: Service) -> None:
    context = site.context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="alert protocol version"):
        connected(secure, context)


def test_plain_http_is_told_to_use_https(secure: Service) -> None:
    with socket.create_connection(("127.0.0.1", secure.port), timeout=60) as plain:
        plain.sendall(b"GET /apps HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head, _, body = rest_of(plain).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in head
    assert "https://" in json.loads(body)["detail"]


def test_bytes_that_are_neither_are_refused(secure: Service) -> None:
    with socket.create_connection(("127.0.0.1", secure.port), timeout=60) as strange:
        strange.sendall(b"\x00" * 100)
        assert len(rest_of(strange)) < 100


def test_a_stream_ends_whole_and_resumes_where_it_was(site: Site, secure: Service) -> None:
    """The exact resume, over TLS: nothing is missed, and nothing comes twice."""
    holder = {"Authorization": secure.client.headers["Authorization"]}
    start = secure.rev
    for n in range(3):
        secure.put("/apps/cat/env/n", {"value": str(n)})
    with SseStream(secure.port, "/events", rev=start, headers=holder, tls=site.context()) as stream:
        first = stream.event()
    assert first is not None
    secure.put("/apps/cat/env/n", {"value": "3"})
    with SseStream(
        secure.port, "/events", last_event_id=first.id, headers=holder, tls=site.context()
    ) as stream:
        seen = [first, *stream.events(3)]
    values = [frame.said["object"]["env"]["n"] for frame in seen]
    assert values == ["0", "1", "2", "3"]


def test_many_requests_in_one_connection_and_a_half_close_are_answered(site: Site, secure: Service) -> None:
    """`write_eof` of the client: TLS says that it sends no more, and gets its answers."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = site.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", secure.port), timeout=60) as raw:
        done = False
        while not done:
            with suppress(ssl.SSLWantReadError):
                client.do_handshake()
                done = True
            raw.sendall(outgoing.read())
            if not done:
                incoming.write(raw.recv(65536))
        client.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        with pytest.raises(ssl.SSLWantReadError):
            client.unwrap()
        raw.sendall(outgoing.read())
        raw.shutdown(socket.SHUT_WR)
        incoming.write(rest_of(raw))
    answers = b""
    while incoming.pending or client.pending():
        with suppress(ssl.SSLZeroReturnError):
            answers += client.read(65536)
    with pytest.raises(ssl.SSLZeroReturnError):  # it ends by saying so, and is not cut
        client.read(1)
    assert answers.count(b"HTTP/1.1 200 OK") == 20


def test_curl_asks_with_the_authority_and_without_it_does_not_trust(site: Site, secure: Service) -> None:
    url = f"https://localhost:{secure.port}/livez"
    trusting = ["curl", "-sS", "--cacert", str(site.authority.file), url]
    assert subprocess.run(trusting, capture_output=True, check=True).stdout.startswith(b"{")
    assert subprocess.run(["curl", "-sS", url], capture_output=True, check=False).returncode == 60
