"""How long one client waits: it asks several servers by turns of a tenth of a second, one request at a time,
and a loop of fsyncs has its turn between them.

What the machine and its disk do meanwhile falls on all alike, where turns of seconds differ by more than what
is looked for. A process of its own (`python -m bench.waits`), as `bench.load` is.
"""

import json
import os
import select
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

from bench.connection import Connection
from bench.load import ask_process, percentile
from bench.processes import cpu_seconds
from bench.serving import Served
from bench.turns import Plan

TURN = 0.1
ANSWER_SECONDS = 30.0

FSYNC = "fsync"
BLOCK = 16 * 1024
"""Bytes of one write of the loop: what a commit adds to a write-ahead log."""


@dataclass(frozen=True, slots=True)
class Waits:
    """What was waited for in all turns of one side: milliseconds at the median and the 99th percentile, and
    the server's CPU in microseconds for one answer."""

    answers: int
    p50: float
    p99: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A server, and what the client sends to it, again and again from the start. The CPU of the processes
    `pids` is measured."""

    port: int
    script: list[bytes]
    pids: list[int]


def asking(served: Served, script: list[bytes], beside: Served | None = None) -> Asked:
    """The CPU of what runs `beside` the server is counted too."""
    return Asked(served.port, script, served.pids + (beside.pids if beside else []))


def waits(plan: Plan, sides: Mapping[str, Asked]) -> dict[str, list[Waits]]:
    """For each side and for `FSYNC` one figure for each of the plan's repetitions, in each of which a side
    has the plan's seconds. Raises RuntimeError where an answer was wrong."""
    seconds = plan.seconds * (len(sides) + 1)
    said = {
        "sides": {
            name: asdict(side) | {"script": [one.decode("latin-1") for one in side.script]}
            for name, side in sides.items()
        },
        "file": str(plan.directory / "synced"),
        "warmup": plan.warmup,
        "seconds": seconds,
    }
    seen: dict[str, list[Waits]] = {name: [] for name in (*sides, FSYNC)}
    for _ in range(plan.repeat):
        found = ask_process("bench.waits", said, plan.warmup + seconds)
        for name, one in found.items():
            seen[name].append(Waits(**one))
    return seen


class Side(Protocol):
    pids: list[int]

    def once(self) -> None:
        """Ask, and wait for the answer."""


class Client:
    """One connection to a server, which stays open while the others have their turns."""

    def __init__(self, asked: Asked) -> None:
        self.pids = asked.pids
        self._script, self._at = asked.script, count()
        self._connection = Connection(asked.port, b"200")
        self._poll = select.poll()
        self._poll.register(self._connection.socket, select.POLLIN)

    def once(self) -> None:
        self._connection.send(self._script[next(self._at) % len(self._script)])
        whole = False
        while not whole:
            if not self._poll.poll(ANSWER_SECONDS * 1000):
                raise TimeoutError("an answer is missing")
            whole = self._connection.receive()


class Syncing:
    """A file that is written and synced. `pids`: this process's."""

    def __init__(self, path: Path) -> None:
        self.pids = [os.getpid()]
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        self._block, self._at = os.urandom(BLOCK), count()

    def once(self) -> None:
        os.pwrite(self._file, self._block, next(self._at) % 256 * BLOCK)
        os.fdatasync(self._file)


def _turn(side: Side) -> tuple[list[float], float]:
    """How long each answer took in one turn, and the CPU of it."""
    took = list[float]()
    before, now = cpu_seconds(side.pids), time.perf_counter()
    end = now + TURN
    while now < end:
        began = now
        side.once()
        now = time.perf_counter()
        took.append(now - began)
    return took, cpu_seconds(side.pids) - before


def run(sides: Mapping[str, Side], warmup: float, seconds: float) -> dict[str, Waits]:
    took: dict[str, list[float]] = {name: [] for name in sides}
    cpu = dict.fromkeys(sides, 0.0)
    measured = time.perf_counter() + warmup
    end = measured + seconds
    order = list(sides)
    while time.perf_counter() < end or not all(took.values()):
        counts = time.perf_counter() >= measured
        for name in order:
            mine, used = _turn(sides[name])
            if counts:
                took[name] += mine
                cpu[name] += used
        # Each comes after each other as often as before it.
        order.reverse()
    found = {}
    for name, all_of_it in took.items():
        all_of_it.sort()
        p50, p99 = percentile(all_of_it, 0.5) * 1e3, percentile(all_of_it, 0.99) * 1e3
        found[name] = Waits(len(all_of_it), p50, p99, cpu[name] / len(all_of_it) * 1e6)
    return found


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    clients: dict[str, Side] = {
        name: Client(Asked(side["port"], [one.encode("latin-1") for one in side["script"]], side["pids"]))
        for name, side in asked["sides"].items()
    }
    clients[FSYNC] = Syncing(Path(asked["file"]))
    told = run(clients, asked["warmup"], asked["seconds"])
    json.dump({name: asdict(one) for name, one in told.items()}, sys.stdout)
