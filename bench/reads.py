"""Single reads: an app and an instance, on the embedded store and on etcd."""

from bench.connection import request
from bench.peers import etcd, visor
from bench.processes import ALL
from bench.seeded import PREFIX, a_copy, file_of, instance_ids, into_etcd
from bench.seeding import app_name
from bench.serving import Stage
from bench.table import Row, row_of
from bench.turns import Plan, by_turns, loading

GROUP = "reads"
APPS, INSTANCES = 100, 1000
SPREAD = 50
"""Resources that are read by turns, so that not one and the same is."""


def measure(plan: Plan) -> list[Row]:
    file = file_of(plan, APPS, INSTANCES)
    ids = instance_ids(file, SPREAD)
    apps = [request("GET", f"/apps/{app_name(n)}") for n in range(SPREAD)]
    instances = [request("GET", f"/instances/{id}") for id in ids]
    with Stage(plan.directory) as stage:
        ours = visor.on_file(stage, a_copy(stage, file))
        logging = visor.on_file(stage, a_copy(stage, file), log_level="info")
        gateway = etcd.start(stage)
        into_etcd(gateway, file)
        # Visor has a core for itself, and what is behind it gets what is left of both.
        behind = etcd.start(stage, ALL)
        into_etcd(behind, file)
        on_etcd = visor.start(stage, f"etcd://127.0.0.1:{behind.port}")
        bare = stage.start_module("uvicorn alone", "bench.peers.bare_asgi")
        fastapi = stage.start_module("FastAPI route", "bench.peers.fastapi_plain")
        app_size = len(visor.fetch(ours.port, "GET", f"/apps/{app_name(0)}"))
        size = len(visor.fetch(ours.port, "GET", f"/instances/{ids[0]}"))
        seen = by_turns(
            plan,
            {
                "bare app": loading(plan, bare, [[request("GET", f"/{app_size}")]]),
                "app": loading(plan, ours, [apps]),
                "app, logged": loading(plan, logging, [apps]),
                "bare instance": loading(plan, bare, [[request("GET", f"/{size}")]]),
                "instance": loading(plan, ours, [instances]),
                "fastapi": loading(plan, fastapi, [[request("GET", f"/bytes/{size}")]]),
                "gateway": loading(plan, gateway, [_gets(ids)]),
                "app on etcd": loading(plan, on_etcd, [apps], beside=behind),
                "instance on etcd": loading(plan, on_etcd, [instances], beside=behind),
            },
        )
    both = "CPU: Visor's and etcd's"
    return [
        row_of(GROUP, "GET /apps/{app}, embedded", seen["app"], bare.name, seen["bare app"], 0.35),
        row_of(
            GROUP,
            "GET /apps/{app}, embedded, each request logged",
            seen["app, logged"],
            bare.name,
            seen["bare app"],
        ),
        row_of(
            GROUP, "GET /instances/{id}, embedded", seen["instance"], bare.name, seen["bare instance"], 0.35
        ),
        row_of(GROUP, "GET /instances/{id}, embedded", seen["instance"], fastapi.name, seen["fastapi"]),
        row_of(GROUP, "GET /instances/{id}, embedded", seen["instance"], gateway.name, seen["gateway"], 1),
        row_of(
            GROUP, "GET /apps/{app}, on etcd", seen["app on etcd"], bare.name, seen["bare app"], 0.25, both
        ),
        row_of(
            GROUP,
            "GET /instances/{id}, on etcd",
            seen["instance on etcd"],
            bare.name,
            seen["bare instance"],
            0.25,
            both,
        ),
        row_of(
            GROUP, "GET /instances/{id}, on etcd", seen["instance on etcd"], gateway.name, seen["gateway"]
        ),
    ]


def _gets(ids: list[int]) -> list[bytes]:
    """The gateway's requests for the same instances."""
    return [etcd.get(f"{PREFIX}instance/{id:019d}") for id in ids]
