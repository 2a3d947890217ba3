"""The leader dies again and again under writes and streams.

`VISOR_TEST_KILLS` is how many times, every 5 s: 4 if not told, 24 for the two minutes of a long run.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx2

from tests.etcd.cluster import Cluster
from tests.etcd.replicas import events_after, replicas, until_ok
from tests.serving import APP, Service
from tests.sse.sse_reader import SseStream

KILLS = int(os.environ.get("VISOR_TEST_KILLS", "4"))
EVERY = 5.0


class Under:
    """Writers and readers that go on whatever happens, and what they have seen."""

    def __init__(self, services: list[Service]) -> None:
        self.services = services
        self.stop = threading.Event()
        self.acknowledged: dict[str, int] = {}
        self.refused: set[str] = set()
        self.unknown: set[str] = set()
        self.gaps: list[float] = []
        self.streams: list[list[int]] = [[] for _ in services]
        self.failures: list[BaseException] = []
        self.last = 0

    def write(self, number: int) -> None:
        """New services, by turns through each replica, as a client does that goes elsewhere on a 503."""
        count, turn, since = 0, number, time.monotonic()
        clients = [httpx2.Client(base_url=s.url, timeout=30, verify=False) for s in self.services]
        while not self.stop.is_set():
            count += 1
            name = f"w{number}-{count}"
            answer = clients[turn % 2].post("/services", json={"name": name})
            if answer.status_code == 201:
                self.acknowledged[name] = answer.json()["rev"]
                self.gaps.append(time.monotonic() - since)
                since = time.monotonic()
            else:
                assert answer.status_code == 503, answer.text
                assert answer.headers["Retry-After"]
                (self.unknown if answer.json().get("outcome") == "unknown" else self.refused).add(name)
                turn += 1
            time.sleep(0.01)
        for client in clients:
            client.close()

    def read(self, number: int) -> None:
        """A default read knows of every write that was acknowledged before it, through whichever replica."""
        with httpx2.Client(base_url=self.services[number].url, timeout=30, verify=False) as client:
            while not self.stop.is_set():
                known = max(self.acknowledged.values(), default=0)
                answer = client.get("/rev")
                assert answer.status_code in (200, 503), answer.text
                assert answer.status_code == 503 or answer.json()["rev"] >= known, "an old state as a new one"
                time.sleep(0.02)

    def follow(self, number: int) -> None:
        """One stream, resumed where it ended, to the last rev there is."""
        place, seen = "0", self.streams[number]
        while not self.last or (seen or [0])[-1] < self.last:
            with SseStream(self.services[number].port, "/events", last_event_id=place) as stream:
                assert stream.status in (200, 503)
                while stream.status == 200 and (frame := stream.next()) is not None:
                    if frame.is_event:
                        seen.append(frame.rev)
                    place = frame.id or place
                    if self.last and (seen or [0])[-1] >= self.last:
                        break

    def guarded(self, work: Callable[[int], None], number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            self.failures.append(error)
            self.stop.set()


def test_the_leader_is_killed_again_and_again(tmp_path: Path) -> None:
    trio = Cluster(tmp_path, 3).start()
    try:
        with replicas(trio.endpoints, "visor", keep_alive=0.5) as services:
            services[0].made("/apps", APP)
            under = Under(services)
            works = [under.write, under.read, under.follow]
            threads = [
                threading.Thread(target=under.guarded, args=(work, n)) for work in works for n in range(2)
            ]
            for thread in threads:
                thread.start()
            for _ in range(KILLS):
                under.stop.wait(EVERY / 2)
                leader = trio.leader()
                leader.kill()
                under.stop.wait(EVERY / 2)
                leader.start()
                trio.wait_healthy(leader)
            under.stop.set()
            for thread in threads[:4]:
                thread.join()
            last = until_ok(lambda: services[0].post("/services", {"name": "last"})).json()["rev"]
            under.last = last
            for thread in threads[4:]:
                thread.join()
            assert not under.failures, under.failures
            _judge(services, under, last)
    finally:
        trio.stop()


def _judge(services: list[Service], under: Under, last: int) -> None:
    told = [events_after(service) for service in services]
    assert told[0] == told[1]
    made = {event["service"]: event["rev"] for event in told[0] if event["type"] == "service-register"}
    registered = [event["service"] for event in told[0] if event["type"] == "service-register"]
    assert len(registered) == len(made), "nothing was done twice"
    for name, rev in under.acknowledged.items():
        assert made.get(name) == rev, f"an acknowledged write is lost: {name}"
    assert not under.refused & made.keys(), "what was called a failure has not happened"
    revs = [event["rev"] for event in told[0]]
    assert revs == sorted(set(revs))
    for seen in under.streams:
        assert seen == revs, "every rev once and in order"
    for rev in (revs[len(revs) // 2], revs[-2], last):
        page = f"/services?limit=1000&rev={rev}"
        assert services[0].get(page).content == services[1].get(page).content
    longest = sorted(under.gaps)[-6:]
    print(  # noqa: T201 - the figures of a long run
        f"{len(under.acknowledged)} written, {len(under.refused)} refused, {len(under.unknown)} unknown;"
        f" the longest times without a write: {', '.join(f'{gap:.2f}' for gap in longest)} s"
    )
    assert len(under.acknowledged) > 20 * KILLS
