"""Whose the processor's time was: whether a run was slow by itself, or others took the machine from it."""

import resource
from dataclasses import dataclass
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


_TICKS = 100
"""A second, in /proc/stat."""


def cpu_seconds(before: Spent, after: Spent) -> float:
    """What this process and its children that have ended took between the two."""
    return (after.ours - before.ours) / _TICKS


def share_of_others(before: Spent, after: Spent) -> float:
    """The part of the machine's time that others took between the two."""
    others = (after.used - before.used) - (after.ours - before.ours)
    return max(0.0, others) / max(1.0, after.all - before.all)
