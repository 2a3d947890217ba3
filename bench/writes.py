"""Durable writes: 32 clients that each set a variable of an app of their own, again and again."""

import json

from bench.connection import request
from bench.peers import etcd, visor
from bench.processes import ALL
from bench.seeded import a_copy, file_of, into_etcd
from bench.seeding import app_name
from bench.serving import Stage
from bench.table import Row, row_of
from bench.turns import Plan, by_turns, loading

GROUP = "writes"
APPS, INSTANCES = 100, 1000
CLIENTS = 32
VALUES = 50
"""Values that a client goes through: setting what is set already would be no commit."""


def measure(plan: Plan) -> list[Row]:
    file = file_of(plan, APPS, INSTANCES)
    with Stage(plan.directory) as stage:
        ours = visor.on_file(stage, a_copy(stage, file))
        fastapi = stage.start_module("FastAPI POST that does nothing", "bench.peers.fastapi_plain")
        # Who is put in front of etcd has a core for itself, and etcd what is left of both, in either case.
        gateway = etcd.start(stage, ALL)
        into_etcd(gateway, file)
        on_etcd = visor.start(stage, f"etcd://127.0.0.1:{gateway.port}")
        nothing = [request("POST", "/nothing", value_of(n)) for n in range(VALUES)]
        seen = by_turns(
            plan,
            {
                "nothing": loading(plan, fastapi, [nothing]),
                "embedded": loading(plan, ours, puts(CLIENTS)),
                "gateway": loading(plan, gateway, _gateway_puts()),
                "on etcd": loading(plan, on_etcd, puts(CLIENTS), beside=gateway),
            },
        )
        groups = visor.metric(ours, "visor_store_log_groups_total")
        commits = visor.metric(ours, "visor_store_commits_total")
    synced = f"one fsync for {commits / max(groups, 1):.1f} writes"
    return [
        row_of(
            GROUP,
            "PUT env, 32 clients, embedded",
            seen["embedded"],
            fastapi.name,
            seen["nothing"],
            0.5,
            synced,
        ),
        row_of(
            GROUP,
            "PUT env, 32 clients, on etcd",
            seen["on etcd"],
            gateway.name,
            seen["gateway"],
            0.5,
            "CPU: Visor's and etcd's",
        ),
    ]


def value_of(turn: int) -> bytes:
    return json.dumps({"value": f"postgres://db-{turn}.example.com/rocket"}).encode()


def puts(clients: int) -> list[list[bytes]]:
    """For each client its own app."""
    return [
        [request("PUT", f"/apps/{app_name(client)}/env/DB_URL", value_of(turn)) for turn in range(VALUES)]
        for client in range(clients)
    ]


def _gateway_puts() -> list[list[bytes]]:
    """The gateway is given what Visor keeps of such an app: a value of some 300 bytes."""
    return [
        [etcd.put(f"put/{client}", f"{turn:03d}{'x' * 297}") for turn in range(VALUES)]
        for client in range(CLIENTS)
    ]
