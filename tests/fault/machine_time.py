"""Whose the processor's time was: whether a run was slow by itself, or others took the machine from it."""

import resource
from dataclasses import dataclass
from pathlib import Path

SHARE = 0.25
"""Of the machine's time. Where others take more than this, nothing is said of the speed of a run."""


@dataclass(frozen=True)
class Spent:
    """Ticks of the processors so far: all, those that somebody used, and those of the children of this
    process that have ended."""

    all: float
    used: float
    ours: float

    @classmethod
    def now(cls, stat: Path = Path("/proc/stat")) -> "Spent":
        user, nice, system, idle, iowait, irq, softirq, steal = map(int, stat.read_text().split()[1:9])
        used = user + nice + system + irq + softirq + steal
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return cls(used + idle + iowait, used, (children.ru_utime + children.ru_stime) * _TICKS)


_TICKS = 100
"""A second, in /proc/stat."""


def share_of_others(before: Spent, after: Spent) -> float:
    """The part of the machine's time that others took between the two."""
    others = (after.used - before.used) - (after.ours - before.ours)
    return max(0.0, others) / max(1.0, after.all - before.all)
