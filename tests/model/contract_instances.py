"""The commands on instances: their life, the queue and scale (DESIGN sections 4 and 5)."""

from typing import Any

from tests.model.contract_resources import ACTIVE, SCALED, forget_target
from tests.model.contract_state import INVALID, STATE, Draft, Model, Object, Refused, State, T


def register_ticket(draft: Draft, app: str, proctype: str, revision: str, env: str | None) -> Object:
    draft.need("app", app, otherwise=INVALID)
    draft.need("proctype", app, proctype, otherwise=INVALID)
    state = draft.need("revision", app, revision, otherwise=INVALID)["state"]
    if env is not None:
        draft.need("envset", app, env, otherwise=INVALID)
    if state != "accepted":
        raise Refused(*STATE)
    return _ticket(draft, app, proctype, revision, env)


def _ticket(draft: Draft, app: str, proctype: str, revision: str, env: str | None) -> Object:
    id = draft.state.next_id
    draft.state.next_id += 1
    empty = ("host", "ip", "hostname", "port", "tele_port", "lock", "reason", "lost_by", "claim_rev")
    times = ("claimed_at", "started_at", "stopped_at", "ended_at")
    return draft.register(
        "instance",
        (id,),
        "instance-register",
        **dict.fromkeys((*empty, *times)),
        id=id,
        app=app,
        revision=revision,
        proctype=proctype,
        env=env,
        status="pending",
        claims=[],
        restarts={"fail": 0, "oom": 0},
        registered_at=T,
    )


def live(draft: Draft, id: int) -> Object:
    if draft.find("ended", id) is not None:
        raise Refused(*STATE)
    return draft.need("instance", id)


def _held(draft: Draft, id: int, body: Object) -> Object:
    one = live(draft, id)
    if "claim_rev" in body and body["claim_rev"] != one["claim_rev"]:
        raise Refused(403, "not-claimer")
    if one["host"] is None:
        raise Refused(*STATE)
    if body["host"] != one["host"]:
        raise Refused(403, "not-claimer")
    return one


def _become(draft: Draft, one: Object, event: str, **fields: Any) -> Object:
    return draft.change("instance", (one["id"],), f"instance-{event}", **fields)


def _in(one: Object, *statuses: str) -> None:
    if one["status"] not in statuses:
        raise Refused(*STATE)


def claim(draft: Draft, id: int, host: str) -> Object:
    one = live(draft, id)
    if one["status"] in ("claimed", "running", "stopping"):
        raise Refused(409, "already-claimed")
    _in(one, "pending")
    return _become(
        draft,
        one,
        "claim",
        status="claimed",
        host=host,
        ip=host if host[0].isdigit() else None,
        claims=[*one["claims"], {"host": host, "at": T, "error": None}],
        claim_rev=draft.rev,
        claimed_at=T,
    )


def claim_next(draft: Draft, host: str, app: str | None, proctype: str | None) -> Object | None:
    for one in draft.state.all("instance", lambda one: one["status"] == "pending"):
        if app in (None, one["app"]) and proctype in (None, one["proctype"]):
            return claim(draft, one["id"], host)
    return None


def unclaim(draft: Draft, id: int, body: Object) -> Object:
    one = _held(draft, id, body)
    _in(one, "claimed")
    claims = [*one["claims"][:-1], {**one["claims"][-1], "error": body.get("error")}]
    free = {"host": None, "ip": None, "claim_rev": None, "claimed_at": None}
    return _become(draft, one, "unclaim", status="pending", claims=claims, **free)


def start(draft: Draft, id: int, body: Object) -> Object:
    one = _held(draft, id, body)
    said = {"tele_port": None, **{name: body[name] for name in body if name not in ("host", "claim_rev")}}
    if one["status"] == "running" and all(one[name] == value for name, value in said.items()):
        return one
    _in(one, "claimed")
    return _become(draft, one, "start", status="running", started_at=T, **said)


def stop(draft: Draft, id: int) -> Object:
    one = live(draft, id)
    _in(one, "claimed", "running")
    return _become(draft, one, "stop", status="stopping", stopped_at=T)


def exit(draft: Draft, id: int, body: Object) -> Object:
    one = _held(draft, id, body)
    _in(one, "claimed", "running", "stopping", "lost", "failed")
    reason = None if one["status"] in ("lost", "failed") else one["reason"]
    return _become(draft, one, "exit", status="exited", ended_at=T, reason=reason, lost_by=None)


