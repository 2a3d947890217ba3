"""The load: so many connections, each with one request under way, for so many seconds.

A process of its own (`python -m bench.load`), which reads what to do from its standard input and writes
what it saw to its standard output, both as JSON.
"""

import json
import select
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

from bench.connection import Connection
from bench.processes import LOAD, cpu_seconds, on


@dataclass(frozen=True, slots=True)
class Load:
    """What to do: connection n sends `requests[n % len(requests)]`, one after the other and again from the
    start; with `in_step` all begin with their first, where the order counts. All answers have to begin with
    the status `expect`. The CPU of the processes `pids` is measured over the same seconds."""

    port: int
    requests: list[list[bytes]]
    pids: list[int]
    connections: int = 32
    seconds: float = 3.0
    warmup: float = 0.5
    expect: str = "200"
    in_step: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen. CPU in seconds, latencies in milliseconds."""

    answers: int
    seconds: float
    received: int
    server_cpu: float
    load_cpu: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    @property
    def cpu_us(self) -> float:
        """The server's CPU for one answer, in microseconds."""
        return self.server_cpu / max(self.answers, 1) * 1e6


def put_under(load: Load) -> Seen:
    """Run the load in a process of its own. Raises RuntimeError where an answer was wrong."""
    said = asdict(load) | {"requests": [[one.decode("latin-1") for one in each] for each in load.requests]}
    return Seen(**ask_process("bench.load", said, load.warmup + load.seconds))


def ask_process(module: str, said: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Give a module that generates load its task, on the load's core; what it has seen. Raises RuntimeError
    with what it said where it has failed."""
    command, pipe = [sys.executable, "-m", module], subprocess.PIPE
    with on(LOAD):
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    try:
        output, errors = process.communicate(json.dumps(said), timeout=seconds + 60)
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise RuntimeError(f"{module} has failed ({process.returncode}): {errors[-2000:].strip()}")
    answer: dict[str, Any] = json.loads(output)
    return answer


def percentile(values: list[float], share: float) -> float:
    """Of sorted values; 0 where there are none."""
    return values[min(int(len(values) * share), len(values) - 1)] if values else 0.0


def run(load: Load) -> Seen:
    poll = select.epoll()
    connections: dict[int, Connection] = {}
    scripts: dict[int, tuple[list[bytes], int]] = {}
    sent: dict[int, float] = {}
    clock = time.perf_counter
    for number in range(load.connections):
        connection = Connection(load.port, load.expect.encode())
        fd = connection.socket.fileno()
        connections[fd] = connection
        script = load.requests[number % len(load.requests)]
        # Those that share a script do not go through it in step.
        scripts[fd] = (script, 0 if load.in_step else number)
        poll.register(fd, select.EPOLLIN)
    for fd, connection in connections.items():
        script, at = scripts[fd]
        sent[fd] = clock()
        connection.send(script[at % len(script)])
    begin, end = clock() + load.warmup, clock() + load.warmup + load.seconds
    latencies: list[float] = []
    began = now = clock()
    before = own = 0.0
    measured = False
    while now < end:
        if not measured and now >= begin:
            measured, began = True, now
            latencies.clear()
            before, own = cpu_seconds(load.pids), time.process_time()
            for connection in connections.values():
                connection.received = 0
        ready = poll.poll(5)
        if not ready and now > end + 30:
            break
        for fd, _ in ready:
            connection = connections[fd]
            if not connection.receive():
                continue
            now = clock()
            latencies.append(now - sent[fd])
            script, at = scripts[fd]
            at += 1
            scripts[fd] = (script, at)
            sent[fd] = now
            connection.send(script[at % len(script)])
        now = clock()
    seen_cpu, load_cpu = cpu_seconds(load.pids) - before, time.process_time() - own
    answers, received = len(latencies), sum(each.received for each in connections.values())
    for connection in connections.values():
        connection.close()
    latencies.sort()
    p50, p99 = percentile(latencies, 0.5) * 1e3, percentile(latencies, 0.99) * 1e3
    return Seen(answers, now - began, received, seen_cpu, load_cpu, p50, p99)


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    asked["requests"] = [[one.encode("latin-1") for one in each] for each in asked["requests"]]
    json.dump(asdict(run(Load(**asked))), sys.stdout)
