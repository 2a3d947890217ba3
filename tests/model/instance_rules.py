"""Random commands on instances: tickets, claims, their whole life, scale."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.model import contract_instances as contract
from tests.model.comparing import ANONYMOUS, Both
from tests.model.contract_state import Draft, Object, State
from tests.model.platform_rules import APPS, ENVS, HOSTS, POST, PROCTYPES, PUT, REFS, How

WHICH = st.integers(0, 30)
TOKENS = st.sampled_from(["none", "none", "present", "former"])
PLAIN: How = {"match": "", "actor": None}
COUNTS = st.sampled_from([0, 0, 1, 2, 2, 3, 4])


class InstanceRules:
    """Mixed into the machine, which has `both`."""

    both: Both

    def _id(self, which: int) -> int:
        """One that lives, mostly; or one that is done, or never was."""
        live = list(self.both.model.now.kinds["instance"])
        if which < 24 and live:
            return int(live[-1 - which % min(len(live), 5)][0])
        return which % 12 + 1

    def _claimer(self, id: int, host: str, token: str) -> Object:
        """Whom a call says it comes from: mostly the right one."""
        one = self.both.model.now.find("instance", id) or {"host": None, "claim_rev": None}
        said: Object = {"host": one["host"] if one["host"] and token != "none" else host}
        if token == "present" and one["claim_rev"]:
            said["claim_rev"] = one["claim_rev"]
        elif token == "former":
            said["claim_rev"] = (one["claim_rev"] or 2) - 1 or 1
        return said

    def _call(self, call: str, id: int, body: Any, command: Any, how: How, **more: Any) -> None:
        self.both.write(
            "POST",
            f"/instances/{id}/{call}",
            command,
            body,
            target=lambda state: state.find("instance", id),
            **how,
            **more,
        )

    @rule(app=APPS, proctype=PROCTYPES, ref=REFS, env=st.none() | ENVS, how=POST)
    def register_ticket(
        self,
        app: str,
        proctype: str,
        ref: str,
        env: str | None,
        how: How,
    ) -> None:
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

    @rule(which=WHICH, host=HOSTS, how=POST)
    def claim(self, which: int, host: str, how: How) -> None:
        id = self._id(which)
        self._call(
            "claim",
            id,
            {"host": host},
            lambda draft: contract.claim(draft, id, host),
            how,
        )

    @rule(host=HOSTS, app=st.none() | APPS, proctype=st.none() | PROCTYPES, how=POST)
    def claim_next(self, host: str, app: str | None, proctype: str | None, how: How) -> None:
        body = {"host": host, **({"app": app} if app else {}), **({"proctype": proctype} if proctype else {})}
        self.both.write(
            "POST",
            "/instances/claim",
            lambda draft: contract.claim_next(draft, host, app, proctype),
            body,
            **how,
        )

    @rule(which=WHICH, host=HOSTS, token=TOKENS, error=st.sampled_from([None, "no room"]), how=POST)
    def unclaim(self, which: int, host: str, token: str, error: str | None, how: How) -> None:
        id = self._id(which)
        body = {**self._claimer(id, host, token), **({"error": error} if error else {})}
        self._call("unclaim", id, body, lambda draft: contract.unclaim(draft, id, body), how)

    @rule(
        which=WHICH,
        host=HOSTS,
        token=TOKENS,
        said=st.sampled_from([{"port": 9000}, {"port": 9000, "tele_port": 9001}]),
        how=POST,
    )
    def start(self, which: int, host: str, token: str, said: Any, how: How) -> None:
        id = self._id(which)
        body = {**self._claimer(id, host, token), "hostname": "box.example.com", **said}
        self._call("start", id, body, lambda draft: contract.start(draft, id, body), how)

    @rule(which=WHICH, how=POST)
    def stop(self, which: int, how: How) -> None:
        id = self._id(which)
        self._call("stop", id, None, lambda draft: contract.stop(draft, id), how)

    @rule(which=WHICH, host=HOSTS, token=TOKENS, failed=st.booleans(), how=POST)
    def end(self, which: int, host: str, token: str, failed: bool, how: How) -> None:
        id = self._id(which)
        body = self._claimer(id, host, token)
        if failed:
            body["reason"] = "crashed"
            self._call("fail", id, body, lambda draft: contract.fail(draft, id, body), how)
        else:
            self._call("exit", id, body, lambda draft: contract.exit(draft, id, body), how)

    @rule(which=WHICH, how=POST)
    def lose(self, which: int, how: How) -> None:
        id = self._id(which)
        body = {"client": "watcher", "reason": "away"}
        self._call("lost", id, body, lambda draft: contract.lose(draft, id, body), how)

    @rule(which=WHICH, reason=st.sampled_from(["fail", "oom"]), count=st.integers(1, 2), how=POST)
    def restart(self, which: int, reason: str, count: int, how: How) -> None:
        id = self._id(which)
        body = {"reason": reason, **({"count": count} if count > 1 else {})}
        self._call("restart", id, body, lambda draft: contract.restart(draft, id, reason, count), how)

    @rule(which=WHICH, client=st.sampled_from(["ann", "ben"]), off=st.booleans(), how=PUT)
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

    @rule(which=WHICH, why=st.sampled_from(["", "?client=ann&reason=old"]), how=PUT)
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

    @rule(app=APPS, proctype=PROCTYPES, ref=REFS, env=st.none() | ENVS, count=COUNTS, how=PUT)
    def scale(self, app: str, proctype: str, ref: str, env: str | None, count: int, how: How) -> None:
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

    @rule(count=st.sampled_from([101, 130]))
    def scale_far(self, count: int) -> None:
        """Up in batches, and back again: small numbers are what the other rules need."""
        for target in (count, 1):
            self.scale(app="cat", proctype="web", ref="r1", env=None, count=target, how=PLAIN)
