"""Clients that write to the directory of apps, services and members: all calls that it has."""

from tests.fault.traffic.client import Client
from tests.fault.traffic.platform import COUNTERS, PARTS, RECORDS, SETS, large
from tests.fault.traffic.record import Outcome
from tests.serving import APP, ARCHIVE

EPOCH = 40
"""Rounds after which racing clients turn to new names: a race is judged whole, so it has to stay short."""


async def variables(c: Client) -> None:
    """An app's variables, each client with keys of its own; two of them always change together."""
    name = f"vars{int(c.name[1:]) % SETS}"
    path, app, value = f"/apps/{name}/env", ("app", name), str(c.following())
    await c.write("env", "PUT", f"{path}/{c.name}", {"value": value}, about=app)
    await c.write("env", "PATCH", path, {f"{c.name}.a": value, f"{c.name}.b": value, "no": None}, about=app)
    if c.random.random() < 0.2:
        await c.write("env-remove", "DELETE", f"{path}/{c.name}", about=app)


async def records(c: Client) -> None:
    """Large values, and an app that is written whole, 0.5 MB, for each of its own."""
    name, key = "zlarge", f"part{c.random.randrange(PARTS)}"
    if c.random.random() < 0.8:
        name, key = f"zrecord{c.random.randrange(RECORDS)}", "n"
    value = large(c.following())
    await c.write("env", "PUT", f"/apps/{name}/env/{key}", {"value": value}, about=("app", name))
    if c.random.random() < 0.2:
        await c.look("one", f"/apps/{name}", ("app", name))
    # Whatever is written so is kept by who judges.
    await c.pace.rest(c.random.uniform(0.3, 0.9))


async def counters(c: Client) -> None:
    """Counts up with If-Match: of those that read the same number one may write the next."""
    name = f"count{c.random.randrange(COUNTERS)}"
    about = ("app", name)
    read = await c.look("one", f"/apps/{name}", about)
    if read.status == 200:
        said = read.said
        # Who counts stands beside the number, so that two who write the same number are two changes.
        body = {"n": str(int(said["env"]["n"]) + 1), "by": f"{c.name} {c.following()}"}
        await c.write("count", "PATCH", f"/apps/{name}/env", body, about=about, if_match=said["rev"])


async def apps(c: Client) -> None:
    """An app from its first variable to its end, with all that it can have."""
    name = f"{c.name}.{c.following()}"
    app = f"/apps/{name}"
    c.memory.setdefault("apps", []).append(name)
    await c.once("create", "/apps", {**APP, "name": name, "env": {"a": "1"}}, about=("app", name))
    await c.write(
        "create",
        "POST",
        f"{app}/revisions",
        {"ref": "r1", "archive_url": ARCHIVE},
        about=("revision", name, "r1"),
    )
    await c.once("create", f"{app}/revisions", {"ref": "r2"}, about=("revision", name, "r2"))
    ratified = await c.write(
        "ratify",
        "POST",
        f"{app}/revisions/r2/ratify",
        {"archive_url": ARCHIVE},
        about=("revision", name, "r2"),
    )
    await c.once("create", f"{app}/envs", {"ref": "blue", "vars": {"a": "1"}}, about=("envset", name, "blue"))
    for proctype in ("web", "cron"):
        await c.write(
            "create", "POST", f"{app}/proctypes", {"name": proctype}, about=("proctype", name, proctype)
        )
    await c.write(
        "patch",
        "PATCH",
        f"{app}/proctypes/web",
        {"limits": {"memory_limit_mb": 64}},
        about=("proctype", name, "web"),
    )
    if ratified.outcome is Outcome.OK:
        await c.write("patch", "PATCH", app, {"head": "r2", "stack": "squeeze"}, about=("app", name))
    await c.write("delete", "DELETE", f"{app}/revisions/r1", about=("revision", name, "r1"))
    if c.random.random() < 0.3:
        await c.write("delete", "DELETE", f"{app}/envs/blue", about=("envset", name, "blue"))
        await c.write("delete", "DELETE", f"{app}/proctypes/cron", about=("proctype", name, "cron"))
    for name in list(c.memory["apps"]):
        gone = await c.write("delete", "DELETE", f"/apps/{name}", about=("app", name))
        if gone.outcome is Outcome.OK or gone.status == 404:
            c.memory["apps"].remove(name)


async def races(c: Client) -> None:
    """Services with few names that several clients make and take away at the same time."""
    round_ = c.following()
    name = f"race{round_ // EPOCH}-{c.random.randrange(6)}"
    about, choice = ("service", name), c.random.random()
    if choice < 0.4:
        await c.write("create", "POST", "/services", {"name": name}, about=about)
    elif choice < 0.65:
        await c.write("delete", "DELETE", f"/services/{name}", about=about)
    else:
        await c.look("one", f"/services/{name}", about)


async def directory(c: Client) -> None:
    """Services with endpoints, runners, and members with and without a time to live."""
    name = f"box{c.following()}.{c.name}"
    brief = f"brief.{name}"
    for _ in range(c.random.choice([1, 3])):
        await c.write(
            "member", "PUT", f"/members/proxies/{brief}", {"version": "1", "ttl": 1}, about=("member", brief)
        )
    service = await c.once("create", "/services", {"name": name}, about=("service", name))
    if service.outcome is Outcome.OK and c.random.random() < 0.3:
        await c.again(service)
    for port in (1, 2):
        await c.write(
            "create",
            "POST",
            f"/services/{name}/endpoints",
            {"addr": "10.0.0.9", "ip": "10.0.0.9", "port": port},
            about=("endpoint", name, f"10-0-0-9-{port}"),
        )
    addr = f"{name}:9000"
    await c.write("create", "POST", "/runners", {"addr": addr, "instance_id": 1}, about=("runner", addr))
    for version in ("1", "2", "2"):
        await c.write("member", "PUT", f"/members/pms/{name}", {"version": version}, about=("member", name))
    if c.random.random() < 0.5:
        await c.write(
            "delete",
            "DELETE",
            f"/services/{name}/endpoints/10-0-0-9-1",
            about=("endpoint", name, "10-0-0-9-1"),
        )
    await c.write("delete", "DELETE", f"/services/{name}", about=("service", name))
    await c.write("delete", "DELETE", f"/members/pms/{name}", about=("member", name))
    await c.write("delete", "DELETE", f"/runners/{addr}", about=("runner", addr))
