"""Writes that change much at once, for `python -m bench.stalls --large`: a document of 1,900 keys, its dry
run, its revert, counts of thousands, and what is removed in bulk."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

APP = {"repo_url": "https://git.example.com/rocket.git", "stack": "lenny"}
YAML = {"Content-Type": "application/yaml"}


class Asked(Protocol):
    """A service that is asked, and whose longest turn is watched."""

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes]: ...


class LargeWrites:
    """Each work by its name, in an order in which one finds what those before it have made. `keys` is how
    many one commit is to change; 1,900 leave room for what the store adds."""

    def __init__(self, service: Asked, keys: int = 1_900) -> None:
        self._service = service
        self._keys = keys
        self._revs: dict[str, int] = {}

    def prepare(self) -> None:
        """Make what the works need."""
        self._made("POST", "/apps", {**APP, "name": "rocket"})
        self._made("POST", "/apps/rocket/revisions", {"ref": "r1", "archive_url": "https://a.example/a"})
        self._made("POST", "/apps/rocket/proctypes", {"name": "web"})
        self._mark("before")

    def works(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """In this order."""
        keys = self._keys
        yield f"a dry run of {keys:,} env sets", lambda: self._apply(self._env_sets(), "?dry_run=true")
        yield f"{keys:,} env sets applied", lambda: self._apply(self._env_sets())
        yield "the same document again", lambda: self._apply(self._env_sets())
        yield "the diff of it", lambda: self._made("GET", f"/diff?from={self._revs['before']}")
        yield "a dry run of a revert of it", lambda: self._revert("before", "?dry_run=true")
        yield "an undo of it", lambda: self._made("POST", f"/commits/{self._revs['/apply']}/undo", {})
        yield "a revert of the undo", lambda: self._revert("/apply")
        yield f"{keys:,} env sets as YAML", lambda: self._apply_yaml()
        yield f"{keys:,} endpoints applied", lambda: self._apply(self._endpoints())
        yield "an app of 1,000 variables applied", lambda: self._apply(self._variables("a"))
        yield (
            "all of its variables changed",
            lambda: self._made("PATCH", "/apps/rocket/env", {f"k{n}": "b" for n in range(1_000)}),
        )
        yield f"{keys:,} tickets applied", lambda: self._apply(self._tickets(keys))
        yield "the tickets taken back", lambda: self._apply(self._tickets(0))
        yield (
            "an app with all that is below it, absent",
            lambda: self._apply({"apps": [{"name": "rocket", "env_sets": [], "exact": ["env_sets"]}]}),
        )
        yield "a scale to 10,000", lambda: self._scale(10_000)
        yield "a dry run of a scale to 0", lambda: self._scale(0, "?dry_run=true")
        yield "a scale to 0", lambda: self._scale(0)
        yield "2,000 final instances", self._finals
        yield "they are unregistered in bulk", lambda: self._made("DELETE", "/instances?status=lost")

    def _made(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        status, said = self._service.ask(method, path, body, **headers)
        if status >= 300:
            raise SystemExit(f"{method} {path}: {status} {said[:400]!r}")
        return json.loads(said) if said else None

    def _mark(self, name: str) -> None:
        self._revs[name] = self._made("GET", "/rev")["rev"]

    def _apply(self, document: object, query: str = "") -> None:
        said = self._made("POST", f"/apply{query}", document)
        if not query and said["changes"]:
            self._revs["/apply"] = said["rev"]

    def _apply_yaml(self) -> None:
        document = self._env_sets(value="yaml", prefix="y")
        text = "apps:\n- name: rocket\n  env_sets:\n" + "".join(
            f"  - ref: {one['ref']}\n    vars: {{DB: {one['vars']['DB']}}}\n"
            for one in document["apps"][0]["env_sets"]
        )
        self._made("POST", "/apply?dry_run=true", text.encode(), **YAML)

    def _revert(self, mark: str, query: str = "") -> None:
        body = {"path": "/apps/rocket", "to_rev": self._revs[mark], "delete": True}
        self._made("POST", f"/revert{query}", body)

    def _scale(self, count: int, query: str = "") -> None:
        self._made("PUT", f"/apps/rocket/proctypes/web/scale{query}", {"revision": "r1", "count": count})

    def _env_sets(self, value: str = "db", prefix: str = "e") -> dict[str, Any]:
        sets = [{"ref": f"{prefix}{n}", "vars": {"DB": f"{value}-{n}"}} for n in range(self._keys)]
        return {"apps": [{"name": "rocket", "env_sets": sets}]}

    def _endpoints(self) -> dict[str, Any]:
        endpoints = [{"addr": f"10.0.{n // 250}.{n % 250}", "port": 80} for n in range(self._keys)]
        return {"services": [{"name": "cache", "endpoints": endpoints}]}

    def _variables(self, value: str) -> dict[str, Any]:
        return {"apps": [{"name": "rocket", "env": {f"k{n}": value for n in range(1_000)}}]}

    def _tickets(self, count: int) -> dict[str, Any]:
        return {
            "apps": [
                {
                    "name": "rocket",
                    "proctypes": [{"name": "web", "scale": [{"revision": "r1", "count": count}]}],
                }
            ]
        }

    def _finals(self) -> None:
        self._scale(2_000)
        items = self._made("GET", "/instances?status=pending&limit=1000")["items"]
        items += self._made("GET", "/instances?status=pending&limit=1000")["items"]
        began = time.monotonic()
        for one in items:
            if time.monotonic() - began > 60:
                break
            self._service.ask("POST", f"/instances/{one['id']}/claim", {"host": "10.0.0.1"})
            self._service.ask("POST", f"/instances/{one['id']}/lost", {"client": "c", "reason": "r"})
