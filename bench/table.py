"""The table of a run: rows that compare Visor with a peer, as JSON and as Markdown."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from bench.load import Seen


@dataclass(frozen=True, slots=True)
class Row:
    """Visor's figure beside a peer's, one value of each for each turn.

    `target` bounds the ratio (Visor's over the peer's) from below, or, with `at_most`, from above; for a
    row without a peer it bounds Visor's own figure. None: no figure was asked for. `cpu` is CPU in
    microseconds for one of what is counted, Visor's and the peer's: it does not depend on who makes the
    load. `said` is what else there is to say.
    """

    group: str
    work: str
    unit: str
    visor: list[float]
    peer: str = ""
    peers: list[float] = field(default_factory=list)
    target: float | None = None
    at_most: bool = False
    cpu: tuple[float, float] | None = None
    said: str = ""

    @property
    def ratios(self) -> list[float]:
        """One for each turn."""
        return [mine / max(theirs, 1e-9) for mine, theirs in zip(self.visor, self.peers, strict=True)]

    @property
    def judged(self) -> list[float]:
        """What the target is about."""
        return self.ratios if self.peer else self.visor

    @property
    def reached(self) -> bool | None:
        if self.target is None:
            return None
        value = median(self.judged)
        return value <= self.target if self.at_most else value >= self.target

    def as_json(self) -> dict[str, Any]:
        said = asdict(self) | {"reached": self.reached}
        return said | ({"ratio": spread(self.ratios)} if self.peer else {})


def row_of(
    group: str,
    work: str,
    visor: Sequence[Seen],
    peer: str,
    peers: Sequence[Seen],
    target: float | None = None,
    said: str = "",
) -> Row:
    """A row of answers a second."""
    return Row(
        group,
        work,
        "answers/s",
        [one.rate for one in visor],
        peer,
        [one.rate for one in peers],
        target,
        cpu=(median(one.cpu_us for one in visor), median(one.cpu_us for one in peers)),
        said=said + ("; " if said else "") + busy(visor, "Visor") + busy(peers, peer),
    )


def busy(seen: Sequence[Any], name: str) -> str:
    """A word where the load was not much quicker than what it measured."""
    share = median(one.load_cpu / one.seconds for one in seen)
    return f"load busy for {share:.0%} with {name}; " if share > 0.9 else ""


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": median(values), "min": min(values), "max": max(values)}


def number(value: float) -> str:
    """Three digits that mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _mid(values: Sequence[float]) -> str:
    if len(values) == 1:
        return number(values[0])
    return f"{number(median(values))} ({number(min(values))} to {number(max(values))})"


def _target(row: Row) -> str:
    if row.target is None:
        return ""
    verdict = "reached" if row.reached else "**missed**"
    return f"{'≤' if row.at_most else '≥'} {row.target:g}: {verdict}"


def markdown(rows: Sequence[Row]) -> str:
    """The table: medians, and the least and the most of the turns."""
    lines = [
        "| work | Visor | peer | ratio | target | CPU µs each: Visor, peer |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        peer = f"{row.peer}: {number(median(row.peers))}" if row.peer else ""
        ratio = _mid(row.ratios) if row.peer else ""
        visor = number(median(row.visor)) if row.peer else _mid(row.visor)
        cpu = f"{number(row.cpu[0])}, {number(row.cpu[1])}" if row.cpu else ""
        said = row.said.strip("; ")
        work = f"{row.work} ({said})" if said else row.work
        lines.append(f"| {work} | {visor} {row.unit} | {peer} | {ratio} | {_target(row)} | {cpu} |")
    return "\n".join(lines) + "\n"
