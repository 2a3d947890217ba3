"""Random commands on apps, their variables, env sets, revisions and proctypes."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.model import contract_resources as contract
from tests.model.comparing import Both
from tests.model.contract_state import State

APPS = st.sampled_from(["cat", "cat", "cat", "cat-2", "dog"])
REFS = st.sampled_from(["r1", "r1", "r1", "r2", "r.3"])
ENVS = st.sampled_from(["e1", "e1", "e2"])
PROCTYPES = st.sampled_from(["web", "web", "worker"])
SERVICES = st.sampled_from(["db", "mail"])
HOSTS = st.sampled_from(["10.0.0.7", "10.0.0.7", "box8.example.com"])
ADDRS = st.sampled_from(["10.0.0.7:9000", "10.0.0.7:9001", "[fd00::1]:9000", "box8.example.com:9000"])
KEYS = st.sampled_from(["cow", "cow-bell", "COW", "a.b_c"])
VALUES = st.sampled_from(["moo", "", "a=b", '\u2713 \\ "quoted"\n', "moo"])

How = dict[str, Any]
_MATCH = st.sampled_from([""] * 9 + ["current", "weak", "stale", "there", "absent"])
_ONCE = st.sampled_from([None] * 9 + ["k1", "k2", "k3"])
_ACTORS = st.sampled_from([None, None, "ann", "deploy bot"])
PUT = st.fixed_dictionaries({"match": _MATCH, "actor": _ACTORS})
"""How a write is said: its precondition and its actor."""
POST = st.fixed_dictionaries({"match": _MATCH, "actor": _ACTORS, "key": _ONCE})
"""The same of a POST, which may have an Idempotency-Key."""

ARCHIVES = st.sampled_from(["https://archive.example.com/1", "https://archive.example.com/2"])


class PlatformRules:
    """Mixed into the machine, which has `both`."""

    both: Both

    @rule(
        name=APPS,
        env=st.none() | st.dictionaries(KEYS, VALUES, max_size=2),
        how=POST,
    )
    def register_app(self, name: str, env: Any, how: How) -> None:
        body = {"name": name, "repo_url": "https://git.example.com/x.git", "stack": "lenny"}
        if env is not None:
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

    @rule(
        app=APPS,
        body=st.fixed_dictionaries(
            {},
            optional={
                "stack": st.sampled_from(["lenny", "squeeze"]),
                "deploy_type": st.sampled_from(["lxc", "docker", None]),
                "head": st.none() | REFS,
            },
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

    @rule(app=APPS, how=PUT)
    def unregister_app(self, app: str, how: How) -> None:
        self.both.write(
            "DELETE",
            f"/apps/{app}",
            lambda draft: contract.unregister_app(draft, app),
            target=lambda state: state.find("app", app),
            **how,
        )

    @rule(app=APPS, changes=st.dictionaries(KEYS, st.none() | VALUES, max_size=3), how=PUT)
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

    @rule(app=APPS, key=KEYS, value=st.none() | VALUES, how=PUT)
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

    @rule(app=APPS, ref=ENVS, env=st.dictionaries(KEYS, VALUES, max_size=2), how=POST)
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

    @rule(app=APPS, ref=ENVS, how=PUT)
    def unregister_envset(self, app: str, ref: str, how: How) -> None:
        self.both.write(
            "DELETE",
            f"/apps/{app}/envs/{ref}",
            lambda draft: contract.unregister_envset(draft, app, ref),
            target=lambda state: state.find("envset", app, ref),
            **how,
        )

    @rule(app=APPS, ref=REFS, url=st.none() | ARCHIVES, how=POST)
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

    @rule(app=APPS, ref=REFS, url=ARCHIVES, how=POST)
    def ratify(self, app: str, ref: str, url: str, how: How) -> None:
        self.both.write(
            "POST",
            f"/apps/{app}/revisions/{ref}/ratify",
            lambda draft: contract.ratify(draft, app, ref, url),
            {"archive_url": url},
            target=lambda state: state.find("revision", app, ref),
            **how,
        )

    @rule(app=APPS, ref=REFS, how=PUT)
    def purge(self, app: str, ref: str, how: How) -> None:
        self.both.write(
            "DELETE",
            f"/apps/{app}/revisions/{ref}",
            lambda draft: contract.purge(draft, app, ref),
            target=lambda state: state.find("revision", app, ref),
            **how,
        )

    @rule(app=APPS, name=PROCTYPES, memory=st.sampled_from([None, None, 512]), how=POST)
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

    @rule(
        app=APPS,
        name=PROCTYPES,
        body=st.sampled_from(
            [{}, {"limits": None}, {"limits": {}}]
            + [{"limits": {"memory_limit_mb": memory}} for memory in (None, 256, 512)]
        ),
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

    @rule(app=APPS, name=PROCTYPES, how=PUT)
    def unregister_proctype(self, app: str, name: str, how: How) -> None:
        self.both.write(
            "DELETE",
            f"/apps/{app}/proctypes/{name}",
            lambda draft: contract.unregister_proctype(draft, app, name),
            target=lambda state: state.find("proctype", app, name),
            **how,
        )
