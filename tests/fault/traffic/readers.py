"""Clients that read: the latest, what a replica holds, and the past."""

import time

from tests.fault.traffic.client import Client
from tests.fault.traffic.platform import COUNTERS, REF
from tests.fault.traffic.record import Key

PLACES: list[tuple[str, str, Key]] = [
    ("one", "/apps/base", ("app", "base")),
    ("one", f"/apps/base/revisions/{REF}", ("revision", "base", REF)),
    ("one", "/apps/base/proctypes/web", ("proctype", "base", "web")),
    *(("one", f"/apps/count{n}", ("app", f"count{n}")) for n in range(COUNTERS)),
    ("vars", "/apps/vars0/env", ("app", "vars0")),
    ("list", "/apps?limit=10", ("list", "app")),
    ("list", "/instances?limit=5", ("list", "instance")),
    ("list", "/instances?status=running&limit=5", ("list", "instance", "running")),
    ("list", "/instances?status=pending&app=base&limit=5", ("list", "instance", "pending", "base")),
    ("list", "/services?limit=10", ("list", "service")),
    ("list", "/runners?limit=10", ("list", "runner")),
    ("list", "/members/proxies?limit=10", ("list", "member", "proxies")),
    ("scale", f"/apps/base/proctypes/web/scale?revision={REF}", ("proctype", "base", "web")),
    ("rev", "/rev", ("rev",)),
]

SETTLED = 12.0
"""Seconds after which a time is no longer one at which another replica may still commit."""

HELD = 8
"""Reads of the past that a reader remembers, to make them again: elsewhere, and after a restart."""


async def latest(c: Client) -> None:
    """Default reads, through any replica."""
    op, path, about = c.random.choice(PLACES)
    await c.read(op, path, about, _any(c))


async def stale(c: Client) -> None:
    """What a replica holds. Two of them in a row, from one."""
    op, path, about = c.random.choice(PLACES)
    replica = _any(c)
    for _ in range(2):
        await c.read(op, _with(path, "consistency=stale"), about, replica)


async def past(c: Client) -> None:
    """The same place at the same rev, now and later, here and there."""
    held: list[tuple[str, str, Key]] = c.memory.setdefault("held", [])
    if held and c.random.random() < 0.6:
        op, path, about = c.random.choice(held)
        again = await c.read(op, path, about, _any(c))
        if again.status == 410:
            held.remove((op, path, about))
        return
    op, path, about = c.random.choice(PLACES[:-1])
    now = await c.read("rev", "/rev", ("rev",), _any(c))
    if now.status != 200:
        return
    said = now.said
    rev = max(said["rev"] - c.random.choice([0, 0, 1, 3, 20, 200]), said["oldest_rev"], 1)
    held.append((op, _with(path, f"rev={rev}"), about))
    del held[:-HELD]
    await c.read(*held[-1], _any(c))


async def times(c: Client) -> None:
    """Places at the times of commits, now and later, here and there."""
    seen: list[tuple[float, str]] = c.memory.setdefault("times", [])
    now = await c.read("rev", "/rev", ("rev",), _any(c))
    if now.status == 200 and now.said["at"]:
        seen.append((time.monotonic(), now.said["at"]))
        del seen[:-60]
    settled = time.monotonic() - (SETTLED if c.replicas > 1 else 0)
    known = [at for noted, at in seen if noted <= settled]
    if known:
        op, path, about = c.random.choice(PLACES)
        await c.read(op, _with(path, f"at={c.random.choice(known)}"), about, _any(c))


def _any(c: Client) -> int:
    return c.random.randrange(c.replicas)


def _with(path: str, query: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{query}"
