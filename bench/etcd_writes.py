"""Writes on one etcd: by how many clients, on many apps or one, through one replica or two, with subscribers,
and claims. Beside each, as many clients that put a value of the same size through etcd's own gateway; beside
one client, a loop of fsyncs on the same disk too. The curve is over the number of clients."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from statistics import median

from bench.connection import request
from bench.curves import Curve
from bench.growth import Found
from bench.load import Seen
from bench.peers import etcd, visor
from bench.processes import ALL, LOAD
from bench.seeded import file_of, into_etcd
from bench.seeding import app_name
from bench.serving import Served, Stage
from bench.streams import EVENTS, Streams
from bench.table import Row, row_of
from bench.turns import Plan, by_turns, loading
from bench.waits import FSYNC, Waits, asking, waits
from bench.writes import APPS, INSTANCES, VALUES, value_of

GROUP = "etcd"
MOST = 128
CLIENTS = (1, 8, 32, MOST)
TARGETS = {1: None, 8: None, 32: 0.5, MOST: 0.5}
TARGETS_OF_ONE_APP = {8: None, 32: 0.4, MOST: None}
LISTENING = 100
APP = {"name": "tickets", "repo_url": "https://git.example.com/tickets.git", "stack": "lenny"}
TICKETS = "/instances?app=tickets&limit=100"


BEFORE = 0.07
"""Of the gateway's puts: what 32 clients of one app wrote when each write was a transaction of its own."""


def measure(plan: Plan) -> Found:
    file = file_of(plan, APPS, INSTANCES)
    with Stage(plan.directory) as stage:
        gateway = etcd.start(stage, ALL)
        into_etcd(gateway, file)
        url = f"etcd://127.0.0.1:{gateway.port}"
        one = visor.start(stage, url)
        ids = _tickets(one)

        def on(requests: list[list[bytes]], connections: int) -> Callable[[], Seen]:
            return loading(plan, one, requests, connections=connections, beside=gateway)

        puts = [_puts(client) for client in range(64)]
        # An app each: how large it is depends on how many clients have a variable in it.
        hot = {n: [_puts(app, f"V{client}") for client in range(n)] for app, n in enumerate(CLIENTS[1:], 64)}
        things = {f"{n}": on(puts[:n], n) for n in CLIENTS}
        things |= {f"one app {n}": on(requests, n) for n, requests in hot.items()}
        things |= {f"gateway {n}": loading(plan, gateway, _gateway(n), connections=n) for n in CLIENTS}
        things["claims"] = _claiming(plan, one, gateway, ids)
        seen = by_turns(plan, things)
        alone = waits(
            plan,
            {
                "visor": asking(one, puts[0], beside=gateway),
                gateway.name: asking(gateway, _gateway(1)[0]),
            },
        )
        listened = _listened(plan, one, puts[:32])
        # Only now: it follows all that is written. On the other core, where the load leaves most of it.
        other = visor.start(stage, url, cpus=LOAD)
        together = {
            "both": lambda: _both(plan, one, other, hot[32]),
            "gateway": loading(plan, gateway, _gateway(32), connections=32),
        }
        both = by_turns(plan, together)
    rows = [
        row_of(
            GROUP,
            f"PUT env, {n} client{'s' if n > 1 else ''}",
            seen[f"{n}"],
            gateway.name,
            seen[f"gateway {n}"],
            TARGETS[n],
        )
        for n in CLIENTS
    ]
    beside = seen["gateway 32"]
    rows += [
        row_of(
            GROUP,
            f"PUT env, {n} clients, one app",
            seen[f"one app {n}"],
            gateway.name,
            seen[f"gateway {n}"],
            TARGETS_OF_ONE_APP[n],
        )
        for n in CLIENTS[1:]
    ]
    work = "claim of an instance, or its giving back, 32 clients"
    rows.append(row_of(GROUP, work, seen["claims"], gateway.name, beside, 0.3))
    work = "PUT env, one app, two replicas, 16 clients each"
    theirs = [one.rate for one in both["gateway"]]
    rows.append(Row(GROUP, work, "answers/s", both["both"], gateway.name, theirs, 5 * BEFORE))
    rows.append(
        Row(GROUP, f"PUT env, 32 clients, while {LISTENING} subscribers listen", "answers/s", listened)
    )
    rows += _waiting(gateway.name, alone["visor"], alone[gateway.name], alone[FSYNC])
    return rows, [_over_clients(seen)]


