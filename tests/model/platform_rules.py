"""Random commands on apps, their variables, env sets, revisions and proctypes."""

from typing import Any

from tests.model import contract_resources as contract
from tests.model.choosing import command, mapping, part, whole
from tests.model.comparing import Both
from tests.model.contract_state import State

APPS = ["cat", "cat", "cat", "cat-2", "dog"]
REFS = ["r1", "r1", "r1", "r2", "r.3"]
ENVS = ["e1", "e1", "e2"]
PROCTYPES = ["web", "web", "worker"]
SERVICES = ["db", "mail"]
HOSTS = ["10.0.0.7", "10.0.0.7", "box8.example.com"]
ADDRS = ["10.0.0.7:9000", "10.0.0.7:9001", "[fd00::1]:9000", "box8.example.com:9000"]
KEYS = ["cow", "cow-bell", "COW", "a.b_c"]
VALUES = ["moo", "", "a=b", '\u2713 \\ "quoted"\n', "moo"]

How = dict[str, Any]
_MATCH = [""] * 20 + ["current", "weak", "stale", "there", "absent"]
_ONCE = [None] * 90 + [f"k{n}" for n in range(30)]
_ACTORS = [None, None, "ann", "deploy bot"]
PLAIN: How = {"match": "", "actor": None}
PUT = whole(match=_MATCH, actor=_ACTORS)
"""How a write is said: its precondition and its actor."""
POST = whole(match=_MATCH, actor=_ACTORS, key=_ONCE)
"""The same of a POST, which may have an Idempotency-Key."""

ARCHIVES = ["https://archive.example.com/1", "https://archive.example.com/2"]


