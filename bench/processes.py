"""What the kernel says of a process and of those it has started, and where they may run. Linux only."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SCHED = 2
"""Which clock of a process: `clock_getcpuclockid` of the C library makes its id so, and Python has it not."""

ALL = frozenset(os.sched_getaffinity(0))
SERVER = frozenset([min(ALL)])
"""Where what is measured runs."""

LOAD = frozenset([max(ALL)])
"""Where the load comes from: the other core, if there is one."""


class Pinning:
    """Whether `on` does anything: in a smoke test cores are better used than kept apart."""

    wanted = True


@contextmanager
def on(cpus: frozenset[int]) -> Iterator[None]:
    """What is started in here runs on these cores, and goes on to."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus if Pinning.wanted else before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def move(pid: int, cpus: frozenset[int]) -> None:
    """Have a process that runs already, all of its threads, run on these cores."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        if Pinning.wanted:
            os.sched_setaffinity(int(task.name), cpus)


def tree(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # one that has just ended
            for child in task.read_text().split():
                found += tree(int(child))
    return found


def cpu_seconds(pids: list[int]) -> float:
    """CPU that the processes have used so far, theirs and the kernel's for them: exactly, where /proc counts
    in hundredths of a second. Raises OSError where one has ended."""
    return sum(time.clock_gettime(~pid << 3 | _SCHED) for pid in pids)


def memory(pids: list[int]) -> int:
    """Bytes of memory that the processes hold (resident)."""
    total = 0
    for pid in pids:
        total += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return total * os.sysconf("SC_PAGE_SIZE")
