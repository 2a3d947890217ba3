"""What a run was, and what the judges say of it: figures, and a page to read."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from app.store.etcd.revs import index_of, revision_of
from tests.fault.judges.bench import Heard
from tests.fault.machine_time import SHARE
from tests.fault.run import Run
from tests.fault.traffic.record import NEVER, Call, Outcome

LEAST_RATE = {"sqlite": 100, "etcd": 130}
"""Acknowledged writes by second that a run has to have. On etcd writes that wait go in groups."""

LEAST_OF_CPU = {"sqlite": 40, "etcd": 20}
"""The same by each second of processor time that the run took, the load and etcd too: what is judged of every
run, also where others took so much of the machine that its seconds say nothing. Both floors are for a machine
whose calibrating loop goes at `machine_time.ROUNDS`, and as much lower as it goes slower in the same run."""

LEAST_IN_TRANSACTION = 8
"""Commits that the largest transaction of a run on etcd has to have: what waits while a leader is dead goes
together. However quick or slow a machine is, it is 1 where writes are not grouped."""

LEAST_KILLS = 3
"""Kills a minute that a run has to have."""


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _gaps(run: Run, calls: list[Call]) -> list[float]:
    """Seconds between one acknowledged write and the next, longest last."""
    ends = sorted(c.end for c in calls if c.writes and c.outcome is Outcome.OK and c.end >= run.began)
    ends = [run.began, *(end for end in ends if end <= run.ended)]
    return sorted((after - before) / 1e9 for before, after in pairwise(ends))


@dataclass(frozen=True)
class Machine:
    """The seconds of processor time that a run took, the share of the machine that others took, and what a
    second of it does (`machine_time.speed`)."""

    cpu: float
    others: float
    speed: float

    @property
    def is_ours(self) -> bool:
        return self.others <= SHARE


def figures(run: Run, heard: list[Heard], store: str, machine: Machine) -> dict[str, Any]:
    """All that the page says, for machines."""
    evidence = run.evidence
    seconds = (run.ended - run.began) / 1e9
    calls = [call for call in evidence.calls if run.began <= call.start <= run.ended]
    writes = [call for call in calls if call.writes]
    outcomes = Counter(call.outcome.value for call in writes)
    kills = sum(run.log.kills.values())
    gaps = _gaps(run, calls)
    # One gap for each kill: what each has cost.
    worst = gaps[-max(kills, 1) :]
    grouped = commits_in_transactions(one.rev for one in evidence.told) if store == "etcd" else None
    said: dict[str, Any] = {
        "store": store,
        "seconds": round(seconds, 1),
        "seed": run.plan.seed,
        "kills": run.log.kills,
        "log": [(round((at - run.began) / 1e9, 2), what) for at, what in run.log.entries],
        "faults": dict(Counter(what for _, what in run.log.entries)),
        "writes": {
            "offered_per_s": run.plan.rate,
            "made": len(writes),
            "acknowledged_per_s": round(outcomes["ok"] / seconds, 1),
            "refused_per_s": round(outcomes["refused"] / seconds, 1),
            "unknown_per_s": round(outcomes["unknown"] / seconds, 2),
            "in_a_transaction": grouped,
            "by_status": dict(sorted(Counter(str(call.status) for call in writes).items())),
        },
        "machine": {
            "cpu_s": round(machine.cpu, 1),
            "acknowledged_per_cpu_s": round(outcomes["ok"] / max(machine.cpu, 0.1), 1),
            "others": round(machine.others, 2),
            "speed": round(machine.speed, 2),
        },
        "reads": len(calls) - len(writes),
        "latency_ms": _latencies(calls),
        "gaps_s": {
            "longest": [round(gap, 2) for gap in gaps[-5:]],
            "p50_of_one_a_kill": round(_quantile(worst, 0.5), 2),
            "p99_of_one_a_kill": round(_quantile(worst, 0.99), 2),
        },
        "events": len(evidence.told),
        "streams": len(evidence.sessions),
        "frames": sum(len(session.frames) for session in evidence.sessions),
        "ends_of_streams": dict(Counter(session.end for session in evidence.sessions)),
        "complaints": evidence.complaints,
        "below": run.below,
        "judges": {
            one.judge.name: {
                "promise": one.judge.promise,
                "checked": one.verdict.checked,
                "violations": one.verdict.violations,
                "undecided": one.verdict.undecided,
                "seconds": round(one.seconds, 1),
                "counterexamples": one.verdict.shown,
            }
            for one in heard
        },
    }
    said["short_of"] = short_of(said, kills, seconds, machine.is_ours)
    said["holds"] = not evidence.complaints and all(one.verdict.holds for one in heard)
    return said


def commits_in_transactions(revs: Iterable[int]) -> dict[str, float]:
    """How many commits etcd's transactions had, by the revs of all events: the mean, and the most."""
    sizes = Counter(revision_of(rev) for rev in set(revs) if index_of(rev))
    mean = sizes.total() / len(sizes) if sizes else 0
    return {"mean": round(mean, 2), "most": max(sizes.values(), default=0)}


