"""Lists: a page of 1,000, now and at a past rev, beside etcd's; a filtered one out of few and out of many."""

import json
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.connection import request
from bench.load import Seen
from bench.peers import etcd, visor
from bench.seeded import PREFIX, a_copy, file_of, instance_ids, into_etcd, state_of
from bench.seeding import app_name
from bench.serving import Served, Stage
from bench.table import Row, row_of
from bench.turns import Plan, by_turns, loading

GROUP = "lists"
PAGE = 1000
CHANGED = 100
"""Instances that change after the past rev that is read: it is not the newest state over again."""

_CLIENTS = 8


def measure(plan: Plan) -> list[Row]:
    file = file_of(plan, PAGE // 100, PAGE)
    with Stage(plan.directory) as stage:
        ours = visor.on_file(stage, a_copy(stage, file))
        return [*_pages(plan, stage, ours, file), *_filtered(plan, stage, ours)]


def _pages(plan: Plan, stage: Stage, ours: Served, file: Path) -> list[Row]:
    ids = instance_ids(file, PAGE)
    gateway = etcd.start(stage)
    into_etcd(gateway, file)
    past = int(visor.call(ours, "GET", "/rev")["rev"])
    for _ in range(CHANGED):
        visor.call(ours, "POST", "/instances/claim", {"host": "10.9.9.9"})
    etcd_past = _change(gateway, dict(state_of(file)), ids[:CHANGED])
    work, prefix = f"/instances?limit={PAGE}", f"{PREFIX}instance/"
    seen = by_turns(
        plan,
        {
            "latest": _listing(plan, ours, work, PAGE),
            "gateway": _gateway_listing(plan, gateway, etcd.get_prefix(prefix, PAGE)),
            "past": _listing(plan, ours, f"{work}&rev={past}", PAGE),
            "gateway past": _gateway_listing(plan, gateway, etcd.get_prefix(prefix, PAGE, etcd_past)),
        },
    )
    return [
        row_of(GROUP, f"GET {work}", seen["latest"], gateway.name, seen["gateway"], 15),
        row_of(GROUP, f"GET {work} at a past rev", seen["past"], gateway.name, seen["gateway past"], 15),
    ]


def _filtered(plan: Plan, stage: Stage, small: Served) -> list[Row]:
    few, many = PAGE, 2000 if plan.quick else 100_000
    large = visor.on_file(stage, a_copy(stage, file_of(plan, many // 100, many)))
    rows = []
    for query in ("", "&status=active"):
        # A hundred instances each; not the first app, in whose favour an index might lie.
        path = f"/instances?app={app_name(1)}&limit=100{query}"
        measures = {"many": _listing(plan, large, path, 100), "few": _listing(plan, small, path, 100)}
        seen = by_turns(plan, measures)
        cpu = (median(one.cpu_us for one in seen["many"]), median(one.cpu_us for one in seen["few"]))
        mine, theirs = ([1e3 / one.rate for one in seen[name]] for name in ("many", "few"))
        work, peer = f"GET /instances?app=..{query}, 100 out of {many:,}", f"the same out of {few:,}"
        rows.append(Row(GROUP, work, "ms", mine, peer, theirs, 1.5, at_most=True, cpu=cpu))
    return rows


def _listing(plan: Plan, served: Served, path: str, count: int) -> Callable[[], Seen]:
    """A measure of a list that has so many items."""
    found = len(visor.call(served, "GET", path)["items"])
    if found != count:
        raise RuntimeError(f"{path} lists {found} instances instead of {count}")
    return loading(plan, served, [[request("GET", path)]], connections=_CLIENTS)


def _gateway_listing(plan: Plan, gateway: Served, asked: bytes) -> Callable[[], Seen]:
    return loading(plan, gateway, [[asked]], connections=_CLIENTS)


def _change(gateway: Served, state: dict[str, bytes], ids: list[int]) -> int:
    """Put these instances in etcd again; the revision before."""
    said = json.loads(etcd.call(gateway, "/v3/kv/range", {"key": etcd.text(PREFIX)}))
    for id in ids:
        key = f"instance/{id:019d}"
        body = {"key": etcd.text(PREFIX + key), "value": etcd.text(state[key])}
        etcd.call(gateway, "/v3/kv/put", body)
    return int(said["header"]["revision"])
