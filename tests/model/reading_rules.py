"""Random reads, of the latest rev and of old ones, and requests that can never be right."""

from typing import Any
from urllib.parse import quote

from tests.model.choosing import command, few, part
from tests.model.comparing import Both
from tests.model.contract_resources import ACTIVE, SCALED, endpoint_id
from tests.model.contract_state import Object, State, present
from tests.model.platform_rules import ADDRS, APPS, ENVS, HOSTS, KEYS, PROCTYPES, REFS, SERVICES

BACK = [*[None] * 40, -1, *range(60)]
"""Which rev is read: the latest, or one so many back (-1: the next, which is not there yet)."""

STATUSES = ("pending", "claimed", "running", "stopping", "exited", "failed", "lost", "active")

APP = {"name": "ok", "repo_url": "https://git.example.com/x.git", "stack": "s"}
WRONG: list[tuple[str, str, Any, int, str]] = [
    ("POST", "/apps", {**APP, "name": "a b"}, 422, "invalid-request"),
    ("POST", "/apps", {**APP, "name": "-a"}, 422, "invalid-request"),
    ("POST", "/apps", {**APP, "colour": "red"}, 422, "invalid-request"),
    ("POST", "/apps", {**APP, "env": {"a=b": "c"}}, 422, "invalid-request"),
    ("POST", "/apps", '{"name": "cat", "name": "dog"}', 400, "malformed-request"),
    ("POST", "/apps", "{", 400, "malformed-request"),
    ("PATCH", "/apps/cat", {"head": 7}, 422, "invalid-request"),
    ("PATCH", "/apps/cat", {"repo_url": None}, 422, "invalid-request"),
    ("PUT", "/apps/cat/env/cow", {"value": None}, 422, "invalid-request"),
    ("PUT", "/apps/cat/env/cow", {"value": "x" * 65537}, 422, "invalid-request"),
    ("POST", "/apps/cat/revisions", {"ref": "a_b"}, 422, "invalid-request"),
    ("POST", "/apps/cat/revisions/r1/ratify", {}, 422, "invalid-request"),
    ("POST", "/apps/cat/proctypes", {"name": "web-1"}, 422, "invalid-request"),
    ("PUT", "/apps/cat/proctypes/web/scale", {"revision": "r1", "count": 10001}, 422, "invalid-request"),
    ("POST", "/instances", {"app": "cat"}, 422, "invalid-request"),
    ("POST", "/instances/1/claim", {"host": "a b"}, 422, "invalid-request"),
    ("POST", "/instances/0/stop", None, 422, "invalid-request"),
    ("PUT", "/members/pms/10.0.0.7", {"version": "1", "ttl": 0}, 422, "invalid-request"),
    ("POST", "/runners", {"addr": "10.0.0.7", "instance_id": 1}, 422, "invalid-request"),
    ("POST", "/services/db/endpoints", {"addr": "10.0.0.7", "port": 0}, 422, "invalid-request"),
    ("GET", "/apps?rev=-1", None, 422, "invalid-request"),
    ("GET", "/apps?limit=0", None, 422, "invalid-request"),
    ("GET", "/apps?cursor=abc", None, 400, "invalid-cursor"),
    ("GET", "/apps?colour=red", None, 422, "invalid-request"),
    ("GET", "/apps/a%00b", None, 422, "invalid-request"),
    ("GET", "/nowhere", None, 404, "not-found"),
    ("DELETE", "/apps", None, 405, "method-not-allowed"),
]


