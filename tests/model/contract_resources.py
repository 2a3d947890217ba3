"""The commands on apps, revisions, env sets, proctypes, services, runners and members (DESIGN section 4)."""

from typing import Any

from tests.model.contract_state import IN_USE, INVALID, STATE, Draft, Object, Refused

ACTIVE = ("pending", "claimed", "running", "stopping")
SCALED = ("pending", "claimed", "running")


def used(draft: Draft, statuses: tuple[str, ...], **fields: Any) -> bool:
    """Whether an instance with these fields is in one of the statuses."""
    return any(
        one["status"] in statuses and all(one[name] == value for name, value in fields.items())
        for one in draft.state.kinds["instance"].values()
    )


def register_app(draft: Draft, body: Object) -> Object:
    return draft.register(
        "app",
        (body["name"],),
        "app-register",
        **{"deploy_type": "lxc", "head": None, "env": {}, "secrets": {}, **body},
    )


def patch_app(draft: Draft, app: str, body: Object) -> Object:
    draft.need("app", app)
    fields = dict(body)
    if fields.get("deploy_type", "") is None:
        fields["deploy_type"] = "lxc"
    if fields.get("head") is not None and draft.find("revision", app, fields["head"]) is None:
        raise Refused(*INVALID)
    return draft.change("app", (app,), "app-update", **fields)


def forget_target(draft: Draft, key: tuple[str, ...]) -> None:
    """A target that ends is one of 0, unless it was 0 already."""
    gone = draft.state.kinds["scale"].pop(key)
    draft.changed = True
    if gone["target"]:
        draft.events.append(("scale-update", {**gone, "target": 0, "rev": draft.rev}))


def forget_targets(draft: Draft, place: int, app: str, name: str | None = None) -> None:
    """Those of an app, or those with a name at a place of what names them."""
    for key in sorted(draft.state.kinds["scale"]):
        if key[0] == app and name in (None, key[place]):
            forget_target(draft, key)  # type: ignore[arg-type]


def unregister_app(draft: Draft, app: str) -> None:
    draft.need("app", app)
    if used(draft, ACTIVE, app=app):
        raise Refused(*IN_USE)
    draft.remove("app", (app,), "app-unregister")
    for kind, event in (("revision", "rev"), ("envset", "env"), ("proctype", "proc")):
        for key in [key for key in draft.state.kinds[kind] if key[0] == app]:
            draft.remove(kind, key, f"{event}-unregister")
    forget_targets(draft, 0, app)


def patch_env(draft: Draft, app: str, changes: dict[str, str | None]) -> Object:
    env = {**draft.need("app", app)["env"], **changes}
    return draft.change(
        "app", (app,), "app-update", env={name: value for name, value in env.items() if value is not None}
    )


def remove_variable(draft: Draft, app: str, key: str) -> None:
    if key not in draft.need("app", app)["env"]:
        raise Refused(404, "not-found")
    patch_env(draft, app, {key: None})


def register_envset(draft: Draft, app: str, body: Object) -> Object:
    draft.need("app", app)
    return draft.register("envset", (app, body["ref"]), "env-register", app=app, **body)


def unregister_envset(draft: Draft, app: str, ref: str) -> None:
    draft.need("envset", app, ref)
    if used(draft, ACTIVE, app=app, env=ref):
        raise Refused(*IN_USE)
    draft.remove("envset", (app, ref), "env-unregister")
    forget_targets(draft, 3, app, ref)


def register_revision(draft: Draft, app: str, body: Object) -> Object:
    draft.need("app", app)
    url = body.get("archive_url")
    state = "proposed" if url is None else "accepted"
    return draft.register(
        "revision",
        (app, body["ref"]),
        "rev-register",
        app=app,
        ref=body["ref"],
        state=state,
        archive_url=url,
    )


def ratify(draft: Draft, app: str, ref: str, url: str) -> Object:
    if draft.need("revision", app, ref)["state"] != "proposed":
        raise Refused(*STATE)
    return draft.change("revision", (app, ref), "rev-update", state="accepted", archive_url=url)


def purge(draft: Draft, app: str, ref: str) -> None:
    draft.need("revision", app, ref)
    registered = draft.find("app", app)
    if (registered and registered["head"] == ref) or used(draft, SCALED, app=app, revision=ref):
        raise Refused(*IN_USE)
    draft.remove("revision", (app, ref), "rev-unregister")
    forget_targets(draft, 2, app, ref)


def register_proctype(draft: Draft, app: str, name: str, memory: int | None) -> Object:
    draft.need("app", app)
    made = draft.register(
        "proctype",
        (app, name),
        "proc-register",
        app=app,
        name=name,
        port=draft.state.next_port,
        limits={"memory_limit_mb": memory},
    )
    draft.state.next_port += 1
    return made


def patch_proctype(draft: Draft, app: str, name: str, body: Object) -> Object:
    limits = draft.need("proctype", app, name)["limits"]
    if "limits" in body:
        limits = {"memory_limit_mb": None} if body["limits"] is None else {**limits, **body["limits"]}
    return draft.change("proctype", (app, name), "proc-update", limits=limits)


def unregister_proctype(draft: Draft, app: str, name: str) -> None:
    draft.need("proctype", app, name)
    if used(draft, ACTIVE, app=app, proctype=name):
        raise Refused(*IN_USE)
    draft.remove("proctype", (app, name), "proc-unregister")
    forget_targets(draft, 1, app, name)


def register_service(draft: Draft, name: str) -> Object:
    return draft.register("service", (name,), "service-register", name=name)


def unregister_service(draft: Draft, name: str) -> None:
    draft.need("service", name)
    draft.remove("service", (name,), "service-unregister")
    for key in [key for key in draft.state.kinds["endpoint"] if key[0] == name]:
        draft.remove("endpoint", key, "endpoint-unregister")


def endpoint_id(addr: str, port: int) -> str:
    return f"{addr}-{port}".replace(".", "-").replace(":", "-")


def register_endpoint(draft: Draft, service: str, body: Object) -> Object:
    draft.need("service", service)
    id = endpoint_id(body["addr"], body["port"])
    said = {"ip": body["addr"], "priority": 0, "weight": 0, "target": None, **body}
    return draft.register("endpoint", (service, id), "endpoint-register", service=service, id=id, **said)


def unregister_endpoint(draft: Draft, service: str, id: str) -> None:
    draft.need("endpoint", service, id)
    draft.remove("endpoint", (service, id), "endpoint-unregister")


def register_runner(draft: Draft, body: Object) -> Object:
    host = body["addr"].rpartition(":")[0].strip("[]")
    return draft.register("runner", (body["addr"],), "runner-register", host=host, **body)


def unregister_runner(draft: Draft, addr: str) -> None:
    draft.need("runner", addr)
    draft.remove("runner", (addr,), "runner-unregister")


def put_member(draft: Draft, kind: str, addr: str, body: Object) -> Object:
    if draft.find("member", kind, addr) is None:
        return draft.register("member", (kind, addr), "member-register", kind=kind, addr=addr, **body)
    return draft.change("member", (kind, addr), "member-update", **body)


def remove_member(draft: Draft, kind: str, addr: str) -> None:
    draft.need("member", kind, addr)
    draft.remove("member", (kind, addr), "member-unregister")
