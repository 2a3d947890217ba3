"""A large store beside an empty one: the start, a read, a write."""

import time
from statistics import median

from bench.connection import request
from bench.growth import ALL_REVS
from bench.load import Seen
from bench.peers import visor
from bench.processes import ALL, SERVER, move
from bench.seeded import a_copy, file_of, instance_ids
from bench.serving import Stage
from bench.table import Row
from bench.turns import Plan, by_turns, loading
from bench.writes import puts

GROUP = "scale"
APPS, INSTANCES, REVS = 1000, 100_000, 1_000_000
_CLIENTS = 32


def measure(plan: Plan) -> list[Row]:
    apps, instances, revs = (40, 2000, 3000) if plan.quick else (APPS, INSTANCES, REVS)
    # The least that can be read and written to.
    small_file, file = file_of(plan, _CLIENTS, _CLIENTS), file_of(plan, apps, instances, revs)
    ids, few = instance_ids(file, 50), instance_ids(small_file, _CLIENTS)
    with Stage(plan.directory) as stage:
        small = visor.on_file(stage, a_copy(stage, small_file))
        copy = a_copy(stage, file)
        began = time.monotonic()
        # It checks the file while it reads it: that is done on both cores, and what follows on one.
        large = visor.on_file(stage, copy, cpus=ALL, history=ALL_REVS)
        start, memory = time.monotonic() - began, large.memory / 2**20
        move(large.pid, SERVER)
        # The same number of different resources, so that it is the store that differs.
        reads = {
            name: [[request("GET", f"/instances/{id}") for id in of[:_CLIENTS]]]
            for name, of in (("large", ids), ("small", few))
        }
        seen = by_turns(
            plan,
            {
                "read": loading(plan, large, reads["large"]),
                "small read": loading(plan, small, reads["small"]),
                "write": loading(plan, large, puts(_CLIENTS)),
                "small write": loading(plan, small, puts(_CLIENTS)),
            },
        )
    size = f"{instances:,} instances, {apps:,} apps, {revs:,} revs"
    return [
        Row(GROUP, f"start to readyz, both cores: {size}", "s", [start], target=10, at_most=True),
        Row(GROUP, f"memory: {size}", "MiB", [memory]),
        _cost("GET /instances/{id}", seen["read"], seen["small read"]),
        _cost("PUT env, 32 clients", seen["write"], seen["small write"]),
    ]


def _cost(work: str, large: list[Seen], small: list[Seen]) -> Row:
    cpu = (median(one.cpu_us for one in large), median(one.cpu_us for one in small))
    mine, theirs = ([1e3 / one.rate for one in seen] for seen in (large, small))
    peer = f"with {_CLIENTS} instances"
    return Row(GROUP, f"{work} on that store", "ms", mine, peer, theirs, 1.3, at_most=True, cpu=cpu)
