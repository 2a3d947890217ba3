"""Instances: tickets, and the calls that move one through its life."""

from collections.abc import Sequence
from typing import Unpack

from visor_client.decoding import read
from visor_client.options import Moment, Post, Write, given, path
from visor_client.records import Deleted, Instance, Unregistered
from visor_client.sync.listing import Listing
from visor_client.sync.transport import Transport

Several = Sequence[str]


class Instances(Transport):
    """The calls under /instances."""

    def list_instances(
        self,
        *,
        status: Several = (),
        app: Several = (),
        revision: Several = (),
        proctype: Several = (),
        env: Several = (),
        host: Several = (),
        limit: int | None = None,
        **moment: Unpack[Moment],
    ) -> Listing[Instance]:
        """By id, those that fit all filters; `status=["active"]` are the four before the end."""
        return self.list(
            Instance,
            "/instances",
            moment,
            limit,
            status=_each(status),
            app=_each(app),
            revision=_each(revision),
            proctype=_each(proctype),
            env=_each(env),
            host=_each(host),
        )

    def list_app_instances(
        self,
        app: str,
        *,
        status: Several = (),
        revision: Several = (),
        proctype: Several = (),
        env: Several = (),
        host: Several = (),
        limit: int | None = None,
        **moment: Unpack[Moment],
    ) -> Listing[Instance]:
        """Of an app, which has to be there."""
        return self.list(
            Instance,
            path("apps", app, "instances"),
            moment,
            limit,
            status=_each(status),
            revision=_each(revision),
            proctype=_each(proctype),
            env=_each(env),
            host=_each(host),
        )

    def list_proctype_instances(
        self,
        app: str,
        proctype: str,
        *,
        status: Several = (),
        revision: Several = (),
        env: Several = (),
        host: Several = (),
        limit: int | None = None,
        **moment: Unpack[Moment],
    ) -> Listing[Instance]:
        """Of a proctype, which has to be there."""
        return self.list(
            Instance,
            path("apps", app, "proctypes", proctype, "instances"),
            moment,
            limit,
            status=_each(status),
            revision=_each(revision),
            env=_each(env),
            host=_each(host),
        )

    def register_instance(
        self, app: str, revision: str, proctype: str, *, env: str | None = None, **options: Unpack[Post]
    ) -> Instance:
        """One pending ticket."""
        body = given(app=app, revision=revision, proctype=proctype, env=env)
        return self.write(Instance, "POST", "/instances", options, body)

    def get_instance(
        self, id: int, *, status: Several = (), wait: int | None = None, **moment: Unpack[Moment]
    ) -> Instance:
        """The instance; with `wait`, as soon as its status is one of these, or can never be one again, or
        when the seconds are over."""
        where = path("instances", id)
        return self.get(Instance, where, moment, wait or 0, status=_each(status), **given(wait=wait))

    def unregister_instance(
        self, id: int, *, client: str | None = None, cause: str | None = None, **options: Unpack[Write]
    ) -> Deleted:
        """In any state. `client` and `cause` are kept in the ended list."""
        where = path("instances", id)
        return self.write(Deleted, "DELETE", where, options, **given(client=client, reason=cause))

    def unregister_instances(
        self,
        status: Several,
        *,
        app: Several = (),
        proctype: Several = (),
        revision: Several = (),
        client: str | None = None,
        cause: str | None = None,
        **options: Unpack[Write],
    ) -> Unregistered:
        """All final ones that fit, in batches."""
        return self.write(
            Unregistered,
            "DELETE",
            "/instances",
            options,
            status=_each(status),
            app=_each(app),
            proctype=_each(proctype),
            revision=_each(revision),
            **given(client=client, reason=cause),
        )

    def claim_next(
        self,
        host: str,
        *,
        app: str | None = None,
        proctype: str | None = None,
        wait: int = 0,
        **options: Unpack[Post],
    ) -> Instance | None:
        """The oldest pending ticket that fits, claimed; None where there was none for `wait` seconds."""
        body = given(host=host, app=app, proctype=proctype, wait=wait)
        answer = self.send("POST", "/instances/claim", options, body, wait)
        if answer.status_code == 204:
            return None
        return read(Instance, answer.json(), snapshot_rev=int(answer.headers["Visor-Rev"]))

    def claim_instance(self, id: int, host: str, **options: Unpack[Post]) -> Instance:
        """Of many hosts that race, one wins."""
        return self._life(id, "claim", options, {"host": host})

    def unclaim_instance(
        self,
        id: int,
        host: str,
        *,
        claim_rev: int | None = None,
        error: str | None = None,
        **options: Unpack[Post],
    ) -> Instance:
        """Give the claim back."""
        return self._life(id, "unclaim", options, given(host=host, claim_rev=claim_rev, error=error))

    def start_instance(
        self,
        id: int,
        host: str,
        hostname: str,
        port: int,
        *,
        tele_port: int | None = None,
        claim_rev: int | None = None,
        **options: Unpack[Post],
    ) -> Instance:
        """The process runs."""
        body = given(host=host, claim_rev=claim_rev, hostname=hostname, port=port, tele_port=tele_port)
        return self._life(id, "start", options, body)

    def stop_instance(self, id: int, **options: Unpack[Post]) -> Instance:
        """Tell it to stop."""
        return self._life(id, "stop", options, None)

    def exit_instance(
        self, id: int, host: str, *, claim_rev: int | None = None, **options: Unpack[Post]
    ) -> Instance:
        """The process has ended well."""
        return self._life(id, "exit", options, given(host=host, claim_rev=claim_rev))

    def fail_instance(
        self, id: int, host: str, cause: str, *, claim_rev: int | None = None, **options: Unpack[Post]
    ) -> Instance:
        """Report that the process has failed."""
        return self._life(id, "fail", options, given(host=host, claim_rev=claim_rev, reason=cause))

    def lose_instance(self, id: int, client: str, cause: str, **options: Unpack[Post]) -> Instance:
        """Somebody has seen that it is gone."""
        return self._life(id, "lost", options, {"client": client, "reason": cause})

    def restart_instance(
        self,
        id: int,
        cause: str = "fail",
        *,
        count: int = 1,
        claim_rev: int | None = None,
        **options: Unpack[Post],
    ) -> Instance:
        """The process was started again in place; `cause` is "fail" or "oom". A host's token has to name its
        claim."""
        body = given(reason=cause, count=count, claim_rev=claim_rev)
        return self._life(id, "restart", options, body)

    def lock_instance(self, id: int, client: str, cause: str, **options: Unpack[Write]) -> Instance:
        """Hold it still."""
        where = path("instances", id, "lock")
        return self.write(Instance, "PUT", where, options, {"client": client, "reason": cause})

    def unlock_instance(self, id: int, **options: Unpack[Write]) -> Deleted:
        """Let it go."""
        return self.write(Deleted, "DELETE", path("instances", id, "lock"), options)

    def _life(self, id: int, call: str, options: Post, body: dict[str, object] | None) -> Instance:
        return self.write(Instance, "POST", path("instances", id, call), options, body)


def _each(values: Several) -> Several:
    """A single string is one value, and not its letters."""
    return [values] if isinstance(values, str) else values
