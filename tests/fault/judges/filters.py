"""What a subscriber has asked for, decided anew: not by the code that is tested."""

from typing import Any

from tests.fault.traffic.record import Key, Session, Told


def wanted(session: Session, event: Told) -> bool:
    """Whether the stream is to carry the event: its object fitted before it or fits after it."""
    return _fits(session, event, {_host(event), event.host_before})


def wanted_object(session: Session, event: Told) -> bool:
    """Whether the object as it is after the event belongs to a snapshot of the stream."""
    return _fits(session, event, {_host(event)})


def _fits(session: Session, event: Told, hosts: set[Any]) -> bool:
    query = session.query
    if query["path"].startswith("/apps/") and _app(event) != query["path"].split("/")[2]:
        return False
    types = query.get("type", [])
    if types and not any(_is(event.type, one) for one in types):
        return False
    for name, of in (("app", _app), ("proctype", _proctype)):
        if query.get(name) and of(event) not in query[name]:
            return False
    return not query.get("host") or not hosts.isdisjoint(query["host"])


def tell_hosts(told: list[Told]) -> None:
    """Tell each event the host that its instance was on before it: a filter looks at both."""
    hosts: dict[Key, Any] = {}
    for event in told:
        event.host_before = hosts.get(event.key)
        hosts[event.key] = _host(event) if event.key[0] == "instance" else None


def _is(type_: str, asked: str) -> bool:
    return type_.startswith(asked.removesuffix("*")) if asked.endswith("*") else type_ == asked


def _app(event: Told) -> Any:
    if event.key[0] == "instance":
        return event.said["app"]
    return event.key[1] if event.key[0] in ("app", "revision", "envset", "proctype", "scale") else None


def _proctype(event: Told) -> Any:
    if event.key[0] == "instance":
        return event.said["proctype"]
    return event.key[2] if event.key[0] in ("proctype", "scale") else None


def _host(event: Told) -> Any:
    if event.key[0] in ("instance", "runner"):
        return event.said["host"]
    return event.said["addr"] if event.key[0] == "member" else None
