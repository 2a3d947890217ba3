"""A plain answer goes out in one piece and leaves nothing behind."""

import gc
import socket
import struct
import sys

import pytest

from tests.http.held import asked, heard, put
from tests.serving import APP, serving

READS = [b"GET /rev", b"GET /apps", b"GET /apps/cat", b"GET /apps/cat/env", b"GET /apps/none"]


def _get(line: bytes, more: bytes = b"") -> bytes:
    return line + b" HTTP/1.1\r\nHost: x\r\n" + more + b"\r\n"


def _segments(one: socket.socket) -> int:
    """How many segments with data have come: `tcpi_data_segs_in` of Linux's `struct tcp_info`."""
    info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160)
    return int(struct.unpack_from("I", info, 152)[0])


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked, and only Linux tells")
def test_each_answer_is_one_packet() -> None:
    """Not one for its headers and one for its body: each wakes the client, and costs the service a call."""
    with serving() as visor:
        visor.post("/apps", APP)
        requests = [_get(line) for line in READS] + [put(n) for n in range(20)]
        with asked(visor, requests[0]) as one:
            heard(one)
            for request in requests[1:]:
                one.sendall(request)
                heard(one)
            assert _segments(one) == len(requests)


@pytest.mark.parametrize("more", [b"Connection: close\r\n", b"Connection: keep-alive, close\r\n"])
def test_who_wants_the_connection_closed_is_told_that_it_is(more: bytes) -> None:
    with serving() as visor, asked(visor, _get(b"GET /apps", more)) as one:
        assert b"\r\nconnection: close\r\n" in heard(one)
        assert one.recv(1) == b""


def test_http_1_0_is_answered_and_closed() -> None:
    with serving() as visor, asked(visor, b"GET /apps HTTP/1.0\r\n\r\n") as one:
        assert heard(one).startswith(b"HTTP/1.1 200 OK\r\n")
        assert one.recv(1) == b""


def test_an_answer_with_another_request_behind_it_keeps_its_turn() -> None:
    """Where more has been sent before it, the connection's present request is no longer the one answered."""
    with serving() as visor:
        visor.post("/apps", APP)
        many = [put(n) if n % 2 else _get(READS[n % 5]) for n in range(40)]
        with asked(visor, b"".join(many) + _get(b"GET /apps", b"Connection: close\r\n")) as one:
            came = b""
            while part := one.recv(65536):
                came += part
        statuses = [int(part[:3]) for part in came.split(b"HTTP/1.1 ")[1:]]
        assert statuses == [404 if n % 10 == 4 else 200 for n in range(40)] + [200]


def test_a_request_leaves_nothing_to_the_garbage_collector() -> None:
    """What it has made goes with it. Else the collector has to look for it, in all that is young."""
    turns = 100
    with serving() as visor, asked(visor, _get(READS[0])) as one:
        heard(one)
        for requests in ([_get(READS[2])] * turns, [put(n % 50, str(n)) for n in range(turns)]):
            gc.collect()
            gc.disable()
            try:
                for request in requests:
                    one.sendall(request)
                    heard(one)
                assert gc.collect() < turns
            finally:
                gc.enable()
