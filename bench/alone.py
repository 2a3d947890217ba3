"""One client that writes by itself: what it waits for besides the disk.

Each write has an fsync of its own then. So the peer is a loop of fsyncs on the same disk, by short turns.
Where others use the disk too, an fsync takes now 0.3 ms and now 4. Then the row of a file in memory says
more: there an fsync takes nothing, and all that is waited for is Visor's.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench import scale
from bench.growth import ALL_REVS
from bench.peers import visor
from bench.seeded import a_copy, file_of
from bench.seeding import app_name
from bench.serving import Served, Stage
from bench.table import Row, number
from bench.turns import Plan
from bench.waits import FSYNC, Waits, asking, waits
from bench.writes import APPS, INSTANCES, puts

GROUP = "alone"

ABOVE_P50, ABOVE_P99 = 0.45, 10.0
"""Milliseconds above an fsync's."""


MEMORY = Path("/dev/shm")


def measure(plan: Plan) -> list[Row]:
    file = file_of(plan, APPS, INSTANCES)
    with _in_memory() as directory, Stage(plan.directory) as stage:
        small = visor.on_file(stage, a_copy(stage, file))
        large = small if plan.quick else _large(plan, stage)
        memory = visor.start(stage, "memory:")
        app = {"name": app_name(0), "repo_url": "https://git.example.com/a.git", "stack": "lenny"}
        visor.call(memory, "POST", "/apps", app)
        servers = {"small": small, "large": large, "memory": memory}
        if directory is not None:
            copied = Path(shutil.copy(file, directory))
            servers["no disk"] = visor.on_file(stage, copied)
        (script,) = puts(1)
        seen = waits(plan, {name: asking(served, script) for name, served in servers.items()})
    rows = _above("embedded", seen["small"], seen[FSYNC])
    rows += _above(f"embedded, {scale.INSTANCES:,} instances", seen["large"], seen[FSYNC])
    if "no disk" in seen:
        rows += _besides(seen["no disk"])
    rest = f"p99 {number(median(one.p99 for one in seen['memory']))} ms"
    p50 = [one.p50 for one in seen["memory"]]
    return [*rows, Row(GROUP, "PUT env, one client, `memory:`, p50", "ms", p50, said=rest)]


@contextmanager
def _in_memory() -> Iterator[Path | None]:
    """A directory whose files are in memory; None where there is no such file system."""
    if not MEMORY.is_dir():
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="visor-bench-", dir=MEMORY) as directory:
        yield Path(directory)


def _large(plan: Plan, stage: Stage) -> Served:
    """With as many instances as `scale` has, by as few commits as register them: seeded in seconds, where its
    million revs take minutes."""
    file = file_of(plan, scale.APPS, scale.INSTANCES)
    return visor.on_file(stage, a_copy(stage, file), history=ALL_REVS)


def _besides(ours: list[Waits]) -> list[Row]:
    """What it waits for besides the disk: the whole time, where the file is in memory."""
    work = "PUT env, one client, embedded, a file in memory"
    said = f"CPU {number(median(one.cpu_us for one in ours))} µs"
    return [
        Row(GROUP, f"{work}, {name}", "ms", mine, target=most, at_most=True, said=said)
        for name, mine, most in (
            ("p50", [one.p50 for one in ours], ABOVE_P50),
            ("p99", [one.p99 for one in ours], ABOVE_P99),
        )
    ]


def _above(where: str, ours: list[Waits], fsyncs: list[Waits]) -> list[Row]:
    """By how much it waits longer than for an fsync: at the median, and at the 99th percentile."""
    rows = []
    cpu = median(one.cpu_us for one in ours)
    for name, most in (("p50", ABOVE_P50), ("p99", ABOVE_P99)):
        mine = [getattr(one, name) for one in ours]
        disk = [getattr(one, name) for one in fsyncs]
        above = [max(one - other, 0.0) for one, other in zip(mine, disk, strict=True)]
        said = f"{number(median(mine))} ms, an fsync {number(median(disk))}; CPU {number(cpu)} µs"
        work = f"PUT env, one client, {where}, {name} above an fsync's"
        rows.append(Row(GROUP, work, "ms", above, target=most, at_most=True, said=said))
    return rows
