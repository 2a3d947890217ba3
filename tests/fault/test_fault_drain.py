"""A drain: all is served as before, but for what `/readyz` answers, and then ends as at any shutdown."""

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import httpx2
import pytest

from tests.etcd.cluster import Cluster, free_port, until
from tests.etcd.replicas import store_url
from tests.fault.conftest import Serve
from tests.fault.visor_process import Serving
from tests.serving import APP
from tests.sse.sse_reader import Frame, SseStream

LONG = 600
"""Seconds: it is ended by a second signal."""


def _is_draining(visor: Serving) -> bool:
    return visor.get("/readyz").status_code != 200


def _drain(visor: Serving) -> None:
    visor.signal(signal.SIGTERM)
    until(lambda: _is_draining(visor), "it drains")


def test_readyz_alone_says_that_it_drains(serve: Serve) -> None:
    visor = serve(drain=LONG)
    assert visor.get("/readyz?draining=404").status_code == 200
    _drain(visor)
    ready = visor.get("/readyz")
    assert (ready.status_code, ready.json()["code"]) == (503, "draining")
    ready = visor.get("/readyz?draining=404")
    assert (ready.status_code, ready.headers["Content-Type"]) == (404, "application/problem+json")
    assert visor.client.head("/readyz?draining=404").status_code == 404
    assert visor.get("/readyz?draining=1").status_code == 422
    for path in ("/livez", "/rev", "/apps", "/metrics"):
        assert httpx2.get(visor.url + path, timeout=60).status_code == 200, "also on new connections"
    assert "draining: serves on for 600 s" in visor.said
    assert visor.terminate() == 0
    assert "ended by a second signal" in visor.said
    assert "Traceback" not in visor.said


def test_what_is_begun_in_a_drain_is_served_and_ends_with_it(serve: Serve) -> None:
    """A stream and a wait from before, others from within; a ticket that comes meanwhile is handed out."""
    visor = serve(drain=LONG)
    visor.made("/apps", APP)
    visor.made("/apps/cat/revisions", {"ref": "r", "archive_url": "https://x/y"})
    visor.made("/apps/cat/proctypes", {"name": "web"})

    def claim(host: int) -> int:
        return visor.client.post("/instances/claim", json={"host": f"10.0.0.{host}", "wait": 60}).status_code

    def waiting() -> float:
        lines = visor.get("/metrics").text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("visor_waiting_calls "))

    with ThreadPoolExecutor(4) as pool, SseStream(visor.port, "/events", rev=0) as before:
        claims = [pool.submit(claim, 1), pool.submit(claim, 2)]
        until(lambda: waiting() == 2, "two wait")
        _drain(visor)
        with SseStream(visor.port, "/events", rev=0) as within:
            claims += [pool.submit(claim, 3), pool.submit(claim, 4)]
            until(lambda: waiting() == 4, "four wait")
            visor.made("/instances", {"app": "cat", "revision": "r", "proctype": "web", "env": None})
            until(lambda: sum(each.done() for each in claims) == 1, "one has it")
            rev = visor.rev
            visor.signal(signal.SIGTERM)
            for stream in (before, within):
                events = [frame for frame in stream.rest() if frame.is_event]
                assert stream.whole, "a stream was cut"
                assert events[-1].rev == rev
        assert sorted(each.result(30) for each in claims) == [200, 204, 204, 204]
    assert visor.wait() == 0


def test_writers_see_no_error_until_it_ends(serve: Serve) -> None:
    """Not one of theirs is refused while it drains; and nothing that was acknowledged is lost."""
    visor = serve(drain=LONG)
    written: list[str] = []
    refused: list[int] = []
    drained = threading.Event()

    def write(number: int) -> None:
        with httpx2.Client(base_url=visor.url, timeout=30) as client:
            for turn in range(100_000):
                name = f"s{number}-{turn}"
                try:
                    answer = client.post("/services", json={"name": name})
                except httpx2.HTTPError:
                    assert drained.is_set(), "a connection was closed before the drain was over"
                    return
                if answer.status_code == 201:
                    written.append(name)
                else:
                    refused.append(answer.status_code)
                    assert drained.is_set(), answer.text
                    return

    with ThreadPoolExecutor(8) as pool:
        writing = [pool.submit(write, number) for number in range(8)]
        until(lambda: len(written) > 50, "they write")
        _drain(visor)
        so_far = len(written)
        until(lambda: len(written) > so_far + 100, "they go on writing")
        drained.set()
        visor.signal(signal.SIGTERM)
        for each in writing:
            each.result(60)
    assert visor.wait() == 0
    assert set(refused) <= {429, 503}
    visor.start()
    there = {event.said["service"] for event in _events(visor) if event.event == "service-register"}
    assert set(written) <= there


def _events(visor: Serving) -> list[Frame]:
    rev = visor.rev
    with SseStream(visor.port, "/events", rev=0) as stream:
        return [frame for frame in stream.up_to(rev) if frame.is_event]


def test_a_drain_ends_by_itself(serve: Serve) -> None:
    visor = serve(drain=1)
    with SseStream(visor.port, "/events", rev=0) as stream:
        visor.signal(signal.SIGTERM)
        list(stream.rest())
        assert stream.whole
    assert visor.wait() == 0
    assert "drained: the service ends" in visor.said


def test_sigint_does_not_drain(serve: Serve) -> None:
    visor = serve(drain=LONG)
    visor.signal(signal.SIGINT)
    assert visor.wait() == 0
    assert "drain" not in visor.said


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_workers_drain_too(tmp_path: Path, ending: int) -> None:
    """A process of its own, for it starts its workers by the command that it was started with."""
    cluster, port, log = Cluster(tmp_path).start(), free_port(), tmp_path / "log"
    command = [sys.executable, "-m", "app.cli", "serve", "--workers", "2", "--port", str(port)]
    flags = ["--drain", str(LONG), "--log-level", "info", "--store", store_url(cluster.endpoints, "visor")]
    with log.open("w") as stderr:
        visor = subprocess.Popen([*command, *flags], stderr=stderr)

    def status(method: str, path: str) -> int:
        # On a connection of its own: either worker may take it.
        with closing(HTTPConnection("127.0.0.1", port, 30)) as asking:
            asking.request(
                method, path, "{}" if method == "PUT" else None, {"Content-Type": "application/json"}
            )
            return asking.getresponse().status

    def all_answer(expected: int) -> bool:
        try:
            return {status("GET", "/readyz?draining=404") for _ in range(20)} == {expected}
        except OSError:
            return False

    try:
        until(lambda: log.read_text().count("listens at") == 2, "both are ready", 120)
        assert all_answer(200)
        visor.send_signal(signal.SIGTERM)
        until(lambda: log.read_text().count("draining: serves on for 600 s") == 2, "both drain")
        assert all_answer(404)
        assert status("PUT", "/members/pms/10.0.0.7") in (200, 201)
        visor.send_signal(ending)
        assert visor.wait(30) == 0
        assert "Traceback" not in log.read_text()
    finally:
        visor.send_signal(signal.SIGINT)
        visor.wait(30)
        cluster.stop()