class PlatformRules:
    """Mixed into the machine, which has `both`."""

    both: Both

    @command(2, app=APPS)
    def something_to_run(self, app: str) -> None:
        """Whatever of it is not there yet."""
        self.register_app(app, {"cow": "moo"}, PLAIN)
        self.register_revision(app, "r1", ARCHIVES[0], PLAIN)
        self.register_envset(app, "e1", {}, PLAIN)
        self.register_proctype(app, "web", None, PLAIN)

    @command(
        2,
        name=APPS,
        env=mapping(KEYS, VALUES, 2),
        how=POST,
    )
    def register_app(self, name: str, env: Any, how: How) -> None:
        body = {"name": name, "repo_url": "https://git.example.com/x.git", "stack": "lenny"}
        if env:
            body["env"] = env
        self.both.write(
            "POST",
            "/apps",
            lambda draft: contract.register_app(draft, body),
            body,
            status=201,
            target=lambda state: state.find("app", name),
            location=lambda _: f"/apps/{name}",
            **how,
        )

    @command(
        3,
        app=APPS,
        body=part(
            stack=["lenny", "squeeze"],
            deploy_type=["lxc", "docker", None],
            head=[None, *REFS],
        ),
        how=PUT,
    )
    def patch_app(self, app: str, body: Any, how: How) -> None:
        self.both.write(
            "PATCH",
            f"/apps/{app}",
            lambda draft: contract.patch_app(draft, app, body),
            body,
            target=lambda state: state.find("app", app),
            **how,
        )

    @command(2, app=APPS, how=PUT)
    def unregister_app(self, app: str, how: How) -> None:
        self.both.write(
            "DELETE",
            f"/apps/{app}",
            lambda draft: contract.unregister_app(draft, app),
            target=lambda state: state.find("app", app),
            **how,
        )

    @command(2, app=APPS, changes=mapping(KEYS, [None, *VALUES], 3), how=PUT)
    def patch_env(self, app: str, changes: Any, how: How) -> None:
        self.both.write(
            "PATCH",
            f"/apps/{app}/env",
            lambda draft: contract.patch_env(draft, app, changes),
            changes,
            target=lambda state: state.find("app", app),
            shape=lambda made: {"rev": made["rev"], "vars": made["env"]},
            **how,
        )

    @command(3, app=APPS, key=KEYS, value=[None, *VALUES], how=PUT)
    def one_variable(self, app: str, key: str, value: str | None, how: How) -> None:
        """Set, or with None removed."""
        path = f"/apps/{app}/env/{key}"

        def variable(state: State) -> Any:
            found = state.find("app", app)
            return found if found and key in found["env"] else None

        if value is None:
            self.both.write(
                "DELETE",
                path,
                lambda draft: contract.remove_variable(draft, app, key),
                target=variable,
                **how,
            )
            return
        self.both.write(
            "PUT",
            path,
            lambda draft: contract.patch_env(draft, app, {key: value}),
            {"value": value},
            target=variable,
            shape=lambda made: {"rev": made["rev"], "key": key, "value": value},
            **how,
        )

    @command(3, app=APPS, ref=ENVS, env=mapping(KEYS, VALUES, 2), how=POST)
    def register_envset(self, app: str, ref: str, env: Any, how: How) -> None:
        body = {"ref": ref, "vars": env}
        self.both.write(
            "POST",
            f"/apps/{app}/envs",
            lambda draft: contract.register_envset(draft, app, body),
            body,
            status=201,
            target=lambda state: state.find("envset", app, ref),
            location=lambda _: f"/apps/{app}/envs/{ref}",
            **how,
        )

    @command(2, app=APPS, ref=ENVS, how=PUT)
    def unregister_envset(self, app: str, ref: str, how: How) -> None:
        self.both.write(
            "DELETE",
            f"/apps/{app}/envs/{ref}",
            lambda draft: contract.unregister_envset(draft, app, ref),
            target=lambda state: state.find("envset", app, ref),
            **how,
        )

    @command(4, app=APPS, ref=REFS, url=[None, *ARCHIVES], how=POST)
    def register_revision(self, app: str, ref: str, url: str | None, how: How) -> None:
        body = {"ref": ref, **({"archive_url": url} if url else {})}
        self.both.write(
            "POST",
            f"/apps/{app}/revisions",
            lambda draft: contract.register_revision(draft, app, body),
            body,
            status=201,
            target=lambda state: state.find("revision", app, ref),
            location=lambda _: f"/apps/{app}/revisions/{ref}",
            **how,
        )

    @command(2, app=APPS, ref=REFS, url=ARCHIVES, how=POST)
    def ratify(self, app: str, ref: str, url: str, how: How) -> None:
        self.both.write(
            "POST",
            f"/apps/{app}/revisions/{ref}/ratify",
            lambda draft: contract.ratify(draft, app, ref, url),
            {"archive_url": url},
            target=lambda state: state.find("revision", app, ref),
            **how,
        )

    @command(4, app=APPS, ref=REFS, head=(True, False), how=PUT)
    def purge(self, app: str, ref: str, head: bool, how: How) -> None:
        registered = self.both.model.now.find("app", app)
        if head and registered and registered["head"]:
            ref = registered["head"]
        self.both.write(
            "DELETE",
            f"/apps/{app}/revisions/{ref}",
            lambda draft: contract.purge(draft, app, ref),
            target=lambda state: state.find("revision", app, ref),
            **how,
        )

    @command(3, app=APPS, name=PROCTYPES, memory=[None, None, 512], how=POST)
    def register_proctype(self, app: str, name: str, memory: int | None, how: How) -> None:
        body = {"name": name, **({"limits": {"memory_limit_mb": memory}} if memory else {})}
        self.both.write(
            "POST",
            f"/apps/{app}/proctypes",
            lambda draft: contract.register_proctype(draft, app, name, memory),
            body,
            status=201,
            target=lambda state: state.find("proctype", app, name),
            location=lambda _: f"/apps/{app}/proctypes/{name}",
            **how,
        )

    @command(
        2,
        app=APPS,
        name=PROCTYPES,
        body=[{}, {"limits": None}, {"limits": {}}]
        + [{"limits": {"memory_limit_mb": memory}} for memory in (None, 256, 512)],
        how=PUT,
    )
    def patch_proctype(self, app: str, name: str, body: Any, how: How) -> None:
        self.both.write(
            "PATCH",
            f"/apps/{app}/proctypes/{name}",
            lambda draft: contract.patch_proctype(draft, app, name, body),
            body,
            target=lambda state: state.find("proctype", app, name),
            **how,
        )

    @command(2, app=APPS, name=PROCTYPES, how=PUT)
    def unregister_proctype(self, app: str, name: str, how: How) -> None:
        self.both.write(
            "DELETE",
            f"/apps/{app}/proctypes/{name}",
            lambda draft: contract.unregister_proctype(draft, app, name),
            target=lambda state: state.find("proctype", app, name),
            **how,
        )
