"""Two replicas on three members behind the proxy of `deploy/`: what clients notice of a replica that is
stopped, killed or hangs. At 40 calls a second, half of them PUT."""

import logging
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import httpx2
import pytest
import yaml

from tests.etcd.cluster import Cluster, until
from tests.etcd.replicas import store_url
from tests.fault.haproxy import CONFIG, HAPROXY, HAProxy
from tests.fault.steady_calls import SteadyCalls, steady_calls
from tests.fault.visor_process import Launcher, Serving
from tests.sse.sse_reader import SseStream

if HAPROXY is None:
    pytest.skip(
        "stop, kill and hang behind the proxy are left out: they need HAProxy (`apt-get install haproxy`, or "
        "VISOR_TEST_HAPROXY=/path/to/haproxy)",
        allow_module_level=True,
    )

_log = logging.getLogger(__name__)

NAMES = ("visor-a", "visor-b")
SETTINGS = yaml.safe_load(CONFIG.with_name("cluster.yml").read_text())["x-replica"]["environment"]


class Front:
    """The cluster as its clients see it, and its replicas by name."""

    def __init__(self, launcher: Launcher, directory: Path, stack: ExitStack) -> None:
        cluster = Cluster(directory, 3).start()
        stack.callback(cluster.stop)
        self.replicas = {
            name: stack.enter_context(
                closing(
                    Serving(
                        launcher,
                        directory / name,
                        url=store_url(cluster.endpoints, "visor"),
                        drain=SETTINGS["VISOR_DRAIN"],
                        allowed_hosts="proxy",
                        insecure="true",
                    )
                )
            )
            for name in NAMES
        }
        for replica in self.replicas.values():
            replica.start()
        ports = {name: replica.port for name, replica in self.replicas.items()}
        self.proxy = stack.enter_context(closing(HAProxy(directory, ports)))
        self.url = f"http://127.0.0.1:{self.proxy.port}"
        until(self._serves, "the proxy serves")

    def _serves(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/readyz", timeout=60).status_code == 200
        except httpx2.HTTPError:
            return False

    def start(self, name: str) -> None:
        """Start a replica, until it gets calls."""
        mark = len(self.proxy.logged)
        self.replicas[name].start()
        self.proxy.wait_for(name, "UP", mark)

    def has_all(self, calls: SteadyCalls) -> None:
        """Nothing that was acknowledged is lost."""
        there: set[str] = set()
        cursor: str | None = ""
        while cursor is not None:
            page = httpx2.get(
                f"{self.url}/members/pms", params={"cursor": cursor} if cursor else {}, timeout=60
            ).json()
            there |= {member["addr"] for member in page["items"]}
            cursor = page["next"]
        assert calls.acknowledged
        assert calls.acknowledged <= there


@pytest.fixture(scope="module")
def front(launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with ExitStack() as stack:
        yield Front(launcher, tmp_path_factory.mktemp("front"), stack)


def _told(what: str, calls: SteadyCalls) -> None:
    """For docs/reliability.md: `pytest --log-cli-level=warning` shows it."""
    slowest = max(call.seconds for call in calls.calls)
    _log.warning(
        "%s: %d calls, %s failed, the slowest took %.1f s", what, len(calls.calls), calls.failed, slowest
    )


def test_stopping_one_replica_after_the_other_is_noticed_by_nobody(front: Front) -> None:
    """No call fails; streams end after a whole event, and calls that wait get their 204."""

    def claim(number: int) -> int:
        body = {"host": f"10.0.0.{number}", "wait": 60}
        return httpx2.post(f"{front.url}/instances/claim", json=body, timeout=90).status_code

    with ThreadPoolExecutor(12) as pool, steady_calls(front.proxy.port, "stopped") as calls:
        streams = [SseStream(front.proxy.port, "/events", rev=0, timeout=90) for _ in range(6)]
        ended = [pool.submit(stream.rest) for stream in streams]
        claims = [pool.submit(claim, number) for number in range(1, 7)]
        until(lambda: _waiting(front) == 6, "all wait")
        for name in NAMES:
            mark = len(front.proxy.logged)
            assert front.replicas[name].terminate() == 0
            assert f"/{name} is stopping" in front.proxy.logged[mark:], (
                "it ended before the proxy saw its drain"
            )
            front.start(name)
        assert [waited.result(60) for waited in claims] == [204] * 6
        for events in ended:
            assert len(events.result(60)) > 10
    _told("stopped", calls)
    assert all(stream.whole for stream in streams), "a stream was cut"
    for stream in streams:
        stream.close()
    assert not calls.failed
    front.has_all(calls)


def _waiting(front: Front) -> int:
    """Calls that wait, on both replicas."""
    lines = [line for each in front.replicas.values() for line in each.get("/metrics").text.splitlines()]
    return sum(int(float(line.split()[1])) for line in lines if line.startswith("visor_waiting_calls "))


def test_of_a_killed_replica_only_calls_in_flight_fail(front: Front) -> None:
    """And those that HAProxy itself holds. Nor does one that comes back get a call before it can serve."""
    with steady_calls(front.proxy.port, "killed") as calls:
        until(lambda: len(calls.calls) > 40, "they call")
        mark = len(front.proxy.logged)
        killed = time.monotonic()
        front.replicas["visor-a"].kill()
        gone = time.monotonic()
        front.proxy.wait_for("visor-a", "DOWN", mark)
        down = time.monotonic()
        front.start("visor-a")
    _told("killed", calls)
    assert not [call for call in calls.failed if call.began > down or call.ended < killed]
    # HAProxy 2 may wait for a second before it tries another replica, and cuts such a call when the first one
    # is marked as down meanwhile. It answers 503 where it has tried no other.
    late = [call for call in calls.failed if call.began > gone]
    assert len(late) <= 1
    assert "503" not in [call.failure for call in late]
    front.has_all(calls)


def test_no_call_waits_for_a_replica_that_hangs(front: Front) -> None:
    """It is taken out of service after two checks, and what hangs there is cut, streams too, so that a
    browser comes again. That takes 3.3 s at most: two checks of a second, and what is before each."""

    def goes_on(stream: SseStream) -> None:
        while stream.next() is not None:
            pass

    with ThreadPoolExecutor(6) as pool, steady_calls(front.proxy.port, "hung") as calls:
        streams = [SseStream(front.proxy.port, "/events", rev=0, timeout=90) for _ in range(6)]
        reading: list[Future[None]] = [pool.submit(goes_on, stream) for stream in streams]
        until(lambda: len(calls.calls) > 40, "they call")
        mark = len(front.proxy.logged)
        hung = time.monotonic()
        front.replicas["visor-a"].signal(signal.SIGSTOP)
        try:
            front.proxy.wait_for("visor-a", "DOWN", mark)
            down = time.monotonic()
            until(lambda: any(each.done() for each in reading), "its streams are cut")
            assert not all(each.done() for each in reading), "those of the other replica go on"
            so_far = len(calls.calls)
            until(lambda: len(calls.calls) > so_far + 80, "they go on calling")
            mark = len(front.proxy.logged)
        finally:
            front.replicas["visor-a"].signal(signal.SIGCONT)
        front.proxy.wait_for("visor-a", "UP", mark)
        so_far = len(calls.calls)
        until(lambda: len(calls.calls) > so_far + 40, "they go on calling")
        for stream in streams:
            stream.socket.shutdown(socket.SHUT_RDWR)
        for each in reading:
            each.result(30)
    _told("hung", calls)
    for stream in streams:
        stream.close()
    assert max(call.seconds for call in calls.calls) < 4
    assert not [call for call in calls.failed if call.began > down or call.ended < hung]
    front.has_all(calls)
