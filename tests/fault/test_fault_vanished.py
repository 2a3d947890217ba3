"""A client whose network vanishes, without a word, is no subscriber for long: neither one to whom events are
written, nor one that only waits."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from app.server.server import listen
from tests import serving as serving_tests
from tests.etcd.cluster import until
from tests.etcd.namespaces import Machine, enter, machines
from tests.serving import serving

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None, reason="network namespaces need root and iproute2"
)

T = TypeVar("T")


def _on(machine: Machine, make: Callable[[], T]) -> T:
    """What is made by a thread on that machine: a socket stays there."""

    def run() -> T:
        enter(machine.name)
        return make()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result(30)


@pytest.fixture
def two() -> Iterator[tuple[Machine, Machine]]:
    """A machine for the service, and one for its clients."""
    with machines(2) as (here, there):
        yield here, there


@pytest.mark.parametrize("keep_alive", [0.2, 600.0], ids=["it is written to", "it only waits"])
def test_a_client_that_vanishes_is_let_go_within_the_send_timeout(
    two: tuple[Machine, Machine], monkeypatch: pytest.MonkeyPatch, keep_alive: float
) -> None:
    here, there = two
    listening = _on(here, lambda: listen(here.address, 0))
    monkeypatch.setattr(serving_tests, "listen", lambda host, port: listening)
    body = b'{"host":"10.0.0.7","wait":60}'
    asked = [
        b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /instances/claim HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body),
    ]
    quiet = {"keep_alive": keep_alive, "bookmark": 600, "stream_max_age": 0}
    with serving(send_timeout=2, **quiet) as visor:
        address = listening.getsockname()
        clients = [_on(there, lambda: socket.create_connection(address, 30)) for _ in asked]
        for client, request in zip(clients, asked, strict=True):
            client.sendall(request)
        until(lambda: visor.context.capacity.subscribers == 2, "both are there")
        there.unplug()
        # The wait would end by itself after a minute, and the kernel's own patience is a quarter of an hour.
        until(lambda: visor.context.capacity.subscribers == 0, "both are gone", 30)
        for client in clients:
            client.close()


def test_a_client_that_is_there_and_silent_is_kept(
    two: tuple[Machine, Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its kernel answers for it, for many times as long."""
    here, there = two
    listening = _on(here, lambda: listen(here.address, 0))
    monkeypatch.setattr(serving_tests, "listen", lambda host, port: listening)
    with serving(send_timeout=1, keep_alive=600, bookmark=600, stream_max_age=0) as visor:
        client = _on(there, lambda: socket.create_connection(listening.getsockname(), 30))
        with client:
            client.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
            came = b""
            while b"event: bookmark" not in came:
                came += client.recv(4096)
            client.settimeout(5)
            with pytest.raises(TimeoutError):
                client.recv(4096)
            assert visor.context.capacity.subscribers == 1