def _waiting(peer: str, ours: list[Waits], theirs: list[Waits], fsyncs: list[Waits]) -> list[Row]:
    """How long one client alone waits, beside one of the gateway; and what an fsync takes."""
    rows = []
    for name, most in (("p50", 2.5), ("p99", None)):
        mine, its, disk = ([getattr(one, name) for one in seen] for seen in (ours, theirs, fsyncs))
        work, said = f"PUT env, one client, {name}", f"an fsync {median(disk):.2f} ms"
        rows.append(Row(GROUP, work, "ms", mine, peer, its, most, at_most=True, said=said))
    return rows


def _over_clients(seen: dict[str, list[Seen]]) -> Curve:
    """How answers grow with the clients that write at once."""
    curve = Curve("etcd-clients-rates", "Writes on etcd over clients", "clients", "answers/s", list(CLIENTS))
    for clients in CLIENTS:
        curve.add("Visor", median(one.rate for one in seen[f"{clients}"]))
        one_app = seen[f"one app {clients}" if clients > 1 else "1"]
        curve.add("Visor, one app", median(one.rate for one in one_app))
        curve.add("etcd's gateway", median(one.rate for one in seen[f"gateway {clients}"]))
    return curve


def _both(plan: Plan, one: Served, other: Served, requests: list[list[bytes]]) -> float:
    """Answers a second of both replicas together, which 16 clients each have write the same app."""
    with ThreadPoolExecutor(2) as pool:
        loads = [
            pool.submit(loading(plan, served, part, connections=16))
            for served, part in ((one, requests[:16]), (other, requests[16:]))
        ]
        return sum(load.result().rate for load in loads)


def _listened(plan: Plan, served: Served, writes: list[list[bytes]]) -> list[float]:
    """Answers a second to writers whose events subscribers read, each of them all."""
    count = 10 if plan.quick else LISTENING
    streams = Streams(served, EVENTS, writes, b'"type":"app-update"')
    # A few turns are enough for a row without a peer.
    delivered = by_turns(
        replace(plan, repeat=min(plan.repeat, 3)), {"": streams.measure(plan, count, len(writes))}
    )
    return [one.writes / one.seconds for one in delivered[""]]


def _puts(app: int, name: str = "DB_URL") -> list[bytes]:
    return [request("PUT", f"/apps/{app_name(app)}/env/{name}", value_of(turn)) for turn in range(VALUES)]


def _gateway(clients: int) -> list[list[bytes]]:
    return [
        [etcd.put(f"put/{client}", f"{turn:03d}{'x' * 297}") for turn in range(VALUES)]
        for client in range(clients)
    ]


def _tickets(served: Served) -> list[int]:
    """32 pending instances."""
    visor.call(served, "POST", "/apps", APP)
    archive = {"ref": "r1", "archive_url": "https://archive.example.com/r1"}
    visor.call(served, "POST", "/apps/tickets/revisions", archive)
    visor.call(served, "POST", "/apps/tickets/proctypes", {"name": "web"})
    target = {"revision": "r1", "env": None, "count": 32}
    started: list[int] = visor.call(served, "PUT", "/apps/tickets/proctypes/web/scale", target)["started"]
    return started


def _claiming(plan: Plan, served: Served, gateway: Served, ids: list[int]) -> Callable[[], Seen]:
    """A measure: for each of 32 hosts an instance of its own, which it claims and gives back by turns."""
    scripts = []
    for number, id in enumerate(ids):
        host = json.dumps({"host": f"10.9.0.{number}"}).encode()
        scripts.append([request("POST", f"/instances/{id}/{call}", host) for call in ("claim", "unclaim")])
    load = loading(plan, served, scripts, connections=len(ids), in_step=True, beside=gateway)

    def run() -> Seen:
        _give_all_back(served)
        return load()

    return run


def _give_all_back(served: Served) -> None:
    """Have all tickets pending, for each host begins with a claim. What was on its way when the time of the
    turn before was over may land now: a claim after this has looked, or a host's own unclaim before the one
    made here, which is then refused (409). So it looks until nothing comes any more."""
    quiet = 0
    while quiet < 3:
        claimed = visor.call(served, "GET", f"{TICKETS}&status=claimed")["items"]
        quiet = 0 if claimed else quiet + 1
        for instance in claimed:
            with suppress(RuntimeError):
                host = {"host": instance["host"]}
                visor.call(served, "POST", f"/instances/{instance['id']}/unclaim", host)
        time.sleep(0.1)
