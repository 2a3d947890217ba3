"""Where things are in the store: the key of each resource and the terms it can be found by.

The parts of a key are set off by a comma, which sorts before every character that a name may have:
the order of keys is the order of names, part by part (`cat,a` before `cat-2,a`).

    app/{name}                     revision/{app},{ref}       envset/{app},{ref}
    proctype/{app},{name}          instance/{id}              service/{name}
    endpoint/{service},{id}        runner/{addr}              member/{kind},{addr}
    counter/{instance|port|return} idempotency/{digest}      scale/{app},{proctype},{revision},{env}
    scaling/{app},{proctype},{revision},{env} (whose turn it is, while a scale takes several commits)
    secret/{app},{key} (sealed: a text of `app.keyring`, as JSON)
    schema                         fence/{term} (the store's own, where it needs them)
    token/{id}                     token-use/{id} (when it was used last)
    access (there once there was a token: who has none is refused)

An instance that was unregistered stays under its key as its ended entry.
"""

from collections.abc import Iterable

APPS = "app/"
REVISIONS = "revision/"
ENVSETS = "envset/"
PROCTYPES = "proctype/"
INSTANCES = "instance/"
SERVICES = "service/"
ENDPOINTS = "endpoint/"
RUNNERS = "runner/"
MEMBERS = "member/"
SCALES = "scale/"
SECRETS = "secret/"
IDEMPOTENCY = "idempotency/"
IDEMPOTENCY_SIZES = tuple(2**power for power in range(9, 22))
"""Bytes of idempotency records, in steps: each can be found by the step that it fits into."""
SCHEMA = "schema"
TOKENS = "token/"
ACCESS = "access"
INSTANCE_COUNTER = "counter/instance"
PORT_COUNTER = "counter/port"
RETURN_COUNTER = "counter/return"

SCALES_TO_NONE = "scale/?target=0"
SCALES_TO_SOME = "scale/?target"
LIVE = "instance/?live"
ENDED = "instance/?ended"


def app(name: str) -> str:
    return f"app/{name}"


def revision(app: str, ref: str) -> str:
    return f"revision/{app},{ref}"


def envset(app: str, ref: str) -> str:
    return f"envset/{app},{ref}"


def proctype(app: str, name: str) -> str:
    return f"proctype/{app},{name}"


def instance(id: int) -> str:
    return f"instance/{id:019d}"


def instance_id(key: str) -> int:
    """The reverse of `instance`."""
    return int(key.removeprefix(INSTANCES))


def service(name: str) -> str:
    return f"service/{name}"


def endpoint(service: str, id: str) -> str:
    return f"endpoint/{service},{id}"


def runner(addr: str) -> str:
    return f"runner/{addr}"


def member(kind: str, addr: str) -> str:
    return f"member/{kind},{addr}"


def token(id: str) -> str:
    return f"token/{id}"


def token_use(id: str) -> str:
    return f"token-use/{id}"


def idempotency(digest: str) -> str:
    return f"idempotency/{digest}"


def idempotency_of(size: int) -> str:
    """Records that fit into that step of `IDEMPOTENCY_SIZES` and not into the one below."""
    return f"idempotency/?size={size}"


def scale(app: str, proctype: str, revision: str, env: str | None) -> str:
    return f"scale/{app},{proctype},{revision},{env or ''}"


def scales_of_app(app: str) -> str:
    return f"scale/{app},"


def scales_of_proctype(app: str, proctype: str) -> str:
    return f"scale/{app},{proctype},"


def scales_of_revision(app: str, ref: str) -> str:
    return f"scale/?revision={app},{ref}"


def scales_of_envset(app: str, ref: str) -> str:
    return f"scale/?env={app},{ref}"


def scaling(app: str, proctype: str, revision: str, env: str | None) -> str:
    return f"scaling/{app},{proctype},{revision},{env or ''}"


def secret(app: str, key: str) -> str:
    return f"secret/{app},{key}"


def secrets_of(app: str) -> str:
    return f"secret/{app},"


def secrets_sealed_with(key_id: str) -> str:
    return f"secret/?sealed={key_id}"


def key_id_of(value: bytes) -> str:
    """The id of the key that a secret is sealed with, as `"v1.<key id>.` in what is kept says."""
    return value.split(b".", 2)[1].decode()


def revisions_of(app: str) -> str:
    return f"revision/{app},"


def envsets_of(app: str) -> str:
    return f"envset/{app},"


def proctypes_of(app: str) -> str:
    return f"proctype/{app},"


def endpoints_of(service: str) -> str:
    return f"endpoint/{service},"


def members_of(kind: str) -> str:
    return f"member/{kind},"


def runners_on(host: str) -> str:
    return f"runner/?host={host}"


def instances_of_app(app: str) -> str:
    return f"instance/?app={app}"


def instances_of_proctype(app: str, proctype: str) -> str:
    return f"instance/?proctype={app},{proctype}"


def instances_of_revision(app: str, ref: str) -> str:
    return f"instance/?revision={app},{ref}"


def instances_of_envset(app: str, ref: str) -> str:
    return f"instance/?env={app},{ref}"


def instances_called(kind: str, name: str, app: str | None = None) -> str:
    """Those of a proctype, revision or env set (`kind`) of that name: the app's, or whichever app's."""
    return f"instance/?{kind}={app or ''},{name}"


def instances_on(host: str) -> str:
    return f"instance/?host={host}"


def instances_in(status: str) -> str:
    return f"instance/?status={status}"


def instances_of_scale(app: str, proctype: str, revision: str, env: str | None) -> str:
    """Those that a scale counts: pending, claimed and running ones."""
    return f"instance/?scale={app},{proctype},{revision},{env or ''}"


def pending(app: str | None = None, proctype: str | None = None) -> str:
    """Tickets that wait to be claimed: of all, of an app, of a proctype name, of one proctype."""
    if app is None and proctype is None:
        return instances_in("pending")
    return f"instance/?pending={app or ''},{proctype or ''}"


def ended_of(app: str, proctype: str) -> str:
    return f"instance/?ended={app},{proctype}"


def ended_beside(term: str, proctypes: Iterable[str]) -> list[str]:
    """The terms of the ended entries of what a term of instances means: all, or an app's, or a proctype's.
    `proctypes` are the keys of the app's."""
    if term == LIVE:
        return [ENDED]
    _, _, owner = term.partition("=")
    if term.startswith("instance/?proctype="):
        return [f"instance/?ended={owner}"]
    return [f"instance/?ended={key.removeprefix(PROCTYPES)}" for key in proctypes]


def kind_of(key: str) -> str:
    """`instance` for `instance/000..17`."""
    return key.partition("/")[0]


def is_ended(value: bytes) -> bool:
    """Whether what is kept under an instance's key is its ended entry. It alone has a `client` at the
    top and says so first: see `codec.encode`."""
    return value.startswith(b'{"ended":')
