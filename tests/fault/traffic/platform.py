"""The part of the registry that is there before the traffic begins."""

from tests.fault.traffic.client import Ask, Client
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

    async def made(ask: Ask, *about: str) -> None:
        call = await client.do("create", ask, about=about)
        assert call.outcome is Outcome.OK, str(call)

    def app(name: str, env: dict[str, str] | None = None) -> Ask:
        return lambda v: v.register_app(name, APP["repo_url"], APP["stack"], env=env)

    for name in ("base", "other", "arena"):
        await made(app(name), "app", name)
        await made(_accepted(name), "revision", name, REF)
        for proctype in PROCTYPES:
            await made(_proctype(name, proctype), "proctype", name, proctype)
    await made(lambda v: v.register_envset("base", "blue", {"a": "1"}), "envset", "base", "blue")
    empty = [f"vars{number}" for number in range(SETS)]
    for name in (*empty, *(f"count{number}" for number in range(COUNTERS))):
        await made(app(name, {"n": "0"}), "app", name)
    # At the end of the list: who reads its first ten is not to be sent all of this each time.
    await made(app("zlarge", {f"part{number}": large(0) for number in range(PARTS)}), "app", "zlarge")
    for number in range(RECORDS):
        await made(app(f"zrecord{number}", {"n": large(0)}), "app", f"zrecord{number}")


def large(number: int) -> str:
    """A large value that is another one for each number."""
    return f"{number}.".ljust(RECORD, "x")


def _accepted(app: str) -> Ask:
    return lambda v: v.register_revision(app, REF, archive_url=ARCHIVE)


def _proctype(app: str, name: str) -> Ask:
    return lambda v: v.register_proctype(app, name)
