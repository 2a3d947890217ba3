"""Clients that write to the directory of apps, services and members: all calls that it has."""

from collections.abc import Awaitable
from typing import Any

from tests.fault.traffic.client import Ask, Client
from tests.fault.traffic.platform import COUNTERS, PARTS, RECORDS, SETS, large
from tests.fault.traffic.record import Outcome
from tests.serving import APP, ARCHIVE
from visor_client import AsyncVisor

EPOCH = 40
"""Rounds after which racing clients turn to new names: a race is judged whole, so it has to stay short."""


async def variables(c: Client) -> None:
    """An app's variables, each client with keys of its own; two of them always change together."""
    name = f"vars{int(c.name[1:]) % SETS}"
    app, value = ("app", name), str(c.following())
    both = {f"{c.name}.a": value, f"{c.name}.b": value, "no": None}
    await c.do("env", lambda v: v.set_env_var(name, c.name, value), about=app)
    await c.do("env", lambda v: v.patch_env(name, both), about=app)
    if c.random.random() < 0.2:
        await c.do("env-remove", lambda v: v.remove_env_var(name, c.name), about=app)


async def records(c: Client) -> None:
    """Large values, and an app that is written whole, 0.5 MB, for each of its own."""
    name, key = "zlarge", f"part{c.random.randrange(PARTS)}"
    if c.random.random() < 0.8:
        name, key = f"zrecord{c.random.randrange(RECORDS)}", "n"
    value = large(c.following())
    await c.do("env", lambda v: v.set_env_var(name, key, value), about=("app", name))
    if c.random.random() < 0.2:
        await c.look("one", f"/apps/{name}", ("app", name))
    # Whatever is written so is kept by who judges.
    await c.pace.rest(c.random.uniform(0.3, 0.9))


async def counters(c: Client) -> None:
    """Counts up with If-Match: of those that read the same number one may write the next, and the library has
    the others read again."""
    name, number = f"count{c.random.randrange(COUNTERS)}", c.following()

    def next_number(env: dict[str, str]) -> dict[str, str]:
        # Who counts stands beside the number, so that two who write the same number are two changes.
        return {**env, "n": str(int(env["n"]) + 1), "by": f"{c.name} {number}"}

    await c.do("count", lambda v: v.update_env(name, next_number), about=("app", name))


async def apps(c: Client) -> None:
    """An app from its first variable to its end, with all that it can have."""
    name = f"{c.name}.{c.following()}"
    c.memory.setdefault("apps", []).append(name)

    async def create(ask: Ask, *about: str) -> None:
        await c.do("create", ask, about=about)

    await create(lambda v: v.register_app(name, APP["repo_url"], APP["stack"], env={"a": "1"}), "app", name)
    await create(lambda v: v.register_revision(name, "r1", archive_url=ARCHIVE), "revision", name, "r1")
    await create(lambda v: v.register_revision(name, "r2"), "revision", name, "r2")
    ratified = await c.do(
        "ratify", lambda v: v.ratify_revision(name, "r2", ARCHIVE), about=("revision", name, "r2")
    )
    await create(lambda v: v.register_envset(name, "blue", {"a": "1"}), "envset", name, "blue")
    await create(lambda v: v.register_proctype(name, "web"), "proctype", name, "web")
    await create(lambda v: v.register_proctype(name, "cron"), "proctype", name, "cron")
    await _change_and_remove(c, name, ratified.outcome is Outcome.OK)


async def _change_and_remove(c: Client, name: str, ratified: bool) -> None:
    limits = {"limits": {"memory_limit_mb": 64}}
    await c.do("patch", lambda v: v.patch_proctype(name, "web", limits), about=("proctype", name, "web"))
    if ratified:
        changed = {"head": "r2", "stack": "squeeze"}
        await c.do("patch", lambda v: v.patch_app(name, changed), about=("app", name))
    await c.do("delete", lambda v: v.unregister_revision(name, "r1"), about=("revision", name, "r1"))
    if c.random.random() < 0.3:
        await c.do("delete", lambda v: v.unregister_envset(name, "blue"), about=("envset", name, "blue"))
        await c.do("delete", lambda v: v.unregister_proctype(name, "cron"), about=("proctype", name, "cron"))
    for old in list(c.memory["apps"]):
        gone = await c.do("delete", _unregister(old), about=("app", old))
        if gone.outcome is Outcome.OK or gone.status == 404:
            c.memory["apps"].remove(old)


def _unregister(app: str) -> Ask:
    return lambda v: v.unregister_app(app)


async def races(c: Client) -> None:
    """Services with few names that several clients make and take away at the same time."""
    round_ = c.following()
    name = f"race{round_ // EPOCH}-{c.random.randrange(6)}"
    about, choice = ("service", name), c.random.random()
    if choice < 0.4:
        await c.do("create", lambda v: v.register_service(name), about=about)
    elif choice < 0.65:
        await c.do("delete", lambda v: v.unregister_service(name), about=about)
    else:
        await c.look("one", f"/services/{name}", about)


async def directory(c: Client) -> None:
    """Services with endpoints, runners, and members with and without a time to live."""
    name = f"box{c.following()}.{c.name}"
    brief, addr = f"brief.{name}", f"{name}:9000"
    for _ in range(c.random.choice([1, 3])):
        await c.do(
            "member",
            lambda v: v.set_member("proxies", brief, version="1", ttl=1),
            about=("member", brief),
        )
    await _service(c, name)
    await c.do("create", lambda v: v.register_runner(addr, 1), about=("runner", addr))
    for version in ("1", "2", "2"):
        await c.do("member", _member(name, version), about=("member", name))
    if c.random.random() < 0.5:
        await c.do(
            "delete",
            lambda v: v.unregister_endpoint(name, "10-0-0-9-1"),
            about=("endpoint", name, "10-0-0-9-1"),
        )
    await c.do("delete", lambda v: v.unregister_service(name), about=("service", name))
    await c.do("delete", lambda v: v.unregister_member("pms", name), about=("member", name))
    await c.do("delete", lambda v: v.unregister_runner(addr), about=("runner", addr))


async def _service(c: Client, name: str) -> None:
    key = c.key()

    def register(v: AsyncVisor) -> Awaitable[Any]:
        return v.register_service(name, key=key)

    service = await c.keyed("create", key, register, about=("service", name))
    if service.outcome is Outcome.OK and c.random.random() < 0.3:
        await c.again(service, register)
    for port in (1, 2):
        await c.do("create", _endpoint(name, port), about=("endpoint", name, f"10-0-0-9-{port}"))


def _endpoint(service: str, port: int) -> Ask:
    return lambda v: v.register_endpoint(service, "10.0.0.9", port, ip="10.0.0.9")


def _member(addr: str, version: str) -> Ask:
    return lambda v: v.set_member("pms", addr, version=version)
