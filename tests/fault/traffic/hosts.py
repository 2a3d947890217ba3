"""Clients that make tickets, scale, and run what they claim: the life of instances."""

from typing import Any

from tests.fault.traffic.client import Client
from tests.fault.traffic.platform import REF
from tests.fault.traffic.record import Call, Outcome
from tests.fault.traffic.writers import EPOCH

PLACES = [
    {"app": "base"},
    {"app": "base", "proctype": "worker"},
    {"app": "other"},
    {"app": "other", "proctype": "web"},
]
"""What hosts look for. Not in the arena: what happens there is judged as a whole."""


def _about(id: int) -> tuple[str, ...]:
    return ("instance", str(id))


def _ticket(proctype: str, app: str = "base", env: str | None = None) -> dict[str, Any]:
    return {"app": app, "revision": REF, "proctype": proctype, "env": env}


async def tickets(c: Client) -> None:
    """Tickets made once each, whatever happens, and some taken back."""
    made = await c.once("ticket", "/instances", _ticket("worker", env=c.random.choice([None, "blue"])))
    if made.outcome is not Outcome.OK:
        return
    if c.random.random() < 0.2:
        await c.again(made)
    if c.random.random() < 0.5:
        id = made.said["id"]
        await c.write("delete", "DELETE", f"/instances/{id}?client={c.name}&reason=over", about=_about(id))


async def scales(c: Client) -> None:
    """Two clients that do not agree how many there are to be."""
    app = c.random.choice(["base", "other"])
    # Now and then so many that it takes more than one commit.
    count = 120 if c.random.random() < 0.01 else c.random.choice([0, 2, 5, 9, 12])
    await c.write(
        "scale",
        "PUT",
        f"/apps/{app}/proctypes/web/scale",
        {"revision": REF, "env": None, "count": count},
        about=("proctype", app, "web"),
    )
    await c.look("scale", f"/apps/{app}/proctypes/web/scale?revision={REF}", ("proctype", app, "web"))
    await c.pace.rest(c.random.uniform(0.1, 0.5))


async def hosts(c: Client) -> None:
    """A host that claims what comes and sees it through, well or not."""
    host = f"10.1.0.{int(c.name[1:]) + 1}"
    where = c.random.choice(PLACES)
    body = {"host": host, "wait": c.random.choice([0, 0, 1]), **where}
    claimed = await c.once("claim-next", "/instances/claim", body)
    if claimed.status != 200:
        await c.pace.rest(0.2)
        return
    said = claimed.said
    await _run(c, said["id"], {"host": host, "claim_rev": said["claim_rev"]})


async def _run(c: Client, id: int, me: dict[str, Any]) -> None:
    about, path = _about(id), f"/instances/{id}"

    async def tell(op: str, body: Any, method: str = "POST", at: str | None = None) -> Call:
        return await c.write(op, method, f"{path}/{at or op}", body, about=about)

    if c.random.random() < 0.25:
        me = await _give_back(c, id, me)
    await tell("start", {**me, "hostname": "box", "port": 8000})
    if c.random.random() < 0.3:
        await tell("start", {**me, "hostname": "box", "port": 8000})
    if c.random.random() < 0.3:
        await tell("restart", {"reason": c.random.choice(["oom", "fail"])})
        await tell("lock", {"client": c.name, "reason": "look"}, "PUT")
        await tell("lock", {"client": c.name, "reason": "look"}, "PUT")
        await tell("unlock", None, "DELETE", "lock")
    if c.random.random() < 0.3:
        await tell("stop", None)
    end = c.random.choice(["exit", "fail", "lost"])
    bodies = {
        "exit": me,
        "fail": {**me, "reason": "it died"},
        "lost": {"client": c.name, "reason": "silent"},
    }
    await tell(end, bodies[end])
    if c.random.random() < 0.5:
        await tell("exit", me)  # a late truth, or once too often
    for _ in range(3):
        gone = await c.write("delete", "DELETE", path, about=about)
        if gone.outcome is Outcome.OK or gone.status == 404:
            break


async def _give_back(c: Client, id: int, me: dict[str, Any]) -> dict[str, Any]:
    """A host that gives a ticket back, claims it again, and then speaks with the token that it held first:
    it must not be heard, though it is the same host."""
    about, path = _about(id), f"/instances/{id}"
    await c.write("unclaim", "POST", f"{path}/unclaim", {**me, "error": "no room"}, about=about)
    again = await c.once("claim", f"{path}/claim", {"host": me["host"]}, about=about)
    if again.status != 200:
        return me
    for op, more in (("start", {"hostname": "ghost", "port": 1}), ("fail", {"reason": "ghost"})):
        await c.write(op, "POST", f"{path}/{op}", {**me, **more}, about=about)
    return {"host": me["host"], "claim_rev": again.said["claim_rev"]}


async def arena(c: Client) -> None:
    """Several hosts that want the same few tickets, by id, and let go of them again."""
    known: dict[int, int] = c.memory.setdefault("arena", {})
    host = f"10.2.0.{int(c.name[1:]) + 1}"
    if c.following() % EPOCH == 1 or not known:
        known.clear()
        listed = await c.look("list", "/apps/arena/instances?limit=10", ("list", "instance", "arena"))
        if listed.status == 200:
            known.update({item["id"]: 0 for item in listed.said["items"][:3]})
        if len(known) < 3:
            await c.once("ticket", "/instances", _ticket("web", "arena"))
        return
    id = c.random.choice(list(known))
    about, path = _about(id), f"/instances/{id}"
    if known[id]:
        if c.random.random() < 0.1:
            await c.write("exit", "POST", f"{path}/exit", {"host": host, "claim_rev": known[id]}, about=about)
            await c.write("delete", "DELETE", path, about=about)
            del known[id]
            return
        body = {"host": host, "claim_rev": known[id]}
        given = await c.write("unclaim", "POST", f"{path}/unclaim", body, about=about)
        if given.outcome is not Outcome.UNKNOWN and given.status != 0 and given.status < 500:
            known[id] = 0
    elif c.random.random() < 0.5:
        await c.look("one", path, about)
    else:
        claimed = await c.write("claim", "POST", f"{path}/claim", {"host": host}, about=about)
        if claimed.status == 200:
            known[id] = claimed.said["claim_rev"]
        elif claimed.status in (404, 409) and claimed.code != "already-claimed":
            del known[id]
