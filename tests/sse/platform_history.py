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


def fits(event: dict[str, Any], **wanted: Any) -> bool:
    """Whether a filter wants an event, as DESIGN section 6 says, without a thought for speed."""
    types = wanted.get("type", ["*"])
    types = types if isinstance(types, list) else [types]
    object = event.get("object", {})
    host = object.get("addr") if event["type"].startswith("member-") else object.get("host")
    return (
        any(event["type"] == t or (t[-1] == "*" and event["type"].startswith(t[:-1])) for t in types)
        and ("app" not in wanted or event.get("app") == wanted["app"])
        and ("proctype" not in wanted or event.get("proctype") == wanted["proctype"])
        and ("instance" not in wanted or event.get("instance") == wanted["instance"])
        and ("host" not in wanted or host == wanted["host"])
    )
