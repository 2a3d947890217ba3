"""Apps, their variables, env sets, revisions, proctypes and scale."""

from collections.abc import Callable, Mapping
from typing import Any, Unpack

from visor_client.options import Moment, Post, Write, given, path
from visor_client.problems import RevMismatch
from visor_client.records import (
    App,
    Deleted,
    Ended,
    Env,
    EnvSet,
    EnvVar,
    Proctype,
    Revision,
    ScaleCount,
    Scaled,
)
from visor_client.sync.listing import Listing
from visor_client.sync.transport import Transport

_UPDATES = 100


class Apps(Transport):
    """The calls under /apps, but for instances and events."""

    def list_apps(self, *, limit: int | None = None, **moment: Unpack[Moment]) -> Listing[App]:
        """All apps, by name."""
        return self.list(App, "/apps", moment, limit)

    def register_app(
        self,
        name: str,
        repo_url: str,
        stack: str,
        *,
        deploy_type: str | None = None,
        env: Mapping[str, str] | None = None,
        **options: Unpack[Post],
    ) -> App:
        """Register an app, with its first variables."""
        body = given(name=name, repo_url=repo_url, stack=stack, deploy_type=deploy_type, env=env)
        return self.write(App, "POST", "/apps", options, body)

    def get_app(self, app: str, **moment: Unpack[Moment]) -> App:
        """The app with its variables."""
        return self.get(App, path("apps", app), moment)

    def patch_app(self, app: str, patch: Mapping[str, Any], **options: Unpack[Write]) -> App:
        """A merge patch of `repo_url`, `stack`, `deploy_type` and `head`."""
        return self.write(App, "PATCH", path("apps", app), options, patch)

    def update_app(
        self, app: str, change: Callable[[App], Mapping[str, Any] | None], **options: Unpack[Write]
    ) -> App:
        """Change what was read, and only that: `change` gives a merge patch of the app that it is given, or
        None for none. Somebody else was faster: it is read again, and `change` called again. Raises
        RevMismatch where a try without an answer may have been done: it is not done twice."""
        for left in reversed(range(_UPDATES)):
            seen = self.get_app(app)
            patch = change(seen)
            if patch is None:
                return seen
            try:
                conditional: Write = {**options, "if_rev": seen.rev}
                return self.patch_app(app, patch, **conditional)
            except RevMismatch as mismatch:
                # Repeated, it may be the echo of a success: to change again could be to change twice.
                if mismatch.repeated or not left:
                    raise
        raise AssertionError("the last try returns or raises")

    def unregister_app(self, app: str, **options: Unpack[Write]) -> Deleted:
        """With its revisions, env sets and proctypes. `InUse` while an instance of it is not final."""
        return self.write(Deleted, "DELETE", path("apps", app), options)

    def get_env(self, app: str, **moment: Unpack[Moment]) -> Env:
        """All variables."""
        return self.get(Env, path("apps", app, "env"), moment)

    def patch_env(self, app: str, patch: Mapping[str, str | None], **options: Unpack[Write]) -> Env:
        """Change many variables in one commit; None removes one."""
        return self.write(Env, "PATCH", path("apps", app, "env"), options, patch)

    def update_env(
        self, app: str, change: Callable[[dict[str, str]], Mapping[str, str]], **options: Unpack[Write]
    ) -> Env:
        """Change the variables that were read, and only those: `change` gives all that there are to be.
        Somebody else was faster: they are read again, and `change` called again. Raises RevMismatch where a
        try without an answer may have been done: it is not done twice."""
        for left in reversed(range(_UPDATES)):
            seen = self.get_env(app)
            wanted = change(dict(seen.vars))
            patch: dict[str, str | None] = {key: None for key in seen.vars if key not in wanted}
            patch |= {key: value for key, value in wanted.items() if seen.vars.get(key) != value}
            if not patch:
                return seen
            try:
                conditional: Write = {**options, "if_rev": seen.rev}
                return self.patch_env(app, patch, **conditional)
            except RevMismatch as mismatch:
                # Repeated, it may be the echo of a success: to change again could be to change twice.
                if mismatch.repeated or not left:
                    raise
        raise AssertionError("the last try returns or raises")

    def get_env_var(self, app: str, key: str, **moment: Unpack[Moment]) -> EnvVar:
        """One variable."""
        return self.get(EnvVar, path("apps", app, "env", key), moment)

    def set_env_var(self, app: str, key: str, value: str, **options: Unpack[Write]) -> EnvVar:
        """Set it, whether it was there or not."""
        return self.write(EnvVar, "PUT", path("apps", app, "env", key), options, {"value": value})

    def remove_env_var(self, app: str, key: str, **options: Unpack[Write]) -> Deleted:
        """Remove it."""
        return self.write(Deleted, "DELETE", path("apps", app, "env", key), options)

    def list_envsets(
        self, app: str, *, limit: int | None = None, **moment: Unpack[Moment]
    ) -> Listing[EnvSet]:
        """The app's env sets, by ref."""
        return self.list(EnvSet, path("apps", app, "envs"), moment, limit)

    def register_envset(self, app: str, ref: str, vars: Mapping[str, str], **options: Unpack[Post]) -> EnvSet:
        """It never changes."""
        return self.write(EnvSet, "POST", path("apps", app, "envs"), options, given(ref=ref, vars=vars))

    def get_envset(self, app: str, ref: str, **moment: Unpack[Moment]) -> EnvSet:
        """The env set with its variables."""
        return self.get(EnvSet, path("apps", app, "envs", ref), moment)

    def unregister_envset(self, app: str, ref: str, **options: Unpack[Write]) -> Deleted:
        """`InUse` while an instance that is not final uses it."""
        return self.write(Deleted, "DELETE", path("apps", app, "envs", ref), options)

    def list_all_revisions(self, *, limit: int | None = None, **moment: Unpack[Moment]) -> Listing[Revision]:
        """Of all apps, by app and ref."""
        return self.list(Revision, "/revisions", moment, limit)

    def list_revisions(
        self, app: str, *, limit: int | None = None, **moment: Unpack[Moment]
    ) -> Listing[Revision]:
        """The app's revisions, by ref."""
        return self.list(Revision, path("apps", app, "revisions"), moment, limit)

    def register_revision(
        self, app: str, ref: str, *, archive_url: str | None = None, **options: Unpack[Post]
    ) -> Revision:
        """Propose it, or, with an `archive_url`, register it as accepted at once."""
        body = given(ref=ref, archive_url=archive_url)
        return self.write(Revision, "POST", path("apps", app, "revisions"), options, body)

    def get_revision(self, app: str, ref: str, **moment: Unpack[Moment]) -> Revision:
        """The revision, and whether it is accepted."""
        return self.get(Revision, path("apps", app, "revisions", ref), moment)

    def unregister_revision(self, app: str, ref: str, **options: Unpack[Write]) -> Deleted:
        """`InUse` while it is scaled above 0 or the app's head."""
        return self.write(Deleted, "DELETE", path("apps", app, "revisions", ref), options)

    def ratify_revision(self, app: str, ref: str, archive_url: str, **options: Unpack[Post]) -> Revision:
        """Proposed becomes accepted; `InvalidState` otherwise."""
        where = path("apps", app, "revisions", ref, "ratify")
        return self.write(Revision, "POST", where, options, {"archive_url": archive_url})

    def list_proctypes(
        self, app: str, *, limit: int | None = None, **moment: Unpack[Moment]
    ) -> Listing[Proctype]:
        """The app's proctypes, by name."""
        return self.list(Proctype, path("apps", app, "proctypes"), moment, limit)

    def register_proctype(
        self, app: str, name: str, *, memory_limit_mb: int | None = None, **options: Unpack[Post]
    ) -> Proctype:
        """It gets a port of its own."""
        limits = None if memory_limit_mb is None else {"memory_limit_mb": memory_limit_mb}
        body = given(name=name, limits=limits)
        return self.write(Proctype, "POST", path("apps", app, "proctypes"), options, body)

    def get_proctype(self, app: str, proctype: str, **moment: Unpack[Moment]) -> Proctype:
        """The proctype with its port and limits."""
        return self.get(Proctype, path("apps", app, "proctypes", proctype), moment)

    def patch_proctype(
        self, app: str, proctype: str, patch: Mapping[str, Any], **options: Unpack[Write]
    ) -> Proctype:
        """A merge patch of `limits`."""
        return self.write(Proctype, "PATCH", path("apps", app, "proctypes", proctype), options, patch)

    def unregister_proctype(self, app: str, proctype: str, **options: Unpack[Write]) -> Deleted:
        """`InUse` while it has instances that are not final."""
        return self.write(Deleted, "DELETE", path("apps", app, "proctypes", proctype), options)

    def list_ended(
        self, app: str, proctype: str, *, limit: int | None = None, **moment: Unpack[Moment]
    ) -> Listing[Ended]:
        """What was unregistered, by id."""
        return self.list(Ended, path("apps", app, "proctypes", proctype, "ended"), moment, limit)

    def get_scale(
        self,
        app: str,
        proctype: str,
        *,
        revision: str | None = None,
        env: str | None = None,
        limit: int | None = None,
        **moment: Unpack[Moment],
    ) -> Listing[ScaleCount]:
        """Counts by revision and env set, and the target of each. An empty `env`: those without one."""
        where = path("apps", app, "proctypes", proctype, "scale")
        return self.list(ScaleCount, where, moment, limit, revision=revision, env=env)

    def set_scale(
        self,
        app: str,
        proctype: str,
        revision: str,
        count: int,
        *,
        env: str | None = None,
        **options: Unpack[Write],
    ) -> Scaled:
        """How many there should be. The same again starts what was lost since."""
        where = path("apps", app, "proctypes", proctype, "scale")
        body = given(revision=revision, env=env, count=count)
        return self.write(Scaled, "PUT", where, options, body)
