"""Whose the processor's time was, and what a second of it does here: whether a run was slow by itself, or
others took the machine from it, or the machine is a slow one."""

import json
import resource
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

SHARE = 0.25
"""Of the machine's time. Where others take more than this, nothing is said of the speed of a run."""


@dataclass(frozen=True)
class Spent:
    """Ticks of the processors so far: all, those that somebody used, and those of this process and of its
    children that have ended."""

    all: float
    used: float
    ours: float

    @classmethod
    def now(cls, stat: Path = Path("/proc/stat")) -> "Spent":
        user, nice, system, idle, iowait, irq, softirq, steal = map(int, stat.read_text().split()[1:9])
        used = user + nice + system + irq + softirq + steal
        mine = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        ours = sum(usage.ru_utime + usage.ru_stime for usage in mine)
        return cls(used + idle + iowait, used, ours * _TICKS)


ROUNDS = 30_000
"""Of the calibrating loop in a second of processor time, on the machine that the floors were set on."""

_WORK = {
    "name": "cat",
    "env": {f"k{n}": "moo" * n for n in range(10)},
    "rev": 123_456,
    "tags": [1, 2.5, None, True],
}


def speed(seconds: float = 0.3) -> float:
    """What a second of processor time does here and now, where 1 is what it did where the floors were set: a
    fixed piece of work of the kind that services do, again and again for so many seconds of this thread's
    time."""
    began, rounds = time.thread_time(), 0
    while (spent := time.thread_time() - began) < seconds:
        for _ in range(50):
            sha256(json.dumps(json.loads(json.dumps(_WORK))).encode()).digest()
        rounds += 50
    return rounds / spent / ROUNDS


_TICKS = 100
"""A second, in /proc/stat."""


def cpu_seconds(before: Spent, after: Spent) -> float:
    """What this process and its children that have ended took between the two."""
    return (after.ours - before.ours) / _TICKS


def share_of_others(before: Spent, after: Spent) -> float:
    """The part of the machine's time that others took between the two."""
    others = (after.used - before.used) - (after.ours - before.ours)
    return max(0.0, others) / max(1.0, after.all - before.all)
