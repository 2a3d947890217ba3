"""Clients that make tickets, scale, and run what they claim: the life of instances."""

from collections.abc import Awaitable
from typing import Any

from tests.fault.traffic.client import Ask, Client
from tests.fault.traffic.platform import REF
from tests.fault.traffic.record import Call, Outcome
from tests.fault.traffic.writers import EPOCH
from visor_client import AsyncVisor

PLACES = [
    {"app": "base"},
    {"app": "base", "proctype": "worker"},
    {"app": "other"},
    {"app": "other", "proctype": "web"},
]
"""What hosts look for. Not in the arena: what happens there is judged as a whole."""


def _about(id: int) -> tuple[str, ...]:
    return ("instance", str(id))


async def tickets(c: Client) -> None:
    """Tickets made once each, whatever happens, and some taken back."""
    key, env = c.key(), c.random.choice([None, "blue"])

    def register(v: AsyncVisor) -> Awaitable[Any]:
        return v.register_instance("base", REF, "worker", env=env, key=key)

    made = await c.keyed("ticket", key, register)
    if made.outcome is not Outcome.OK:
        return
    if c.random.random() < 0.2:
        await c.again(made, register)
    if c.random.random() < 0.5:
        id = made.said["id"]
        await c.do(
            "delete", lambda v: v.unregister_instance(id, client=c.name, cause="over"), about=_about(id)
        )


async def scales(c: Client) -> None:
    """Two clients that do not agree how many there are to be."""
    app = c.random.choice(["base", "other"])
    # Now and then so many that it takes more than one commit.
    count = 120 if c.random.random() < 0.01 else c.random.choice([0, 2, 5, 9, 12])
    await c.do("scale", lambda v: v.set_scale(app, "web", REF, count), about=("proctype", app, "web"))
    await c.look("scale", f"/apps/{app}/proctypes/web/scale?revision={REF}", ("proctype", app, "web"))
    await c.pace.rest(c.random.uniform(0.1, 0.5))


async def hosts(c: Client) -> None:
    """A host that claims what comes and sees it through, well or not."""
    host = f"10.1.0.{int(c.name[1:]) + 1}"
    where = c.random.choice(PLACES)
    wait = c.random.choice([0, 0, 1])
    claimed = await c.do("claim-next", lambda v: v.claim_next(host, wait=wait, **where))
    if claimed.status != 200:
        await c.pace.rest(0.2)
        return
    said = claimed.said
    await _run(c, said["id"], host, said["claim_rev"])


async def _run(c: Client, id: int, host: str, token: int) -> None:
    async def tell(op: str, ask: Ask) -> Call:
        return await c.do(op, ask, about=_about(id))

    if c.random.random() < 0.25:
        token = await _give_back(c, id, host, token)
    for _ in range(2 if c.random.random() < 0.3 else 1):
        await tell("start", lambda v: v.start_instance(id, host, "box", 8000, claim_rev=token))
    if c.random.random() < 0.3:
        cause = c.random.choice(["oom", "fail"])
        await tell("restart", lambda v: v.restart_instance(id, cause))
        for _ in range(2):
            await tell("lock", lambda v: v.lock_instance(id, c.name, "look"))
        await tell("unlock", lambda v: v.unlock_instance(id))
    if c.random.random() < 0.3:
        await tell("stop", lambda v: v.stop_instance(id))
    ends: dict[str, Ask] = {
        "exit": lambda v: v.exit_instance(id, host, claim_rev=token),
        "fail": lambda v: v.fail_instance(id, host, "it died", claim_rev=token),
        "lost": lambda v: v.lose_instance(id, c.name, "silent"),
    }
    end = c.random.choice(list(ends))
    await tell(end, ends[end])
    if c.random.random() < 0.5:
        await tell("exit", ends["exit"])  # a late truth, or once too often
    for _ in range(3):
        gone = await tell("delete", lambda v: v.unregister_instance(id))
        if gone.outcome is Outcome.OK or gone.status == 404:
            break


async def _give_back(c: Client, id: int, host: str, token: int) -> int:
    """A host that gives a ticket back, claims it again, and then speaks with the token that it held first:
    it must not be heard, though it is the same host. The token to go on with."""
    about = _about(id)
    await c.do(
        "unclaim", lambda v: v.unclaim_instance(id, host, claim_rev=token, error="no room"), about=about
    )
    again = await c.do("claim", lambda v: v.claim_instance(id, host), about=about)
    if again.status != 200:
        return token
    await c.do("start", lambda v: v.start_instance(id, host, "ghost", 1, claim_rev=token), about=about)
    await c.do("fail", lambda v: v.fail_instance(id, host, "ghost", claim_rev=token), about=about)
    return int(again.said["claim_rev"])


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
            await c.do("ticket", lambda v: v.register_instance("arena", REF, "web"))
        return
    id = c.random.choice(list(known))
    about, token = _about(id), known[id]
    if token:
        if c.random.random() < 0.1:
            await c.do("exit", lambda v: v.exit_instance(id, host, claim_rev=token), about=about)
            await c.do("delete", lambda v: v.unregister_instance(id), about=about)
            del known[id]
            return
        given = await c.do("unclaim", lambda v: v.unclaim_instance(id, host, claim_rev=token), about=about)
        if given.outcome is not Outcome.UNKNOWN and given.status != 0 and given.status < 500:
            known[id] = 0
    elif c.random.random() < 0.5:
        await c.look("one", f"/instances/{id}", about)
    else:
        claimed = await c.do("claim", lambda v: v.claim_instance(id, host), about=about)
        if claimed.status == 200:
            known[id] = claimed.said["claim_rev"]
        elif claimed.status in (404, 409) and claimed.code != "already-claimed":
            del known[id]
