"""Working with time: what differs, the rev at a time, whose commits, and a thousand keys in one commit."""

import time
from collections.abc import Callable
from functools import partial
from statistics import median

from bench.connection import request
from bench.large_writes import LargeWrites
from bench.load import Seen
from bench.peers import visor
from bench.seeded import a_copy, file_of
from bench.seeding import app_name
from bench.serving import Served, Stage
from bench.stalls import Watched, measure_turns
from bench.table import Row, row_of
from bench.turns import Plan, by_turns, loading

GROUP = "past"
CHANGED = 10
KEYS = 1_000


def measure(plan: Plan) -> list[Row]:
    instances = 1_000 if plan.quick else 100_000
    file = file_of(plan, instances // 100, instances)
    with Stage(plan.directory) as stage:
        ours = visor.on_file(stage, a_copy(stage, file))
        return [*_asked(plan, ours, instances), *_applied(plan)]


def _asked(plan: Plan, ours: Served, instances: int) -> list[Row]:
    before = int(visor.call(ours, "GET", "/rev")["rev"])
    for number in range(CHANGED):
        visor.call(ours, "PUT", f"/apps/{app_name(number)}/env/changed", {"value": "yes"})
    known = visor.call(ours, "GET", f"/commits/{before}")
    app = app_name(1)
    seen = by_turns(
        plan,
        {
            "at": _many(plan, ours, f"/apps/{app}?at={known['at']}"),
            "rev": _many(plan, ours, f"/apps/{app}?rev={before}"),
            "map": _many(plan, ours, f"/rev?at={known['at']}"),
            "latest": _many(plan, ours, "/rev"),
        },
    )
    # Of an app that has not changed for long all commits are gone through.
    calls = {
        f"GET /diff, {CHANGED} changes among {instances:,} instances": (
            f"/diff?from={before}&include=all&limit=1000",
            50,
        ),
        "GET /commits?path=.., the last of an app": (f"/commits?path=/apps/{app}&limit=1", None),
        f"GET /commits?path=.., 100 of an app among {before:,} commits": (
            f"/commits?path=/apps/{app}&limit=100",
            None,
        ),
    }
    timed = by_turns(plan, {name: partial(_took, ours, path) for name, (path, _) in calls.items()})
    return [
        *(
            Row(GROUP, name, "ms", timed[name], target=most, at_most=True)
            for name, (_, most) in calls.items()
        ),
        row_of(GROUP, "GET /apps/{app}?at=", seen["at"], "the same with `rev`", seen["rev"]),
        row_of(GROUP, "GET /rev?at=", seen["map"], "GET /rev", seen["latest"]),
    ]


def _timed(work: str, took: list[float], most: float | None) -> Row:
    return Row(GROUP, work, "ms", took, target=most, at_most=True)


def _took(served: Served, path: str) -> float:
    """Milliseconds until one answer is there."""
    began = time.perf_counter()
    visor.fetch(served.port, "GET", path)
    return (time.perf_counter() - began) * 1e3


def _applied(plan: Plan) -> list[Row]:
    """In this process, on the store in memory: the longest turn is one of CPU."""
    keys = 100 if plan.quick else KEYS
    turns: list[float] = []
    took: list[float] = []
    for _ in range(plan.repeat):
        service = Watched()
        try:
            writes = LargeWrites(service, keys)
            writes.prepare()
            found = dict(writes.works())[f"{keys:,} env sets applied"]
            figures = measure_turns(service, found)
            turns.append(figures.longest * 1e3)
            took.append(figures.seconds * 1e3)
        finally:
            service.stop()
    work = f"POST /apply of {keys:,} keys: the longest turn of the loop"
    said = f"CPU; the call took {median(took):.0f} ms"
    return [Row(GROUP, work, "ms", turns, target=50, at_most=True, said=said)]


def _many(plan: Plan, served: Served, path: str) -> Callable[[], Seen]:
    return loading(plan, served, [[request("GET", path)]])
