"""Workers and the signal that ends them, whenever it comes."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from app.server.workers import Workers


@pytest.fixture
def signals_as_they_were() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals_as_they_were")
def test_a_worker_that_is_being_started_when_the_signal_comes_ends_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was not yet among those that are told, and the service never ended."""
    start = subprocess.Popen
    workers: list[subprocess.Popen[bytes]] = []

    def started_meanwhile(*arguments: Any, **how: Any) -> "subprocess.Popen[bytes]":
        workers.append(start(*arguments, **how))
        os.kill(os.getpid(), signal.SIGTERM)
        return workers[-1]

    monkeypatch.setattr(subprocess, "Popen", started_meanwhile)
    with socket.socket() as listening:
        status = Workers([sys.executable, "-c", "import time; time.sleep(20)"], listening, 2).run()
    assert [worker.returncode for worker in workers] == [-signal.SIGTERM] * 2
    assert status == 0
