"""Histories of a few lines, for the tests of the judges."""

import json
from typing import Any

from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import Call, Evidence, Key, Outcome, Session, Told

_NAMES = {
    "app": ("app",),
    "rev": ("app", "revision"),
    "proc": ("app", "proctype"),
    "service": ("service",),
    "member": ("member",),
}


def told(rev: int, type_: str, *names: str, index: int = 0, actor: str | None = None, **object: Any) -> Told:
    """An event, with the object as it is after it (or was before it). Its actor is `a-REV`, if not told."""
    said = dict(zip(_NAMES[type_.partition("-")[0]], names, strict=True))
    return _told(
        rev, type_, index, actor, said, {"rev": rev, "created_rev": rev, "updated_at": f"{rev:06d}", **object}
    )


def instance(rev: int, action: str, id: int, status: str, actor: str | None = None, **more: Any) -> Told:
    """The same of an instance of `base web`."""
    names = {"app": "base", "proctype": "web", "revision": "r", "instance": id}
    object = {
        "rev": rev,
        "created_rev": rev,
        "updated_at": f"{rev:06d}",
        "id": id,
        "app": "base",
        "proctype": "web",
        "revision": "r",
        "env": None,
        "status": status,
        "host": None,
        "claim_rev": None,
        "lock": None,
        **more,
    }
    return _told(rev, f"instance-{action}", more.pop("index", 0), actor, names, object)


def _told(rev: int, type_: str, index: int, actor: str | None, names: Any, object: Any) -> Told:
    head = {"rev": rev, "index": index, "type": type_, "at": object["updated_at"]}
    head |= {"actor": actor or f"a-{rev}", **names}
    return Told((json.dumps(head)[:-1] + ',"object":' + json.dumps(object) + "}").encode(), seen=rev * 10)


def write(made: int | None, op: str = "create", about: Key | None = ("service", "s"), **more: Any) -> Call:
    """A write that was answered; its actor is `a-MADE`, and it took from just before its rev's time to it."""
    at = (made or 0) * 10
    call = Call("a", 0, op, "POST", "/services", None, about, f"a-{made}", start=at - 5, end=at + 1)
    call.status, call.rev, call.outcome = 201, made, Outcome.OK
    call.answer = json.dumps({"rev": made}).encode()
    for name, value in more.items():
        setattr(call, name, value)
    return call


def read(rev: int, start: int, end: int, op: str = "rev", about: Key = ("rev",), **more: Any) -> Call:
    """A GET that was answered."""
    call = Call("r", 0, op, "GET", "/rev", about=about, start=start, end=end)
    call.status, call.rev, call.outcome, call.connection = 200, rev, Outcome.OK, 1
    for name, value in more.items():
        setattr(call, name, value)
    return call


def session(start: str | None, *frames: tuple[int, int], told: list[Told], **query: Any) -> Session:
    """A stream that carried these events and marks."""
    digests = {(event.rev, event.index): event.digest for event in told}
    made = Session("s", 0, start, {"path": "/events", **query}, status=200)
    made.frames = [(rev, index, digests.get((rev, index), 0)) for rev, index in frames]
    return made


def heard(judge: Any, told: list[Told] = [], calls: list[Call] = [], **more: Any) -> Verdict:  # noqa: B006
    """What the judge of a module says of a history."""
    evidence = Evidence(calls=list(calls), told=list(told), **more)
    verdict: Verdict = judge.judge(evidence, World(evidence.told))
    return verdict


def holds(judge: Any, *args: Any, **more: Any) -> bool:
    """Whether it has nothing to say against it."""
    return heard(judge, *args, **more).holds
