"""Clients that write all kinds of things at once until their service is killed, and know what they were
promised.

Every write says who it is by a `Visor-Actor` of its own, which its events carry: so the history tells
of each write whether it happened, and how often.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx2

from tests.serving import APP, ARCHIVE


class Cut(Exception):
    """No answer came: the write may have happened or not."""


@dataclass
class Promised:
    """A write that was answered 2xx: it made the rev, as the last one of its actor."""

    actor: str
    rev: int


@dataclass
class Writer:
    """One client. `script` is what it does, again and again; what it was promised is in `kept`."""

    name: str
    script: Callable[["Writer"], None]
    kept: list[Promised] = field(default_factory=list)
    once: set[str] = field(default_factory=set)
    random: Random = field(default_factory=Random)
    _count: itertools.count = field(default_factory=itertools.count)
    _retry: tuple[str, str, Any, str] | None = None
    _client: httpx2.Client | None = None

    def work(self, url: str) -> None:
        """Go on with the script until the service is gone."""
        with httpx2.Client(base_url=url, timeout=20, verify=False) as self._client:
            try:
                self.finish()
                while True:
                    self.script(self)
            except Cut:
                return

    def settle(self, url: str) -> None:
        """Repeat what is in doubt, until it is answered."""
        with httpx2.Client(base_url=url, timeout=20, verify=False) as self._client:
            self.finish()

    def finish(self) -> None:
        if self._retry is not None:
            method, path, body, actor = self._retry
            self._send(method, path, body, actor, actor)
            self._retry = None

    def following(self) -> int:
        return next(self._count)

    def write(self, method: str, path: str, body: Any = None) -> Any:
        """A write that may be refused; the answer's body where it was not."""
        return self._send(method, path, body, f"{self.name}-{self.following()}", None)

    def write_once(self, path: str, body: Any) -> Any:
        """A POST with an Idempotency-Key: repeated with the same key where no answer came."""
        actor = f"{self.name}-{self.following()}-once"
        self._retry = ("POST", path, body, actor)
        said = self._send("POST", path, body, actor, actor)
        self._retry = None
        return said

    def _send(self, method: str, path: str, body: Any, actor: str, key: str | None) -> Any:
        assert self._client is not None
        headers = {"Visor-Actor": actor, **({"Idempotency-Key": key} if key else {})}
        try:
            answer = self._client.request(method, path, json=body, headers=headers)
        except httpx2.TransportError:
            raise Cut from None
        assert answer.status_code < 500, f"{method} {path}: {answer.text}"
        if not answer.is_success or answer.status_code == 204:
            return None
        said = answer.json()
        if said.get("started", True) or said.get("stopped"):
            self.kept.append(Promised(actor, said["rev"]))
        if key:
            self.once.add(actor)
        return said


def variables(w: Writer) -> None:
    w.write("PUT", f"/apps/base/env/{w.name}", {"value": str(w.following())})
    w.write("PATCH", "/apps/base/env", {f"{w.name}.a": str(w.following()), f"{w.name}.b": str(w.following())})


def apps(w: Writer) -> None:
    name = f"{w.name}.{w.following()}"
    w.write("POST", "/apps", {**APP, "name": name, "env": {"a": "1"}})
    w.write("POST", f"/apps/{name}/revisions", {"ref": "r", "archive_url": ARCHIVE})
    w.write("POST", f"/apps/{name}/envs", {"ref": "blue", "vars": {"a": "1"}})
    for proctype in ("web", "worker", "cron"):
        w.write("POST", f"/apps/{name}/proctypes", {"name": proctype})
    w.write("PATCH", f"/apps/{name}", {"head": "r"})
    if w.random.random() < 0.7:
        w.write("DELETE", f"/apps/{name}")


def tickets(w: Writer) -> None:
    made = w.write_once("/instances", {"app": "base", "revision": "128af9", "proctype": "worker"})
    if w.random.random() < 0.5:
        w.write("DELETE", f"/instances/{made['id']}?client=test")


def scales(w: Writer) -> None:
    count = w.random.choice([0, 3, 20, 60, 130])
    w.write("PUT", "/apps/base/proctypes/web/scale", {"revision": "128af9", "count": count})


def hosts(w: Writer) -> None:
    host = f"host{w.name}"
    claimed = w.write_once("/instances/claim", {"host": host, "app": "base"})
    if claimed is None:
        return
    path, me = f"/instances/{claimed['id']}", {"host": host, "claim_rev": claimed["claim_rev"]}
    w.write("POST", f"{path}/start", {**me, "hostname": "box", "port": 8000})
    w.write("POST", f"{path}/restart", {"reason": "oom"})
    w.write("PUT", f"{path}/lock", {"client": "test", "reason": "why"})
    w.write("DELETE", f"{path}/lock")
    w.write("POST", f"{path}/{w.random.choice(['exit', 'fail', 'lost'])}", _end(me, w.random))
    w.write("POST", f"{path}/exit", me)
    if w.random.random() < 0.6:
        w.write("DELETE", path)


def _end(me: dict[str, Any], chance: Random) -> Any:
    # Two of three do not fit their call, and are refused: that is one more way for a write to end.
    return chance.choice([me, {**me, "reason": "died"}, {"client": "test", "reason": "silent"}])


def services(w: Writer) -> None:
    name = f"{w.name}.{w.following()}"
    w.write_once("/services", {"name": name})
    for port in (1, 2, 3):
        w.write("POST", f"/services/{name}/endpoints", {"addr": "10.0.0.9", "port": port})
    w.write("PUT", f"/members/pms/{name}", {"version": str(w.following()), "ttl": 3600})
    w.write("POST", "/runners", {"addr": f"{name}:9000", "instance_id": 1})
    if w.random.random() < 0.7:
        w.write("DELETE", f"/services/{name}")
        w.write("DELETE", f"/members/pms/{name}")
        w.write("DELETE", f"/runners/{name}:9000")


def crew(seed: int) -> list[Writer]:
    """Nine writers with nine kinds of work."""
    scripts = [variables, apps, apps, tickets, tickets, scales, hosts, hosts, services]
    return [
        Writer(f"w{number}", script, random=Random(f"{seed}-{number}"))
        for number, script in enumerate(scripts)
    ]
