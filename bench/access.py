"""What a token costs: reads, writes and streams with one beside the same without."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

from app.models.token import new_id, new_token, sha256_of
from bench.connection import request
from bench.fanout import row_of_delivery
from bench.instructions import CLIENT_LIMITS
from bench.load import Load
from bench.peers import visor
from bench.seeded import a_copy, file_of
from bench.seeding import app_name
from bench.serving import Served, Stage
from bench.slices import SLICE, Slice, by_slices
from bench.streams import Streams, frame_of, of_raw
from bench.table import Row
from bench.turns import Plan, by_turns
from bench.writes import CLIENTS, VALUES, value_of

GROUP = "access"
APPS, INSTANCES = 100, 1000
SPREAD = 50
"""Apps that are read by turns."""

SUBSCRIBERS, SIGHTS = 1000, 100
"""Subscribers, each with a token of its own, and how many different things they may see."""

READ = "GET /apps/{app} with an operator's token"
VIEWERS_READ = "GET /apps/{app} with a viewer's token"
WRITE = "PUT env, 32 clients, with a token"
WITHOUT = "Visor without tokens"

TARGET = 0.9
FANOUT_TARGET = 2.0
UPDATE = b'"type":"app-update"'


def measure(plan: Plan) -> list[Row]:
    file = file_of(plan, APPS, INSTANCES)
    names = [app_name(n) for n in range(SPREAD)]
    seen: dict[str, tuple[list[Slice], list[Slice]]] = {}
    # Each pair anew: of two processes of one code one is a few percent quicker, by how it lies in memory.
    for _ in range(plan.repeat):
        with Stage(plan.directory) as stage:
            free = visor.on_file(stage, a_copy(stage, file))
            closed, root = _closed(stage, a_copy(stage, file))
            operator = _token(closed, root, {"role": "operator"})
            viewer = _token(closed, root, {"role": "viewer", "apps": [names[0][:1] + "*"]})
            for work, with_token, without in (
                (READ, [_gets(names, operator)], [_gets(names)]),
                (VIEWERS_READ, [_gets(names, viewer)], [_gets(names)]),
                (WRITE, _puts(operator), _puts()),
            ):
                mine, theirs = by_slices(_load(plan, closed, with_token), _load(plan, free, without))
                so_far = seen.setdefault(work, ([], []))
                so_far[0].extend(mine)
                so_far[1].extend(theirs)
    return [*(_row(work, *both) for work, both in seen.items()), _fan_out(plan)]


def _closed(stage: Stage, file: Path) -> tuple[Served, str]:
    """Visor with access on, and the token of its admin."""
    root = new_token(new_id())
    limits = dict.fromkeys(CLIENT_LIMITS, "0")
    return visor.on_file(stage, file, admin_token_sha256=sha256(root.encode()).hexdigest(), **limits), root


def _fan_out(plan: Plan) -> Row:
    with Stage(plan.directory) as stage:
        closed, root = _closed(stage, a_copy(stage, file_of(plan, APPS, INSTANCES)))
        streams = _of_sights(closed, root, 20 if plan.quick else SUBSCRIBERS)
        raw = replace(of_raw(stage, frame_of(streams), CLIENTS), mark=UPDATE)
        count = len(streams.each)
        delivered = by_turns(
            plan,
            {"sights": streams.measure(plan, count, CLIENTS), "raw": raw.measure(plan, count, CLIENTS)},
        )
    sights = min(SIGHTS, count)
    work = f"fan-out to {count:,} subscribers with a token each, of {sights} different sights"
    return row_of_delivery(GROUP, work, delivered["sights"], raw.served.name, delivered["raw"], FANOUT_TARGET)


def _load(plan: Plan, served: Served, requests: list[list[bytes]]) -> Load:
    return Load(served.port, requests, served.pids, CLIENTS, plan.seconds, plan.warmup)


def _row(work: str, mine: Sequence[Slice], theirs: Sequence[Slice]) -> Row:
    cpu = median(one.cpu_us for one in mine), median(one.cpu_us for one in theirs)
    rates = [one.rate for one in mine], [one.rate for one in theirs]
    said = f"{len(mine)} turns of {SLICE:g} s each"
    return Row(GROUP, work, "answers/s", rates[0], WITHOUT, rates[1], TARGET, cpu=cpu, said=said)


def _bearer(token: str) -> tuple[str, ...]:
    return (f"Authorization: Bearer {token}",) if token else ()


def _token(served: Served, root: str, *grants: dict[str, Any]) -> str:
    """A new token with these grants."""
    token = new_token(id := new_id())
    body = {"name": f"bench-{secrets.token_hex(4)}", "grants": list(grants), "sha256": sha256_of(token)}
    visor.call(served, "PUT", f"/tokens/{id}", body, root)
    return token


def _gets(names: Sequence[str], token: str = "") -> list[bytes]:
    return [request("GET", f"/apps/{name}", None, *_bearer(token)) for name in names]


def _puts(token: str = "") -> list[list[bytes]]:
    return [
        [
            request("PUT", f"/apps/{app_name(client)}/env/DB_URL", value_of(turn), *_bearer(token))
            for turn in range(VALUES)
        ]
        for client in range(CLIENTS)
    ]


def _of_sights(served: Served, root: str, count: int) -> Streams:
    """So many subscribers, all of whom see what the writers change, and something else beside."""
    app = "fan-out"
    visor.call(
        served,
        "POST",
        "/apps",
        {"name": app, "repo_url": "https://git.example.com/x.git", "stack": "lenny"},
        root,
    )
    tokens = [
        _token(served, root, {"role": "viewer", "apps": [app, f"other-{number % SIGHTS}"]})
        for number in range(count)
    ]
    each = [request("GET", "/events", None, "Accept: text/event-stream", *_bearer(one)) for one in tokens]
    writes = [
        [
            request(
                "PUT",
                f"/apps/{app}/env/V{writer}",
                json.dumps({"value": f"{turn:03d}"}).encode(),
                *_bearer(root),
            )
            for turn in range(VALUES)
        ]
        for writer in range(CLIENTS)
    ]
    return Streams(served, each[0], writes, UPDATE, each)
