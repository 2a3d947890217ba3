"""What a subscriber has asked for, decided anew: not by the code that is tested."""

from typing import Any

from tests.fault.traffic.record import Session, Told


def wanted(session: Session, event: Told) -> bool:
    """Whether the stream is to carry the event."""
    query = session.query
    if query["path"].startswith("/apps/") and _app(event) != query["path"].split("/")[2]:
        return False
    types = query.get("type", [])
    if types and not any(_is(event.type, one) for one in types):
        return False
    for name, of in (("app", _app), ("proctype", _proctype), ("host", _host)):
        if query.get(name) and of(event) != query[name][0]:
            return False
    return True


def _is(type_: str, asked: str) -> bool:
    return type_.startswith(asked.removesuffix("*")) if asked.endswith("*") else type_ == asked


def _app(event: Told) -> Any:
    if event.key[0] == "instance":
        return event.said["app"]
    return event.key[1] if event.key[0] in ("app", "revision", "envset", "proctype") else None


def _proctype(event: Told) -> Any:
    if event.key[0] == "instance":
        return event.said["proctype"]
    return event.key[2] if event.key[0] == "proctype" else None


def _host(event: Told) -> Any:
    if event.key[0] in ("instance", "runner"):
        return event.said["host"]
    return event.said["addr"] if event.key[0] == "member" else None
