"""What has to hold of a registry after a crash: its history and its state tell the same, whole story."""

import json
from collections import Counter
from typing import Any

from tests.fault.visor_process import Serving

_GROUPS = {
    "app": ("app", "app"),
    "rev": ("revision", "app", "revision"),
    "env": ("envset", "app", "env"),
    "proc": ("proctype", "app", "proctype"),
    "instance": ("instance", "instance"),
    "service": ("service", "service"),
    "endpoint": ("endpoint", "service", "endpoint"),
    "runner": ("runner", "runner"),
    "member": ("member", "member"),
}


class Told:
    """The history as it was read so far, raw, and the state that its events add up to."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.place = "0"
        self.rev = 0
        self.actors: Counter[str] = Counter()
        self.last_rev: dict[str, int] = {}
        self.state: dict[tuple[Any, ...], Any] = {}

    def read_on(self, visor: Serving) -> None:
        """Read what is new. No rev may be missing, none told in part, no index left out."""
        while True:
            page = visor.get(
                "/events?limit=1000", headers={"Accept": "application/json", "Last-Event-ID": self.place}
            )
            assert page.status_code == 200, page.text
            said = page.json()
            for event in said["items"]:
                self._add(event)
            self.place = said["next"]
            if not said["items"]:
                assert self.rev == said["rev"], f"revs after {self.rev} have no events"
                return

    def _add(self, event: dict[str, Any]) -> None:
        self.raw.append(json.dumps(event).encode())
        if event["index"]:
            assert event["rev"] == self.rev, f"an index without its rev: {event}"
            assert event["index"] == self._index + 1
        else:
            assert event["rev"] == self.rev + 1, f"{event['rev']} follows {self.rev}"
            self.actors[event["actor"]] += 1
            self.last_rev[event["actor"]] = event["rev"]
        self.rev, self._index = event["rev"], event["index"]
        stem, _, action = event["type"].partition("-")
        kind, *names = _GROUPS[stem]
        key = (kind, *(event[name] for name in names))
        if action == "unregister":
            before = self.state.pop(key, None)
            assert before == event["object"], f"{event} was not what was there"
        else:
            assert (action == "register") == (key not in self.state), event
            self.state[key] = event["object"]


def lists(visor: Serving, rev: int | None = None) -> dict[str, list[Any]]:
    """The registry by its lists, at a rev."""
    at = rev or visor.rev

    def page(path: str) -> list[Any]:
        found: list[Any] = []
        more = {"rev": str(at)}
        while True:
            said = visor.get(path, params={"limit": "1000", **more}).json()
            found += said["items"]
            if said["next"] is None:
                return found
            more = {"cursor": said["next"]}

    registered, services = page("/apps"), page("/services")
    return {
        "app": registered,
        "revision": page("/revisions"),
        "envset": [e for app in registered for e in page(f"/apps/{app['name']}/envs")],
        "proctype": [p for app in registered for p in page(f"/apps/{app['name']}/proctypes")],
        "instance": page("/instances"),
        "service": services,
        "endpoint": [e for s in services for e in page(f"/services/{s['name']}/endpoints")],
        "runner": page("/runners"),
        "member": [m for kind in ("pms", "proxies", "loggers") for m in page(f"/members/{kind}")],
    }


def check_whole(visor: Serving, told: Told) -> None:
    """The state is the sum of the history, and nothing in it is half done."""
    there = lists(visor)
    summed: dict[str, list[Any]] = {kind: [] for kind in there}
    for key, object in told.state.items():
        summed[key[0]].append(object)
    for kind, objects in there.items():
        assert sorted(map(str, objects)) == sorted(map(str, summed[kind])), kind
    names = {app["name"] for app in there["app"]}
    revisions = {(r["app"], r["ref"]): r for r in there["revision"]}
    proctypes = {(p["app"], p["name"]): p for p in there["proctype"]}
    for kind in ("revision", "envset", "proctype"):
        assert {o["app"] for o in there[kind]} <= names, f"a {kind} of no app"
    for app in there["app"]:
        assert app["head"] is None or (app["name"], app["head"]) in revisions
        if app["name"] != "base":
            assert app["env"] == {"a": "1"}, "an app without its first variables"
    for key, value in next(a for a in there["app"] if a["name"] == "base")["env"].items():
        if key.endswith(".a"):  # set with its .b in one commit, one number apart
            pair = next(a for a in there["app"] if a["name"] == "base")["env"][key[:-1] + "b"]
            assert int(pair) == int(value) + 1, "half of a patch"
    ports = [p["port"] for p in there["proctype"]]
    assert len(ports) == len(set(ports)), "a port twice"
    _check_instances(visor, there["instance"], revisions, proctypes)
    assert {e["service"] for e in there["endpoint"]} <= {s["name"] for s in there["service"]}


def _check_instances(
    visor: Serving, instances: list[Any], revisions: dict[Any, Any], proctypes: dict[Any, Any]
) -> None:
    assert len({i["id"] for i in instances}) == len(instances)
    for i in instances:
        assert (i["status"] == "pending") == (i["claim_rev"] is None) or i["status"] == "lost", i
        assert (i["status"] == "running") <= (i["started_at"] is not None), i
        if i["status"] in ("pending", "claimed", "running", "stopping"):
            assert (i["app"], i["proctype"]) in proctypes, "an instance of no proctype"
            assert revisions[i["app"], i["revision"]]["state"] == "accepted"
    scaled = visor.get("/apps/base/proctypes/web/scale?revision=128af9").json()["items"][0]
    mine = Counter(i["status"] for i in instances if (i["app"], i["proctype"]) == ("base", "web"))
    assert scaled["count"] == mine["pending"] + mine["claimed"] + mine["running"]
    assert {status: n for status, n in scaled["statuses"].items() if n} == dict(mine)
