"""Measuring several things by turns (A B A B), so that what the machine does meanwhile falls on all alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench.load import Load, Seen, put_under
from bench.serving import Served

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often: each thing is measured `repeat` times for `seconds`, after `warmup`. `quick`
    is a smoke test: everything is done, on little data, and the figures mean nothing. `directory` is for
    data and logs, `stores` for seeded files that later runs may use again."""

    seconds: float
    repeat: int
    quick: bool
    directory: Path
    stores: Path

    @property
    def warmup(self) -> float:
        return min(1.0, self.seconds / 3)


def by_turns(plan: Plan, things: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """What each thing gave, turn by turn."""
    seen: dict[str, list[T]] = {name: [] for name in things}
    for _ in range(plan.repeat):
        for name, measure in things.items():
            seen[name].append(measure())
    return seen


def loading(
    plan: Plan,
    served: Served,
    requests: list[list[bytes]],
    *,
    connections: int = 32,
    expect: str = "200",
    in_step: bool = False,
    beside: Served | None = None,
) -> Callable[[], Seen]:
    """A measure: the server under this load. The CPU of what runs `beside` it is counted too."""

    def measure() -> Seen:
        pids = served.pids + (beside.pids if beside else [])
        load = Load(served.port, requests, pids, connections, plan.seconds, plan.warmup, expect, in_step)
        return put_under(load)

    return measure