class ReadingRules:
    """Mixed into the machine, which has `both`."""

    both: Both

    def _rev(self, back: int | None) -> int | None:
        if back is None:
            return None
        # 0 is not a rev that can be asked for.
        return max(self.both.model.rev - back * self.both.model.step, self.both.model.start, 1)

    def _one(self, path: str, back: int | None, kind: str, *key: Any) -> None:
        self.both.read(path, self._rev(back), lambda state: state.find(kind, *key))

    @command(2, app=APPS, key=KEYS, back=BACK)
    def read_app(self, app: str, key: str, back: int | None) -> None:
        self._one(f"/apps/{app}", back, "app", app)

        def env(state: State) -> Object | None:
            found = state.find("app", app)
            return found and {"rev": found["rev"], "vars": found["env"]}

        def variable(state: State) -> Object | None:
            found = state.find("app", app)
            if found is None or key not in found["env"]:
                return None
            return {"rev": found["rev"], "key": key, "value": found["env"][key]}

        self.both.read(f"/apps/{app}/env", self._rev(back), env)
        self.both.read(f"/apps/{app}/env/{key}", self._rev(back), variable)

    @command(2, app=APPS, ref=REFS, env=ENVS, name=PROCTYPES, back=BACK)
    def read_what_is_an_apps(self, app: str, ref: str, env: str, name: str, back: int | None) -> None:
        self._one(f"/apps/{app}/revisions/{ref}", back, "revision", app, ref)
        self._one(f"/apps/{app}/envs/{env}", back, "envset", app, env)
        self._one(f"/apps/{app}/proctypes/{name}", back, "proctype", app, name)
        for path, kind in (("revisions", "revision"), ("envs", "envset"), ("proctypes", "proctype")):

            def listed(state: State, kind: str = kind) -> list[Object] | None:
                if state.find("app", app) is None:
                    return None
                return state.all(kind, lambda one: one["app"] == app)

            self.both.read(f"/apps/{app}/{path}", self._rev(back), listed, limit=1)

    @command(2, service=SERVICES, addr=ADDRS, host=HOSTS, back=BACK)
    def read_the_directory(self, service: str, addr: str, host: str, back: int | None) -> None:
        rev = self._rev(back)
        id = endpoint_id("10.0.0.7", 80)
        self._one(f"/services/{service}", back, "service", service)
        self._one(f"/services/{service}/endpoints/{id}", back, "endpoint", service, id)
        self._one(f"/runners/{quote(addr)}", back, "runner", addr)
        self._one("/members/pms/10.0.0.7", back, "member", "pms", "10.0.0.7")
        self.both.read(
            "/runners", rev, lambda state: state.all("runner", lambda one: one["host"] == host), host=host
        )

    @command(3, which=range(1, 21), back=BACK)
    def read_instance(self, which: int, back: int | None) -> None:
        self._one(f"/instances/{which}", back, "instance", which)

    @command(
        4,
        filters=part(
            app=few(APPS),
            revision=few(REFS),
            proctype=few(PROCTYPES),
            env=few(ENVS),
            host=few(HOSTS),
            status=few(STATUSES),
        ),
        limit=[1, 2, 5, 1000],
        back=BACK,
    )
    def read_instances(self, filters: dict[str, list[str]], limit: int, back: int | None) -> None:
        def fits(one: Object) -> bool:
            wanted = dict(filters)
            statuses = wanted.pop("status", None)
            in_status = statuses is None or one["status"] in statuses
            in_status |= "active" in (statuses or ()) and one["status"] in ACTIVE
            return in_status and all(one[name] in values for name, values in wanted.items())

        self.both.read(
            "/instances",
            self._rev(back),
            lambda state: state.all("instance", lambda one: fits(one) and present(state, one)),
            limit=limit,
            **filters,
        )

    @command(2, app=APPS, proctype=PROCTYPES, back=BACK)
    def read_ended(self, app: str, proctype: str, back: int | None) -> None:
        def ended(state: State) -> list[Object] | None:
            registered = state.find("proctype", app, proctype)
            if registered is None:
                return None
            entries = state.all("ended", lambda one: (one["app"], one["proctype"]) == (app, proctype))
            return [one for one in entries if one["created_rev"] > registered["created_rev"]]

        self.both.read(f"/apps/{app}/proctypes/{proctype}/ended", self._rev(back), ended, limit=1000)

    @command(3, app=APPS, proctype=PROCTYPES, ref=[None, *REFS], env=[None, "", "e1"], back=BACK)
    def read_scale(self, app: str, proctype: str, ref: str | None, env: str | None, back: int | None) -> None:
        rev = self._rev(back)

        def counted(state: State) -> Object | None:
            registered = state.find("proctype", app, proctype)
            if registered is None:
                return None
            targets = {
                (one["revision"], one["env"]): one
                for one in state.all("scale", lambda one: (one["app"], one["proctype"]) == (app, proctype))
                if ref in (None, one["revision"]) and (env is None or (env or None) == one["env"])
            }
            found = state.all(
                "instance",
                lambda one: (
                    (one["app"], one["proctype"]) == (app, proctype)
                    and ref in (None, one["revision"])
                    and (env is None or (env or None) == one["env"])
                    and one["created_rev"] > registered["created_rev"]
                ),
            )
            groups = sorted(
                {(one["revision"], one["env"]) for one in found} | set(targets),
                key=lambda g: (g[0], g[1] or ""),
            )
            if not groups and ref is not None:
                groups = [(ref, env or None)]
            items = []
            for revision, envset in groups:
                here = [one["status"] for one in found if (one["revision"], one["env"]) == (revision, envset)]
                statuses = {status: here.count(status) for status in STATUSES if status != "active"}
                count = sum(statuses[status] for status in SCALED)
                target = targets.get((revision, envset), {"target": None, "rev": None})
                items.append(
                    {
                        "revision": revision,
                        "env": envset,
                        "count": count,
                        "target": target["target"],
                        "rev": target["rev"],
                        "statuses": statuses,
                    }
                )
            return {"rev": self.both.model.rev if rev is None else rev, "items": items, "next": None}

        query = {**({} if ref is None else {"revision": ref}), **({} if env is None else {"env": env})}
        self.both.read(f"/apps/{app}/proctypes/{proctype}/scale", rev, counted, **query)

    @command(1, which=range(1, 13), back=range(4))
    def read_again_what_is_known(self, which: int, back: int) -> None:
        """304 while it is at that rev."""
        one = self.both.model.now.find("instance", which)
        if one is None:
            return
        got = self.both.ask("GET", f"/instances/{which}", If_None_Match=f'"{one["rev"] - back}"')
        assert got.status == (200 if back else 304), got.raw
        assert got.headers["ETag"] == f'"{one["rev"]}"'

    @command(3, which=range(30))
    def say_again(self, which: int) -> None:
        self.both.repeat(which)

    @command(2, wrong=WRONG)
    def ask_what_is_never_right(self, wrong: tuple[str, str, Any, int, str]) -> None:
        method, path, body, status, code = wrong
        got = self.both.ask(method, path, body)
        assert (got.status, got.body["code"]) == (status, code), (wrong, got.raw)
        assert got.headers["Visor-Rev"] == str(self.both.model.rev), wrong
