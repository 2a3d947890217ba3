"""The part of the registry that is there before the traffic begins."""

from tests.fault.traffic.client import Client
from tests.fault.traffic.record import Outcome
from tests.serving import APP, ARCHIVE

REF = "128af9"
COUNTERS = 3
SETS = 4
"""Apps whose variables change, by two clients each."""
PROCTYPES = ("web", "worker")


async def prepare(client: Client) -> None:
    """Apps that can be run, one of them for races alone, and apps that count."""
    for app in ("base", "other", "arena"):
        await _made(client, "/apps", {**APP, "name": app}, ("app", app))
        await _made(
            client,
            f"/apps/{app}/revisions",
            {"ref": REF, "archive_url": ARCHIVE},
            ("revision", app, REF),
        )
        for name in PROCTYPES:
            await _made(client, f"/apps/{app}/proctypes", {"name": name}, ("proctype", app, name))
    await _made(client, "/apps/base/envs", {"ref": "blue", "vars": {"a": "1"}}, ("envset", "base", "blue"))
    empty = [f"vars{number}" for number in range(SETS)]
    for name in (*empty, *(f"count{number}" for number in range(COUNTERS))):
        await _made(client, "/apps", {**APP, "name": name, "env": {"n": "0"}}, ("app", name))


async def _made(client: Client, path: str, body: object, about: tuple[str, ...]) -> None:
    call = await client.once("create", path, body, about=about)
    assert call.outcome is Outcome.OK, str(call)