def fail(draft: Draft, id: int, body: Object) -> Object:
    one = _held(draft, id, body)
    _in(one, "claimed", "running", "stopping")
    return _become(draft, one, "fail", status="failed", ended_at=T, reason=body["reason"])


def lose(draft: Draft, id: int, body: Object) -> Object:
    one = live(draft, id)
    if one["status"] == "lost":
        return one
    _in(one, *ACTIVE, "failed")
    return _become(
        draft, one, "lost", status="lost", ended_at=T, reason=body["reason"], lost_by=body["client"]
    )


def restart(draft: Draft, id: int, reason: str, count: int) -> Object:
    one = live(draft, id)
    _in(one, "running")
    restarts = {**one["restarts"], reason: one["restarts"][reason] + count}
    return _become(draft, one, "restart", restarts=restarts)


def lock(draft: Draft, id: int, body: Object) -> Object:
    one = live(draft, id)
    if one["lock"] is not None:
        raise Refused(409, "locked")
    return _become(draft, one, "lock", lock={**body, "at": T})


def unlock(draft: Draft, id: int) -> None:
    one = live(draft, id)
    if one["lock"] is None:
        raise Refused(404, "not-found")
    _become(draft, one, "unlock", lock=None)


def unregister(draft: Draft, id: int, client: str | None, reason: str | None) -> None:
    one = draft.need("instance", id)
    draft.remove("instance", (id,), "instance-unregister")
    names = ("id", "app", "proctype", "revision", "env", "status")
    entry = draft.register("ended", (id,), None, **{name: one[name] for name in names})
    why = one["reason"] if reason is None else reason
    entry.update(created_rev=one["created_rev"], client=client, reason=why, at=T)


def scale(model: Model, app: str, proctype: str, body: Object, actor: str) -> Object:
    """Batches of at most a hundred changes, each a commit."""
    done: Object = {"previous": None, "count": body["count"], "started": [], "stopped": []}

    def step(draft: Draft) -> int:
        draft.need("app", app)
        draft.need("proctype", app, proctype)
        revision = draft.need("revision", app, body["revision"], otherwise=INVALID)
        if body["env"] is not None:
            draft.need("envset", app, body["env"], otherwise=INVALID)
        if revision["state"] != "accepted":
            raise Refused(*STATE)
        counted = scaled(draft.state, app, proctype, body["revision"], body["env"])
        if done["previous"] is None:
            done["previous"] = len(counted)
        missing = body["count"] - len(counted)
        first = not done["started"] and not done["stopped"]
        for _ in range(min(missing, 100)):
            made = _ticket(draft, app, proctype, body["revision"], body["env"])
            done["started"].append(made["id"])
        counted.sort(key=lambda one: (SCALED.index(one["status"]), one["id"]))
        for one in counted[: min(max(-missing, 0), 100)]:
            done["stopped"].append(one["id"])
            if one["status"] == "pending":
                unregister(draft, one["id"], None, "scaled down")
            else:
                _become(draft, one, "stop", status="stopping", stopped_at=T, reason="scaled down")
        left = len(scaled(draft.state, app, proctype, body["revision"], body["env"]))
        _target(draft, (app, proctype, body["revision"], body["env"] or ""), body["count"], first, left)
        return abs(missing) - 100

    while model.commit(step, actor) > 0:
        pass
    return {"rev": model.rev, **done}


def _target(draft: Draft, key: tuple[str, ...], count: int, first: bool, left: int) -> None:
    """What a step of a scale makes of the target."""
    before = draft.find("scale", *key)
    if count == 0 and left == 0:
        if before is not None:
            forget_target(draft, key)
    elif first and before is None:
        app, proctype, revision, env = key
        of = {"app": app, "proctype": proctype, "revision": revision, "env": env or None}
        made = draft.register("scale", key, None, **of, target=count)
        draft.events.append(("scale-update", made))
    elif first:
        draft.change("scale", key, "scale-update", target=count)


def scaled(state: State, app: str, proctype: str, revision: str, env: str | None) -> list[Object]:
    """The instances that a target counts."""
    of = {"app": app, "proctype": proctype, "revision": revision, "env": env}
    return state.all(
        "instance",
        lambda one: one["status"] in SCALED and all(one[name] == value for name, value in of.items()),
    )