def _latencies(calls: list[Call]) -> dict[str, dict[str, float]]:
    found = {}
    for name, is_one in (("writes", True), ("reads", False)):
        took = sorted(
            (c.end - c.start) / 1e6
            for c in calls
            if c.writes is is_one and c.outcome is Outcome.OK and c.end != NEVER and not _waits(c)
        )
        found[name] = {f"p{share:g}": round(_quantile(took, share / 100), 1) for share in (50, 99, 99.9)}
    return found


def _waits(call: Call) -> bool:
    return isinstance(call.body, dict) and bool(call.body.get("wait"))


def short_of(said: dict[str, Any], kills: int, seconds: float, ours: bool) -> list[str]:
    """Why the run does not count, if it does not."""
    found = []
    # A machine that is quicker than that of the floors has to reach no more: so many writes are offered.
    speed = min(1.0, said["machine"]["speed"])
    floors = [("acknowledged_per_cpu_s", "machine", LEAST_OF_CPU, "s of processor time")]
    if ours:
        floors.append(("acknowledged_per_s", "writes", LEAST_RATE, "s"))
    for name, part, least, of in floors:
        rate, wanted = said[part][name], least[said["store"]] * speed
        if rate < wanted:
            found.append(f"{rate} acknowledged writes/{of}: {wanted:.3g} are wanted")
    grouped = said["writes"]["in_a_transaction"]
    if kills and grouped is not None and grouped["most"] < LEAST_IN_TRANSACTION:
        found.append(
            f"{grouped['most']} commits in the largest transaction: {LEAST_IN_TRANSACTION} are wanted"
        )
    if kills < int(LEAST_KILLS * seconds / 60):
        found.append(f"{kills} kills: {LEAST_KILLS} a minute are wanted")
    return found


def page(said: dict[str, Any]) -> str:
    """The figures as Markdown."""
    writes, gaps, latency, machine = (said[name] for name in ("writes", "gaps_s", "latency_ms", "machine"))
    verdict = "all promises hold" if said["holds"] else "**violations**"
    lines = [
        f"# Faults on {said['store']}: {verdict}",
        "",
        f"{said['seconds']:g} s, seed {said['seed']}. Writes by second: {writes['offered_per_s']:g} offered, "
        f"{writes['acknowledged_per_s']} acknowledged, {writes['refused_per_s']} refused, "
        f"{writes['unknown_per_s']} unknown. {said['reads']} reads, {said['events']} events, "
        f"{said['frames']} frames on {said['streams']} streams.",
        "",
        f"Processor time: {machine['cpu_s']} s, {machine['acknowledged_per_cpu_s']} acknowledged writes by "
        f"each; others took {machine['others']:.0%} of the machine, whose processors went at "
        f"{machine['speed']:g} times the speed that the floors are for.",
        "",
        *_of_transactions(writes["in_a_transaction"]),
        f"Kills: {_listed(said['kills'])}. All faults: {_listed(said['faults'])}.",
        "",
        f"Longest times without an acknowledged write: {', '.join(map(str, gaps['longest']))} s; of "
        f"one a kill p50 {gaps['p50_of_one_a_kill']} s, p99 {gaps['p99_of_one_a_kill']} s.",
        "",
        *(f"Latency of {name}, ms: {_listed(values)}." for name, values in latency.items()),
        "",
        "| judge | promise | checked | violations | undecided |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {one['promise']} | {one['checked']} | {one['violations']} | {one['undecided']} |"
            for name, one in said["judges"].items()
        ),
    ]
    for title, entries in (
        ("Does not count", said["short_of"]),
        ("Complaints", said["complaints"]),
        ("Below the services", said["below"]),
        *((f"Counterexamples of {name}", one["counterexamples"]) for name, one in said["judges"].items()),
    ):
        if entries:
            lines += ["", f"## {title}", "", *(f"- {entry}" for entry in entries)]
    return "\n".join(lines) + "\n"


def _of_transactions(sizes: dict[str, float] | None) -> list[str]:
    if sizes is None:
        return []
    return [f"Commits in a transaction of etcd's: {sizes['mean']} at the mean, {sizes['most']} at most.", ""]


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "none"
