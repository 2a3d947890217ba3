"""Writes and default reads behave as one copy, and revs follow real time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.serving import Service

WRITERS, READERS, TURNS = 4, 4, 40


@dataclass
class Seen:
    """When each call began and ended, and the rev that it made or read."""

    writes: list[tuple[float, float, int]] = field(default_factory=list)
    reads: list[tuple[float, float, int]] = field(default_factory=list)
    acknowledged: dict[str, int] = field(default_factory=dict)


def _write(visor: Service, seen: Seen, number: int) -> None:
    key = f"k{number}"
    with httpx2.Client(base_url=visor.url, timeout=30, verify=False) as client:
        for turn in range(TURNS):
            began = time.monotonic()
            answer = client.put(f"/apps/cat/env/{key}", json={"value": str(turn)})
            assert answer.status_code == 200
            seen.writes.append((began, time.monotonic(), answer.json()["rev"]))
            seen.acknowledged[key] = turn


def _read(visor: Service, seen: Seen, number: int, stop: threading.Event) -> None:
    paths = ["/apps/cat", "/apps", "/apps/cat/env", "/instances", "/rev"]
    with httpx2.Client(base_url=visor.url, timeout=30, verify=False) as client:
        while not stop.is_set():
            for path in paths[number % len(paths) :] + paths[: number % len(paths)]:
                before = dict(seen.acknowledged)
                began = time.monotonic()
                answer = client.get(path)
                seen.reads.append((began, time.monotonic(), int(answer.headers["visor-rev"])))
                _check_reads_all(answer.json(), path, before)


def _check_reads_all(said: Any, path: str, before: dict[str, int]) -> None:
    env = {"/apps/cat": "env", "/apps/cat/env": "vars"}.get(path)
    if path == "/apps":
        said, env = said["items"][0], "env"
    if env:
        for key, turn in before.items():
            assert int(said[env][key]) >= turn, f"{path} does not see {key}={turn}, acknowledged before"


def test_reads_see_every_write_acknowledged_before_they_began(visor: Service) -> None:
    visor.runnable()
    seen, stop = Seen(), threading.Event()
    with ThreadPoolExecutor(WRITERS + READERS) as pool:
        reading = [pool.submit(_read, visor, seen, number, stop) for number in range(READERS)]
        writing = [pool.submit(_write, visor, seen, number) for number in range(WRITERS)]
        try:
            for each in writing:
                each.result()
        finally:
            stop.set()
        for each in reading:
            each.result()
    assert len({rev for _, _, rev in seen.writes}) == WRITERS * TURNS, "two writes at one rev"
    _check_order(seen.writes, seen.writes, strictly=True)
    _check_order(seen.writes, seen.reads, strictly=False)
    _check_order(seen.reads, seen.reads, strictly=False)
    _check_order(seen.reads, seen.writes, strictly=True)


def _check_order(
    first: list[tuple[float, float, int]], then: list[tuple[float, float, int]], *, strictly: bool
) -> None:
    """What ended before another began has a rev that is lower, or at least not higher."""
    ended = sorted((end, rev) for _, end, rev in first)
    highest, at = 0, 0
    for began, _, rev in sorted(then):
        while at < len(ended) and ended[at][0] < began:
            highest = max(highest, ended[at][1])
            at += 1
        assert rev > highest if strictly else rev >= highest, f"rev {rev} after {highest}"


def test_of_racing_creates_one_wins_and_the_others_see_it(visor: Service) -> None:
    def create(number: int) -> tuple[int, int]:
        with httpx2.Client(base_url=visor.url, timeout=30, verify=False) as client:
            answers = [client.post("/services", json={"name": f"s{turn}"}) for turn in range(20)]
            for turn, answer in enumerate(answers):
                assert client.get(f"/services/s{turn}").status_code == 200
                assert answer.status_code in (201, 409)
        return sum(a.status_code == 201 for a in answers), len(answers)

    with ThreadPoolExecutor(6) as pool:
        assert sum(won for won, _ in pool.map(create, range(6))) == 20
    assert visor.rev == 20


def test_a_waiter_is_told_after_the_write_is_there_to_read(visor: Service) -> None:
    """Who acts on an event reads what it tells of."""
    visor.runnable()
    wake = threading.Barrier(2)

    def wait() -> None:
        with httpx2.Client(base_url=visor.url, timeout=30, verify=False) as client:
            place = "3"
            for turn in range(30):
                wake.wait(20)
                page = client.get(
                    "/events?wait=20", headers={"Accept": "application/json", "Last-Event-ID": place}
                ).json()
                place = page["next"]
                (event,) = page["items"]
                assert client.get("/apps/cat/env/k").json() == {
                    "rev": event["rev"],
                    "key": "k",
                    "value": str(turn),
                }

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait)
        for turn in range(30):
            wake.wait(20)
            visor.put("/apps/cat/env/k", {"value": str(turn)})
        waiting.result(30)
