"""The part of the registry that is there before the traffic begins."""

from tests.fault.traffic.client import Client
from tests.fault.traffic.record import Outcome
from tests.serving import APP, ARCHIVE

REF = "128af9"
COUNTERS = 3
SETS = 4
"""Apps whose variables change, by two clients each."""
PROCTYPES = ("web", "worker")

RECORD = 45_000
"""Characters of a large value."""
PARTS = 11
"""Large values of the large app, which is some 0.5 MB."""
RECORDS = 12
"""Apps with one large value each. Together they are more than a cache of the store's."""

OTHER_HANDS = {
    "app/zzz": b"{not json",
    "revision/base,zzz": b"[]",
    "proctype/base,zzz": b'{"app":"base","name":"zzz","port":"8000"}',
    "instance/0000000009999999999": b'{"id":9999999999,"status":"odd"}',
    "service/zzz": b'{"name":7}',
    "endpoint/zzz,zzz": b"7",
    "runner/zzz:9000": b"{}",
    "member/pms,zzz": b"null",
}
"""What others have put into the store, past the registry. It cannot be read, and is in no list."""


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
    # At the end of the list: who reads its first ten is not to be sent all of this each time.
    parts = {f"part{number}": large(0) for number in range(PARTS)}
    await _made(client, "/apps", {**APP, "name": "zlarge", "env": parts}, ("app", "zlarge"))
    for number in range(RECORDS):
        name = f"zrecord{number}"
        await _made(client, "/apps", {**APP, "name": name, "env": {"n": large(0)}}, ("app", name))


def large(number: int) -> str:
    """A large value that is another one for each number."""
    return f"{number}.".ljust(RECORD, "x")


async def _made(client: Client, path: str, body: object, about: tuple[str, ...]) -> None:
    call = await client.once("create", path, body, about=about)
    assert call.outcome is Outcome.OK, str(call)
