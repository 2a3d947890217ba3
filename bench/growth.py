"""How figures grow: with objects, with the history, with subscribers."""

import time
from dataclasses import replace
from pathlib import Path
from statistics import median

from bench.connection import request
from bench.curves import Curve
from bench.fanout import WRITERS
from bench.latency import PACE
from bench.peers import visor
from bench.seeded import a_copy, file_of, instance_ids
from bench.serving import Stage
from bench.streams import Streams, frame_of, of_naive, of_raw, of_visor
from bench.table import Row
from bench.turns import Plan, loading
from bench.writes import puts

OBJECTS, REVS, SUBSCRIBERS = "growth-objects", "growth-revs", "growth-subscribers"

ALL_REVS = "2000000"
"""History kept: nothing is dropped while it is measured."""


Found = tuple[list[Row], list[Curve]]


def objects(plan: Plan) -> Found:
    """10^2 to 10^5 instances."""
    sizes = [300, 600] if plan.quick else [100, 1000, 10_000, 100_000]
    files = [file_of(plan, max(size // 100, 10), size) for size in sizes]
    curves = _over(plan, OBJECTS, "instances", sizes, files)
    work = f"memory of an instance, with the revs that made it ({sizes[0]:,} to {sizes[-1]:,})"
    return [_slope(OBJECTS, work, curves, 0, -1)], curves


def revs(plan: Plan) -> Found:
    """10^3 to 10^6 revs of history, over some hundred objects."""
    sizes = [1000, 1500] if plan.quick else [1000, 10_000, 100_000, 1_000_000]
    files = [file_of(plan, 10, 500, size) for size in sizes]
    curves = _over(plan, REVS, "revs of history", sizes, files)
    # Between these two all revs are held in memory; of more, only the newest are.
    work = f"memory of a rev that is held ({sizes[0]:,} to {sizes[1]:,})"
    return [_slope(REVS, work, curves, 0, 1)], curves


def _slope(group: str, work: str, curves: list[Curve], low: int, high: int) -> Row:
    """KiB for each of what grows, between two of the sizes."""
    memory = next(curve for curve in curves if curve.name.endswith("-memory"))
    (line,) = memory.lines.values()
    each = (line[high] - line[low]) * 1024 / (memory.x[high] - memory.x[low])
    return Row(group, work, "KiB", [each])


def _over(plan: Plan, name: str, what: str, sizes: list[int], files: list[Path]) -> list[Curve]:
    rates = Curve(f"{name}-rates", f"Answers a second over {what}", what, "answers/s", sizes)
    memory = Curve(f"{name}-memory", f"Memory over {what}", what, "MiB", sizes)
    start = Curve(f"{name}-start", f"Start to readyz over {what}", what, "seconds", sizes)
    for file in files:
        with Stage(plan.directory) as stage:
            copy = a_copy(stage, file)
            began = time.monotonic()
            served = visor.on_file(stage, copy, history=ALL_REVS)
            start.add("start", time.monotonic() - began)
            memory.add("after start", served.memory / 2**20)
            work = {
                "read an instance": [[request("GET", f"/instances/{id}") for id in instance_ids(file, 50)]],
                "list of 100": [[request("GET", "/instances?limit=100")]],
                "write, 32 clients": puts(10),
            }
            for label, requests in work.items():
                seen = [loading(plan, served, requests)() for _ in range(min(plan.repeat, 3))]
                rates.add(label, median(one.rate for one in seen))
    return [rates, memory, start]


def subscribers(plan: Plan) -> Found:
    """10 to 5,000 subscribers: events delivered, and how late they are at ten a second."""
    sizes = [20] if plan.quick else [10, 100, 1000, 5000]
    rates = Curve(f"{SUBSCRIBERS}-rates", "Events delivered a second", "subscribers", "events/s", sizes)
    late = Curve(
        f"{SUBSCRIBERS}-late", "Write sent to event read, 10 a second, p99", "subscribers", "ms", sizes
    )
    with Stage(plan.directory) as stage:
        ours = of_visor(visor.on_file(stage, a_copy(stage, file_of(plan, 10, 1000))), WRITERS)
        frame = frame_of(ours)
        everybody: dict[str, Streams] = {
            "Visor": ours,
            "raw ASGI": of_raw(stage, frame, WRITERS),
            "naive sse-starlette": of_naive(stage, frame, WRITERS),
        }
        short = replace(plan, seconds=min(plan.seconds, 2.0))
        for size in sizes:
            for name, each in everybody.items():
                rates.add(name, each.measure(short, size, WRITERS)().rate)
                late.add(name, each.measure(short, size, 1, PACE)().sent_p99)
    return [], [rates, late]
