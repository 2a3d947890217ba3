"""What a supervisor (systemd) is told: that the service serves, that it is alive, and that it ends."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from app.server.notifier import Notifier, send, watchdog_of
from tests.cli.running import ENVIRONMENT, ROOT, children
from tests.etcd.cluster import Cluster, free_port, until
from tests.etcd.replicas import store_url

Supervisor = socket.socket

PATIENCE = 60


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor's end of the protocol: NOTIFY_SOCKET is its name."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        receiving.bind(os.fspath(tmp_path / "notify"))
        receiving.settimeout(PATIENCE)
        yield receiving


def next_of(supervisor: Supervisor, message: bytes) -> list[bytes]:
    """What came before this message; it has to come."""
    before = []
    end = time.monotonic() + PATIENCE
    while (came := supervisor.recv(256)) != message:
        before.append(came)
        # Signs of life keep the socket's own limit from running out.
        assert time.monotonic() < end, f"{message!r} has not come"
    return before


@contextmanager
def served(supervisor: Supervisor, *arguments: str, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    """`visor serve`, started as a supervisor does."""
    name = supervisor.getsockname()
    address = f"@{name[1:].decode()}" if isinstance(name, bytes) else name
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT), "NOTIFY_SOCKET": address} | variables
    command = [sys.executable, "-m", "app.cli", "serve", *arguments]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_is_ready_when_it_serves_alive_while_it_does_and_says_that_it_ends(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    port = free_port()
    store = f"sqlite:///{tmp_path}/visor.db"
    watchdog = {"WATCHDOG_USEC": "300000"}
    with served(supervisor, "--port", str(port), "--store", store, **watchdog) as visor:
        assert next_of(supervisor, b"READY=1") == [], "nothing comes before it"
        assert httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE).status_code == 200
        for _ in range(5):
            assert next_of(supervisor, b"WATCHDOG=1") == []
        visor.send_signal(signal.SIGTERM)
        assert set(next_of(supervisor, b"STOPPING=1")) <= {b"WATCHDOG=1"}
        assert visor.wait(PATIENCE) == 0


def test_a_drain_is_told_when_it_begins_and_its_end_is_not_told_again(supervisor: Supervisor) -> None:
    """The loop goes on to send signs of life: a drain is longer than a supervisor waits for one."""
    arguments = ["--port", str(port := free_port()), "--store", "memory:", "--drain", "600"]
    with served(supervisor, *arguments, WATCHDOG_USEC="300000") as visor:
        next_of(supervisor, b"READY=1")
        visor.send_signal(signal.SIGTERM)
        next_of(supervisor, b"STOPPING=1")
        assert httpx2.get(f"http://127.0.0.1:{port}/apps", timeout=PATIENCE).status_code == 200
        for _ in range(5):
            assert next_of(supervisor, b"WATCHDOG=1") == []
        visor.send_signal(signal.SIGTERM)
        assert visor.wait(PATIENCE) == 0
        supervisor.setblocking(False)
        with pytest.raises(BlockingIOError):
            next_of(supervisor, b"STOPPING=1")


def test_a_service_that_cannot_start_is_never_ready(supervisor: Supervisor, tmp_path: Path) -> None:
    (tmp_path / "visor.db").write_bytes(b"no store" * 1000)
    arguments = ["--port", "0", "--store", f"sqlite:///{tmp_path}/visor.db"]
    with served(supervisor, *arguments) as visor:
        assert visor.wait(PATIENCE) == 1
    supervisor.setblocking(False)
    with pytest.raises(BlockingIOError):
        supervisor.recv(256)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract sockets")
def test_an_abstract_socket_is_written_with_an_at_sign() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        receiving.bind(f"\0visor-test-{os.getpid()}")
        receiving.settimeout(PATIENCE)
        with served(receiving, "--port", "0", "--store", "memory:"):
            assert receiving.recv(256) == b"READY=1"


def test_a_loop_that_is_stuck_sends_no_sign_of_life(supervisor: Supervisor) -> None:
    held, stuck = threading.Event(), threading.Event()

    def stick() -> None:
        stuck.set()
        held.wait(PATIENCE)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        Notifier(supervisor.getsockname(), watchdog=0.15).stay_alive(loop)
        loop.call_later(0.3, stick)
        await asyncio.to_thread(stuck.wait, PATIENCE)
        await over.wait()

    over = asyncio.Event()
    runner = asyncio.Runner()
    loop = runner.get_loop()
    thread = threading.Thread(target=runner.run, args=[serve()], daemon=True)
    thread.start()
    next_of(supervisor, b"WATCHDOG=1")
    assert stuck.wait(PATIENCE)
    supervisor.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while supervisor.recv(256):
            pass
    supervisor.settimeout(1.5)
    with pytest.raises(TimeoutError):
        supervisor.recv(256)
    held.set()
    supervisor.settimeout(PATIENCE)
    assert supervisor.recv(256) == b"WATCHDOG=1", "the loop goes on, and so do its signs"
    loop.call_soon_threadsafe(over.set)
    thread.join(PATIENCE)
    runner.close()


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_a_watchdog_is_obeyed_if_it_is_for_this_process(given: dict[str, str], seconds: float | None) -> None:
    assert watchdog_of(given) == seconds


def test_a_supervisor_that_is_gone_or_does_not_read_disturbs_nobody(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    send(os.fspath(tmp_path / "nobody"), b"READY=1")
    for _ in range(5000):
        send(supervisor.getsockname(), b"WATCHDOG=1")
    Notifier.of({}).ready()


def test_workers_are_ready_when_all_are_and_one_that_is_stuck_is_started_again(
    supervisor: Supervisor, etcd: Cluster, tmp_path: Path
) -> None:
    port = free_port()
    arguments = ["--workers", "2", "--port", str(port), "--store", store_url(etcd.endpoints, tmp_path.name)]
    with served(supervisor, *arguments, WATCHDOG_USEC="6000000") as parent:
        next_of(supervisor, b"READY=1")
        assert httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE).status_code == 200
        workers = children(parent.pid)
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGSTOP)
        until(lambda: workers[0] not in children(parent.pid), "it is killed", PATIENCE)
        until(lambda: len(children(parent.pid)) == 2, "there are two again", PATIENCE)
        assert workers[1] in children(parent.pid), "the other one was left alone"
        next_of(supervisor, b"WATCHDOG=1")
        parent.send_signal(signal.SIGTERM)
        next_of(supervisor, b"STOPPING=1")
        _, said = parent.communicate(timeout=PATIENCE)
        assert parent.returncode == 0, said
        assert re.search(rf"worker {workers[0]} has sent no sign of life", said)
