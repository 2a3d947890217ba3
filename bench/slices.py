"""Two servers on one core, under load by turns of a tenth of a second: what the machine does meanwhile falls
on both alike, and the figure is the median of many ratios.

For differences of a few percent, which turns of seconds do not show on a busy machine. A process of its own
(`python -m bench.slices`), as `bench.load` is.
"""

import json
import select
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bench.connection import Connection
from bench.load import Load, ask_process
from bench.processes import cpu_seconds

SLICE = 0.1
DRAIN_SECONDS = 30.0
"""How long answers are waited for that were under way at the end of a slice."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What one server did in its turn. `cpu` is its own, in seconds."""

    answers: int
    seconds: float
    cpu: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU for one answer, in microseconds."""
        return self.cpu / max(self.answers, 1) * 1e6


def by_slices(first: Load, second: Load) -> tuple[list[Slice], list[Slice]]:
    """What each did, slice by slice, in the `seconds` of the first, after its `warmup`. Raises RuntimeError
    where an answer was wrong."""
    said = {
        "loads": [
            asdict(load) | {"requests": [[one.decode("latin-1") for one in each] for each in load.requests]}
            for load in (first, second)
        ]
    }
    seen = ask_process("bench.slices", said, first.warmup + first.seconds)
    return [Slice(**one) for one in seen["first"]], [Slice(**one) for one in seen["second"]]


class Side:
    """One of the two, with its connections, which stay open while the other has its turn."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._poll = select.epoll()
        self._of: dict[int, Connection] = {}
        self._at: dict[int, int] = {}
        for number in range(load.connections):
            connection = Connection(load.port, load.expect.encode())
            fd = connection.socket.fileno()
            self._of[fd], self._at[fd] = connection, number
            self._poll.register(fd, select.EPOLLIN)
        # Connection n sends the script n: those that share one do not go through it in step.
        self._scripts = {
            fd: load.requests[number % len(load.requests)] for number, fd in enumerate(list(self._of))
        }

    def turn(self) -> Slice:
        """One slice, until all is answered that was asked in it."""
        answers, waiting = 0, len(self._of)
        before, began = cpu_seconds(self._load.pids), time.perf_counter()
        end = began + SLICE
        for fd in self._of:
            self._send(fd)
        while waiting:
            ready = self._poll.poll(1)
            if not ready and time.perf_counter() > end + DRAIN_SECONDS:
                raise TimeoutError("answers are missing")
            for fd, _ in ready:
                if not self._of[fd].receive():
                    continue
                answers += 1
                if time.perf_counter() < end:
                    self._send(fd)
                else:
                    waiting -= 1
        return Slice(answers, time.perf_counter() - began, cpu_seconds(self._load.pids) - before)

    def _send(self, fd: int) -> None:
        script, at = self._scripts[fd], self._at[fd]
        self._at[fd] = at + 1
        self._of[fd].send(script[at % len(script)])


def run(first: Load, second: Load) -> dict[str, list[Slice]]:
    sides = {"first": Side(first), "second": Side(second)}
    seen: dict[str, list[Slice]] = {name: [] for name in sides}
    measured = time.perf_counter() + first.warmup
    end = measured + first.seconds
    order: Sequence[str] = ("first", "second")
    while time.perf_counter() < end or not seen["second"]:
        turns = {name: sides[name].turn() for name in order}
        # Each is as often the one that comes after the other.
        order = order[::-1]
        if time.perf_counter() >= measured:
            for name, one in turns.items():
                seen[name].append(one)
    return seen


if __name__ == "__main__":
    asked = json.load(sys.stdin)["loads"]
    for each in asked:
        each["requests"] = [[one.encode("latin-1") for one in script] for script in each["requests"]]
    told = run(*(Load(**each) for each in asked))
    json.dump({name: [asdict(one) for one in each] for name, each in told.items()}, sys.stdout)
