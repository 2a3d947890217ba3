"""What a judge says."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fault.judges.world import World
from tests.fault.traffic.record import Evidence

KEPT = 20
"""Counterexamples that a verdict shows; it counts them all."""


@dataclass
class Verdict:
    """`checked` says how many things were looked at: a judge that saw nothing has not said anything.
    `undecided` counts what it gave up on."""

    checked: int = 0
    violations: int = 0
    undecided: int = 0
    shown: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.violations and not self.undecided

    def check(self, holds: bool, counterexample: Callable[[], str]) -> bool:
        """Count one thing that was looked at."""
        self.checked += 1
        if not holds:
            self.violate(counterexample())
        return holds

    def violate(self, counterexample: str) -> None:
        self.violations += 1
        if len(self.shown) < KEPT:
            self.shown.append(counterexample)


@dataclass(frozen=True)
class Judge:
    """`promise` as the contract makes it."""

    name: str
    promise: str
    judge: Callable[[Evidence, World], Verdict]
