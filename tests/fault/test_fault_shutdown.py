"""SIGTERM: the service is gone in time, its streams whole, its waiting calls answered."""

import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.etcd.cluster import free_port
from tests.fault.conftest import Serve
from tests.fault.visor_process import Serving
from tests.sse.sse_reader import SseStream

STREAMS, CLAIMS = 200, 20


def _claim(visor: Serving, host: int) -> int:
    return visor.client.post("/instances/claim", json={"host": f"10.0.0.{host}", "wait": 60}).status_code


def test_a_signal_ends_streams_and_waiting_calls_cleanly(serve: Serve) -> None:
    visor = serve()
    # Not once: streams that are cut now and then are cut.
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        visor.pid or visor.start()
        _subscribed_then_ended(visor, number)
    assert "Traceback" not in visor.said
    assert visor.said == "", "warnings at a shutdown that is as it should be"


def _subscribed_then_ended(visor: Serving, number: int) -> None:
    streams = [SseStream(visor.port, "/events", rev=0) for _ in range(STREAMS)]
    with ThreadPoolExecutor(CLAIMS) as pool:
        claims = [pool.submit(_claim, visor, host) for host in range(CLAIMS)]
        while _subscribers(visor) < STREAMS + CLAIMS:
            time.sleep(0.01)
        visor.made("/members/pms/10.0.0.7", {"version": str(time.time())}, "PUT")
        rev = visor.rev
        visor.signal(number)
        for stream in streams:
            events = [frame for frame in stream.rest() if frame.is_event]
            assert stream.whole, "a stream was cut"
            assert events[-1].rev == rev, "what was acknowledged before the signal was still sent"
            stream.close()
        assert [claim.result(45) for claim in claims] == [204] * CLAIMS
        # They would have waited for a minute: it is the signal that has ended them.
        assert visor.wait() == 0
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", visor.port), 30)


def _subscribers(visor: Serving) -> int:
    for line in visor.get("/metrics").text.splitlines():
        if line.startswith("visor_subscribers "):
            return int(float(line.split()[1]))
    raise AssertionError("no such metric")


def test_the_console_script_ends_at_sigterm(tmp_path: Path) -> None:
    """The command as it is installed, with a stream open and one client that sends nothing."""
    port = free_port()
    visor = subprocess.Popen(
        [Path(sys.executable).with_name("visor"), "serve", "--port", str(port), "--log-level", "warning"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while True:
            try:
                stream = SseStream(port, "/events", rev=0)
                break
            except OSError:
                assert visor.poll() is None, "it did not start"
                time.sleep(0.05)
        with socket.create_connection(("127.0.0.1", port)), stream:
            visor.send_signal(signal.SIGTERM)
            assert [frame.retry is not None for frame in stream.rest()] == [True]
            assert stream.whole
            _, said = visor.communicate(timeout=60)
        assert (visor.returncode, said) == (0, "")
    finally:
        visor.kill()
        visor.wait()
    assert (tmp_path / "visor.db").exists(), "the store's default place"


def test_writes_that_were_accepted_are_finished_at_sigterm(serve: Serve) -> None:
    """Whatever was answered 2xx while it ended is there when it is back; the rest were told."""
    visor = serve()
    answered: dict[str, int] = {}

    def write(number: int) -> None:
        for turn in range(10_000):
            name = f"s{number}-{turn}"
            try:
                answer = visor.client.post("/services", json={"name": name})
            except Exception:
                return
            if answer.status_code == 503:
                return
            assert answer.status_code == 201, answer.text
            answered[name] = answer.json()["rev"]

    with ThreadPoolExecutor(8) as pool:
        writing = [pool.submit(write, number) for number in range(8)]
        while len(answered) < 50:
            time.sleep(0.005)
        assert visor.terminate() == 0
        for each in writing:
            each.result(60)
    visor.start()
    there = {}
    cursor = ""
    while cursor is not None:
        page = visor.get("/services", params={"limit": 1000, **({"cursor": cursor} if cursor else {})}).json()
        there.update({item["name"]: item["rev"] for item in page["items"]})
        cursor = page["next"]
    assert answered.items() <= there.items()
    assert "Traceback" not in visor.said
