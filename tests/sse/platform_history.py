"""A history of a small platform: two apps on two hosts, with revs of one event and of many."""

from typing import Any

from tests.serving import Service
from tests.sse.every_call import make_all

ONE, OTHER = "10.0.0.7", "10.0.0.8"


def live_a_while(visor: Service) -> None:
    """About a hundred events, in revs of 1 to 12."""
    make_all(visor)
    for app in ("cat", "dog"):
        visor.runnable(app)
        visor.made(f"/apps/{app}/proctypes", {"name": "worker"})
        visor.scale(4, app)
        visor.scale(2, app, "worker")
        for host in (ONE, OTHER):
            claimed = visor.made("/instances/claim", {"host": host, "app": app})
            start = {"host": host, "hostname": "box", "port": 8000}
            visor.made(f"/instances/{claimed['id']}/start", start)
    given_back = visor.made("/instances/claim", {"host": ONE, "app": "cat"})
    visor.made(f"/instances/{given_back['id']}/unclaim", {"host": ONE, "error": "no room"})
    visor.put("/members/proxies/" + OTHER, {"version": "1"})
    visor.made("/runners", {"addr": f"{ONE}:9000", "instance_id": 1})
    visor.scale(12, "dog", "worker")
    visor.scale(0, "dog", "worker")
    visor.scale(0, "dog")
    for id in visor.get("/instances?app=dog&status=stopping").json()["items"]:
        visor.made(f"/instances/{id['id']}/exit", {"host": id["host"]})
    visor.delete("/apps/dog")


def whole_history(visor: Service) -> list[dict[str, Any]]:
    """All events there are, as the list form says them."""
    page = visor.get("/events?rev=0&limit=1000", headers={"Accept": "application/json"}).json()
    items: list[dict[str, Any]] = page["items"]
    assert len(items) < 1000
    return items


def selected(history: list[dict[str, Any]], **wanted: Any) -> list[dict[str, Any]]:
    """The events of a history, from its beginning, that a filter wants, as DESIGN section 6 says: those whose
    object fitted before or fits after. Without a thought for speed."""
    asked = {name: value if isinstance(value, list) else [value] for name, value in wanted.items()}
    types = asked.pop("type", ["*"])
    hosts: dict[Any, Any] = {}
    found = []
    for event in history:
        of = {"app": {event.get("app")}, "proctype": {event.get("proctype")}}
        of |= {"instance": {event.get("instance")}, "host": {_host(event), hosts.get(event.get("instance"))}}
        if event["type"].startswith("instance-"):
            hosts[event["instance"]] = _host(event)
        fits = any(event["type"] == t or (t[-1] == "*" and event["type"].startswith(t[:-1])) for t in types)
        if fits and all(of[name] & set(values) for name, values in asked.items()):
            found.append(event)
    return found


def _host(event: dict[str, Any]) -> Any:
    object = event.get("object", {})
    return object.get("addr") if event["type"].startswith("member-") else object.get("host")
