"""Clients that say half of what they have to say, or nothing: they keep nobody out, and are let go."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.fault.conftest import Serve
from tests.fault.visor_process import Serving
from tests.serving import APP

CROWD = 150
HEAD = b"POST /apps HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

SLOW = {
    "silent": b"",
    "half a request line": b"GET /apps/c",
    "half a header": b"GET /apps/cat HTTP/1.1\r\nHost: localhost\r\nX-Half: ",
    "no body": HEAD + b"Content-Length: 100\r\n\r\n",
    "half a body": HEAD + b'Content-Length: 100\r\n\r\n{"name": "dog", ',
    "half a chunk": HEAD + b'Transfer-Encoding: chunked\r\n\r\n40\r\n{"name": "dog", ',
    "no last chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
}


@contextmanager
def _crowd(visor: Serving, said: bytes) -> Iterator[list[socket.socket]]:
    with ExitStack() as open_:
        crowd = []
        for _ in range(CROWD):
            one = open_.enter_context(socket.create_connection(("127.0.0.1", visor.port), 60))
            one.sendall(said)
            crowd.append(one)
        yield crowd


@pytest.mark.parametrize("kind", SLOW)
def test_a_crowd_of_slow_clients_keeps_nobody_out(serve: Serve, kind: str) -> None:
    """They are many times as many as there are places, and everybody else is served; each is let go at its
    time limit, told so where it had sent its headers; nothing of what they began is done."""
    visor = serve(max_requests=10, max_writes=5, header_timeout=2, body_timeout=2)
    visor.made("/apps", APP)
    with _crowd(visor, SLOW[kind]) as crowd:
        for turn in range(20):
            assert visor.get("/apps/cat").status_code == 200
            visor.made("/apps/cat/env/a", {"value": f"{turn}"}, "PUT")
        for one in crowd:
            came = b""
            while part := one.recv(65536):
                came += part
            if b"body" in kind.encode() or "chunk" in kind:
                assert came.startswith(b"HTTP/1.1 400"), came
                assert b"did not arrive within 2 seconds" in came
            else:
                assert came == b""
    assert visor.rev == 21
    assert visor.get("/apps/dog").status_code == 404
    assert visor.said == ""


def test_a_crowd_of_idle_connections_keeps_nobody_out(serve: Serve) -> None:
    """Up to as many as are allowed; and they are told when they are too many."""
    visor = serve(max_connections=CROWD + 20)
    visor.made("/apps", APP)
    with _crowd(visor, b"GET /apps/cat HTTP/1.1\r\nHost: localhost\r\n\r\n") as crowd:
        for one in crowd:
            assert one.recv(65536).startswith(b"HTTP/1.1 200")
        for turn in range(20):
            visor.made("/apps/cat/env/a", {"value": f"{turn}"}, "PUT")
        with _crowd(visor, b"") as more:
            refused = 0
            for one in more[20:]:
                came = one.recv(65536)
                assert came.startswith(b"HTTP/1.1 429"), came
                assert b"connections" in came
                refused += 1
            assert refused == CROWD - 20
        end = time.monotonic() + 20
        while True:
            with socket.create_connection(("127.0.0.1", visor.port), 60) as again:
                again.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                if again.recv(65536).startswith(b"HTTP/1.1 200"):
                    break
            assert time.monotonic() < end, "what is free again cannot be had"
    assert "Traceback" not in visor.said
