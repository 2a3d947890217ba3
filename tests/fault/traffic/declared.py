"""Clients that work with time: a platform as one document, reverted, undone, compared and exported."""

from typing import Any

from tests.fault.traffic.client import Client
from tests.fault.traffic.record import Call, Key, Outcome
from tests.serving import ARCHIVE
from visor_client import AsyncVisor

REFS = ("r1", "r2")


def platform(name: str, number: int, count: int) -> dict[str, Any]:
    """An app and a service of its own; each number gives it other variables, another head and env set."""
    value = str(number)
    return {
        "apps": [
            {
                "name": name,
                "repo_url": "https://git.example.com/x.git",
                "stack": "lenny",
                "head": REFS[number % 2],
                "env": {"n": value, "m.a": value, "m.b": value, f"only{number % 3}": "x"},
                "exact": ["env", "env_sets"],
                "env_sets": [{"ref": f"set{number}", "vars": {"n": value}}],
                "revisions": [{"ref": ref, "archive_url": ARCHIVE} for ref in REFS],
                "proctypes": [{"name": "web", "scale": [{"revision": "r1", "count": count}]}],
            }
        ],
        "services": [
            {
                "name": name,
                "endpoints": [{"addr": "10.0.0.8", "ip": "10.0.0.8", "port": number % 3 + 1}],
                "exact": ["endpoints"],
            }
        ],
    }


async def platforms(c: Client) -> None:
    """A platform that is applied, changed by single calls, taken back in one of three ways, and compared."""
    name, number = f"plat.{c.name}", c.following()
    document = platform(name, number, c.random.choice([0, 1, 3]))
    applied = await c.do("apply", lambda v: v.apply_document(document))
    if applied.outcome is not Outcome.OK or applied.rev is None:
        return
    await _release(c, name, number)
    way = c.random.choice(["revert", "revert", "revert-env", "undo", "gone"])
    if way == "undo":
        await _undo(c, name)
    elif way == "gone":
        await _go_and_come_back(c, name, applied.rev)
    else:
        await _revert(c, name, applied.rev, ["env"] if way == "revert-env" else None)
    await _compare(c, name, applied.rev)


async def _release(c: Client, name: str, number: int) -> None:
    """What an operator does, call by call."""
    about, value = ("app", name), f"{number} later"
    changed = {"m.a": value, "m.b": value, "n": None, "later": value}
    await c.do("env", lambda v: v.patch_env(name, changed), about=about)
    if c.random.random() < 0.5:
        late = f"late{number}"
        await c.do(
            "create", lambda v: v.register_envset(name, late, {"a": "1"}), about=("envset", name, late)
        )
    count = c.random.choice([0, 2, 4])
    await c.do("scale", lambda v: v.set_scale(name, "web", "r1", count), about=("proctype", name, "web"))


async def _revert(c: Client, name: str, rev: int, only: Any = None) -> Call:
    whole = only is None
    return await c.do(
        "revert",
        lambda v: v.revert_subtree(f"/apps/{name}", rev, only=only, scale=whole, delete=whole),
    )


async def _undo(c: Client, name: str) -> None:
    """A change is taken back by the number of its commit; now and then the taking back, too."""
    value = f"undone {c.following()}"
    changed = await c.do("env", lambda v: v.set_env_var(name, "u", value), about=("app", name))
    for _ in range(c.random.choice([1, 2])):
        if changed.outcome is not Outcome.OK or changed.rev is None:
            return
        changed = await c.do("undo", _undoing(changed.rev))


def _undoing(rev: int) -> Any:
    def ask(v: AsyncVisor) -> Any:
        return v.undo_commit(rev)

    return ask


async def _go_and_come_back(c: Client, name: str, rev: int) -> None:
    """All of the app goes, and comes back as it was."""
    none = {"name": "web", "scale": [{"revision": "r1", "count": 0}]}
    ended = await c.do("apply", lambda v: v.apply_document({"apps": [{"name": name, "proctypes": [none]}]}))
    if ended.outcome is not Outcome.OK:
        return
    gone = await c.do("apply", lambda v: v.apply_document({"apps": [{"name": name, "absent": True}]}))
    if gone.outcome is Outcome.OK:
        await _revert(c, name, rev)


async def _compare(c: Client, name: str, rev: int) -> None:
    """What has changed since, as a difference, as commits, and as exports of both moments."""
    now = await c.look("rev", "/rev", ("rev",))
    if now.status != 200:
        return
    upto = now.said["rev"]
    about: Key = ("below", name)
    await c.look("diff", f"/diff?from={rev}&to={upto}&path=/apps/{name}&limit=1000", about)
    if c.random.random() < 0.3:
        await c.look("diff", f"/diff?from={upto}&to={rev}&include=all&limit=1000", ("everything",))
    if c.random.random() < 0.3:
        start = max(rev, upto - 200)
        await c.look("commits", f"/commits?from={start}&to={upto}&order=asc&limit=1000", ("everything",))
    await c.look("commit", f"/commits/{rev}", about)
    if c.random.random() < 0.3:
        await c.look("export", f"/export?path=/apps/{name}&include=declared&rev={upto}", about)
