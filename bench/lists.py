"""Lists: a page of 1,000, now and at a past rev, beside etcd's; a filtered one out of few and out of many."""

import json
from collections.abc import Callable
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
    return [*_pages(plan), *_filtered(plan)]


def _pages(plan: Plan) -> list[Row]:
    file = file_of(plan, PAGE // 100, PAGE)
    ids = instance_ids(file, PAGE)
    with Stage(plan.directory) as stage:
        ours = visor.on_file(stage, a_copy(stage, file))
        gateway = etcd.start(stage)
        into_etcd(gateway, file)
        past = int(visor.call(ours, "GET", "/rev")["rev"])
        for _ in range(CHANGED):
            visor.call(ours, "POST", "/instances/claim", {"host": "10.9.9.9"})
        etcd_past = _change(gateway, dict(state_of(file)), ids[:CHANGED])
        for path in (f"/instances?limit={PAGE}", f"/instances?limit={PAGE}&rev={past}"):
            _check(ours, path, PAGE)
        prefix = f"{PREFIX}instance/"
        seen = by_turns(
            plan,
            {
                "latest": _listing(plan, ours, f"/instances?limit={PAGE}"),
                "gateway": loading(plan, gateway, [[etcd.get_prefix(prefix, PAGE)]], connections=_CLIENTS),
                "past": _listing(plan, ours, f"/instances?limit={PAGE}&rev={past}"),
                "gateway past": loading(
                    plan, gateway, [[etcd.get_prefix(prefix, PAGE, etcd_past)]], connections=_CLIENTS
                ),
            },
        )
    work = f"GET /instances?limit={PAGE}"
    return [
        row_of(GROUP, work, seen["latest"], gateway.name, seen["gateway"], 15),
        row_of(GROUP, f"{work} at a past rev", seen["past"], gateway.name, seen["gateway past"], 15),
    ]


def _filtered(plan: Plan) -> list[Row]:
    few, many = (200, 400) if plan.quick else (1000, 100_000)
    rows = []
    with Stage(plan.directory) as stage:
        small = visor.on_file(stage, a_copy(stage, file_of(plan, few // 100, few)))
        large = visor.on_file(stage, a_copy(stage, file_of(plan, many // 100, many)))
        for query in ("", "&status=active"):
            # A hundred instances each; not the first app, in whose favour an index might lie.
            path = f"/instances?app={app_name(1)}&limit=100{query}"
            for served in (small, large):
                _check(served, path, 100)
            seen = by_turns(plan, {"many": _listing(plan, large, path), "few": _listing(plan, small, path)})
            work = f"GET /instances?app=..{query}, 100 out of {many:,}"
            cpu = (median(one.cpu_us for one in seen["many"]), median(one.cpu_us for one in seen["few"]))
            mine, theirs = ([1e3 / one.rate for one in seen[name]] for name in ("many", "few"))
            peer = f"the same out of {few:,}"
            rows.append(Row(GROUP, work, "ms", mine, peer, theirs, 1.5, at_most=True, cpu=cpu))
    return rows


def _listing(plan: Plan, served: Served, path: str) -> Callable[[], Seen]:
    return loading(plan, served, [[request("GET", path)]], connections=_CLIENTS)


def _check(served: Served, path: str, count: int) -> None:
    found = len(visor.call(served, "GET", path)["items"])
    if found != count:
        raise RuntimeError(f"{path} lists {found} instances instead of {count}")


def _change(gateway: Served, state: dict[str, bytes], ids: list[int]) -> int:
    """Put these instances in etcd again; the revision before."""
    said = json.loads(etcd.call(gateway, "/v3/kv/range", {"key": etcd.text(PREFIX)}))
    for id in ids:
        key = f"instance/{id:019d}"
        body = {"key": etcd.text(PREFIX + key), "value": etcd.text(state[key])}
        etcd.call(gateway, "/v3/kv/put", body)
    return int(said["header"]["revision"])
