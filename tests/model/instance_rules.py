"""Random commands on instances: tickets, claims, their whole life, scale."""

from typing import Any

from tests.model import contract_instances as contract
from tests.model.choosing import command, whole
from tests.model.comparing import ANONYMOUS, Both
from tests.model.contract_state import Draft, Object, State
from tests.model.platform_rules import APPS, ENVS, HOSTS, PLAIN, POST, PROCTYPES, PUT, REFS, How

WHICH = range(31)
TOKENS = ["none"] * 4 + ["present"] * 3 + ["former", "stranger"]
Of = dict[str, Any]
OF = whole(luck=[*[0] * 10, *range(40)], app=APPS, proctype=PROCTYPES, ref=REFS, env=[None, *ENVS])
COUNTS = [0, 0, 1, 2, 2, 3, 4]


class InstanceRules:
    """Mixed into the machine, which has `both`."""

    both: Both

    def _runnable(self, of: Of) -> tuple[str, str, str, str | None]:
        """What an instance is of: mostly something that is there."""
        state = self.both.model.now
        accepted = {key for key, one in state.kinds["revision"].items() if one["state"] == "accepted"}
        there = [
            (app, proctype, ref, env)
            for app, proctype in sorted(state.kinds["proctype"])
            for of_app, ref in sorted(accepted)
            for env in (None, *sorted(one for owner, one in state.kinds["envset"] if owner == app))
            if of_app == app
        ]
        if of["luck"] and there:
            return there[of["luck"] % len(there)]
        return of["app"], of["proctype"], of["ref"], of["env"]

    def _id(self, which: int, *statuses: str) -> int:
        """Mostly one that is in a status for which the call is; or any that lives; or one that is done, or
        never was."""
        state = self.both.model.now
        live = [one["id"] for one in state.all("instance")]
        fitting = [one["id"] for one in state.all("instance", lambda one: one["status"] in statuses)]
        for found, luck in ((fitting, 18), (live, 26)):
            if found and which < luck:
                return int(found[-1 - which % min(len(found), 5)])
        return which % 12 + 1

    def _claimer(self, id: int, host: str, token: str) -> Object:
        """Whom a call says it comes from: mostly the right one."""
        one = self.both.model.now.find("instance", id) or {"host": None, "claim_rev": None}
        said: Object = {"host": host if token == "stranger" else one["host"] or host}
        if token == "present" and one["claim_rev"]:
            said["claim_rev"] = one["claim_rev"]
        elif token == "former":
            said["claim_rev"] = max((one["claim_rev"] or 2) - 1, 1)
        return said

    def _call(self, call: str, id: int, body: Any, command: Any, how: How) -> None:
        self.both.write(
            "POST",
            f"/instances/{id}/{call}",
            command,
            body,
            target=lambda state: state.find("instance", id),
            **how,
        )

    @command(10, of=OF, how=POST)
    def register_ticket(self, of: Of, how: How) -> None:
        app, proctype, ref, env = self._runnable(of)
        body = {"app": app, "proctype": proctype, "revision": ref, **({"env": env} if env else {})}
        self.both.write(
            "POST",
            "/instances",
            lambda draft: contract.register_ticket(draft, app, proctype, ref, env),
            body,
            status=201,
            location=lambda made: f"/instances/{made['id']}",
            **how,
        )

    @command(8, which=WHICH, host=HOSTS, how=POST)
    def claim(self, which: int, host: str, how: How) -> None:
        id = self._id(which, "pending")
        self._call(
            "claim",
            id,
            {"host": host},
            lambda draft: contract.claim(draft, id, host),
            how,
        )

    @command(5, host=HOSTS, app=[None, *APPS], proctype=[None, *PROCTYPES], how=POST)
    def claim_next(self, host: str, app: str | None, proctype: str | None, how: How) -> None:
        body = {"host": host, **({"app": app} if app else {}), **({"proctype": proctype} if proctype else {})}
        self.both.write(
            "POST",
            "/instances/claim",
            lambda draft: contract.claim_next(draft, host, app, proctype),
            body,
            **how,
        )

    @command(4, which=WHICH, host=HOSTS, token=TOKENS, error=[None, "no room"], how=POST)
    def unclaim(self, which: int, host: str, token: str, error: str | None, how: How) -> None:
        id = self._id(which, "claimed")
        body = {**self._claimer(id, host, token), **({"error": error} if error else {})}
        self._call("unclaim", id, body, lambda draft: contract.unclaim(draft, id, body), how)

    @command(
        9,
        which=WHICH,
        host=HOSTS,
        token=TOKENS,
        said=[{"port": 9000}, {"port": 9000, "tele_port": 9001}],
        how=POST,
    )
    def start(self, which: int, host: str, token: str, said: Any, how: How) -> None:
        id = self._id(which, "claimed", "running")
        body = {**self._claimer(id, host, token), "hostname": "box.example.com", **said}
        self._call("start", id, body, lambda draft: contract.start(draft, id, body), how)

    @command(4, which=WHICH, how=POST)
    def stop(self, which: int, how: How) -> None:
        id = self._id(which, "claimed", "running")
        self._call("stop", id, None, lambda draft: contract.stop(draft, id), how)

    @command(7, which=WHICH, host=HOSTS, token=TOKENS, failed=(True, False), how=POST)
    def end(self, which: int, host: str, token: str, failed: bool, how: How) -> None:
        id = self._id(which, "claimed", "running", "stopping", "lost")
        body = self._claimer(id, host, token)
        if failed:
            body["reason"] = "crashed"
            self._call("fail", id, body, lambda draft: contract.fail(draft, id, body), how)
        else:
            self._call("exit", id, body, lambda draft: contract.exit(draft, id, body), how)

    @command(2, which=WHICH, how=POST)
    def lose(self, which: int, how: How) -> None:
        id = self._id(which)
        body = {"client": "watcher", "reason": "away"}
        self._call("lost", id, body, lambda draft: contract.lose(draft, id, body), how)

    @command(3, which=WHICH, reason=["fail", "oom"], count=range(1, 3), how=POST)
    def restart(self, which: int, reason: str, count: int, how: How) -> None:
        id = self._id(which, "running")
        body = {"reason": reason, **({"count": count} if count > 1 else {})}
        self._call("restart", id, body, lambda draft: contract.restart(draft, id, reason, count), how)

    @command(4, which=WHICH, client=["ann", "ben"], off=(True, False), how=PUT)
    def lock(self, which: int, client: str, off: bool, how: How) -> None:
        id = self._id(which)
        body = {"client": client, "reason": "look"}

        def found(state: State) -> Object | None:
            return state.find("instance", id)

        def locked(draft: Draft) -> Object:
            return contract.lock(draft, id, body)

        path = f"/instances/{id}/lock"
        if off:
            self.both.write("DELETE", path, lambda draft: contract.unlock(draft, id), target=found, **how)
        else:
            self.both.write("PUT", path, locked, body, target=found, **how)

    @command(4, which=WHICH, why=["", "?client=ann&reason=old"], how=PUT)
    def unregister(self, which: int, why: str, how: How) -> None:
        id = self._id(which)
        client, reason = ("ann", "old") if why else (None, None)
        self.both.write(
            "DELETE",
            f"/instances/{id}{why}",
            lambda draft: contract.unregister(draft, id, client, reason),
            target=lambda state: state.find("instance", id),
            **how,
        )

    @command(6, of=OF, count=COUNTS, how=PUT)
    def scale(self, of: Of, count: int, how: How) -> None:
        app, proctype, ref, env = self._runnable(of)
        body = {"revision": ref, "env": env, "count": count}
        actor = how["actor"] or ANONYMOUS
        self.both.scale(
            f"/apps/{app}/proctypes/{proctype}/scale",
            body,
            lambda: contract.scale(self.both.model, app, proctype, body, actor),
            lambda state: state.find("proctype", app, proctype),
            how["match"],
            actor,
        )

    @command(1, of=OF, count=[101, 130])
    def scale_far(self, of: Of, count: int) -> None:
        """Up in batches, and back again: small numbers are what the other rules need."""
        for target in (count, 1):
            self.scale(of, target, PLAIN)
