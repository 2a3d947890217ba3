"""One client that writes by itself: what it waits for besides the disk.

Each write has an fsync of its own then. So the peer is a loop of fsyncs on the same disk, by turns with it.
"""

import os
import time
from collections.abc import Callable
from statistics import median

from bench import scale
from bench.growth import ALL_REVS
from bench.load import Seen, percentile
from bench.peers import visor
from bench.seeded import a_copy, file_of
from bench.seeding import app_name
from bench.serving import Served, Stage
from bench.table import Row, number
from bench.turns import Plan, by_turns, loading
from bench.writes import APPS, INSTANCES, puts

GROUP = "alone"
BLOCK = 16 * 1024
"""Bytes of one write: what a commit adds to the write-ahead log."""

ABOVE_P50, ABOVE_P99 = 0.45, 10.0
"""Milliseconds above an fsync's."""


def measure(plan: Plan) -> list[Row]:
    file = file_of(plan, APPS, INSTANCES)
    with Stage(plan.directory) as stage:
        small = visor.on_file(stage, a_copy(stage, file))
        large = small if plan.quick else _large(plan, stage)
        memory = visor.start(stage, "memory:")
        app = {"name": app_name(0), "repo_url": "https://git.example.com/a.git", "stack": "lenny"}
        visor.call(memory, "POST", "/apps", app)
        seen = by_turns(
            plan,
            {
                "fsync": fsyncs(plan),
                "small": loading(plan, small, puts(1), connections=1),
                "large": loading(plan, large, puts(1), connections=1),
                "memory": loading(plan, memory, puts(1), connections=1),
            },
        )
    rows = _above("embedded", seen["small"], seen["fsync"])
    rows += _above(f"embedded, {scale.INSTANCES:,} instances", seen["large"], seen["fsync"])
    rest = f"p99 {number(median(one.p99 for one in seen['memory']))} ms"
    p50 = [one.p50 for one in seen["memory"]]
    return [*rows, Row(GROUP, "PUT env, one client, `memory:`, p50", "ms", p50, said=rest)]


def _large(plan: Plan, stage: Stage) -> Served:
    """With as many instances as `scale` has, by as few commits as register them: seeded in seconds, where its
    million revs take minutes."""
    file = file_of(plan, scale.APPS, scale.INSTANCES)
    return visor.on_file(stage, a_copy(stage, file), history=ALL_REVS)


def _above(where: str, ours: list[Seen], fsyncs: list[Seen]) -> list[Row]:
    """By how much it waits longer than for an fsync: at the median, and at the 99th percentile."""
    rows = []
    for name, most in (("p50", ABOVE_P50), ("p99", ABOVE_P99)):
        mine = [getattr(one, name) for one in ours]
        disk = [getattr(one, name) for one in fsyncs]
        above = [max(one - other, 0.0) for one, other in zip(mine, disk, strict=True)]
        said = f"{number(median(mine))} ms, an fsync {number(median(disk))}"
        work = f"PUT env, one client, {where}, {name} above an fsync's"
        rows.append(Row(GROUP, work, "ms", above, target=most, at_most=True, said=said))
    return rows


def fsyncs(plan: Plan) -> Callable[[], Seen]:
    """A measure: a file that is written and synced, again and again."""

    def run() -> Seen:
        block, took = os.urandom(BLOCK), list[float]()
        file = os.open(plan.directory / "synced", os.O_WRONLY | os.O_CREAT, 0o600)
        began, cpu = time.perf_counter(), time.process_time()
        try:
            while (now := time.perf_counter()) < began + plan.seconds:
                os.pwrite(file, block, len(took) % 256 * BLOCK)
                os.fdatasync(file)
                took.append(time.perf_counter() - now)
        finally:
            os.close(file)
        seconds, used = time.perf_counter() - began, time.process_time() - cpu
        took.sort()
        p50, p99 = percentile(took, 0.5) * 1e3, percentile(took, 0.99) * 1e3
        return Seen(len(took), seconds, 0, used, 0.0, p50, p99)

    return run
