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

import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from pydantic_core import from_json

from app.models import hosts

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


_BY_REGISTRATION = ("instance/?app=", "instance/?proctype=", "instance/?revision=", "instance/?env=")


_APPS_OWN = frozenset({"app", "revision", "envset", "proctype", "scale"})
_SERVICES_OWN = frozenset({"service", "endpoint"})


def fence(term: str) -> str | None:
    """The key that changes when a key comes to carry the term; see the store's contract. Whether
    instances of an app are active can only change from no to yes by registering one, which writes the
    counter. What a scale counts changes in many ways: it has a fence of its own. The oldest pending
    ticket is guarded by itself, and by the counter of those given back: a new one is never older.

    What is declared below an app or a service has the fence of that (`fence_of`), all apps or services the
    fences of all. No rule reads the set of runners, members or idempotency records, or that of an instance's
    status or host."""
    if term.startswith("instance/?scale="):
        return f"fence/{term}"
    if term.startswith(_BY_REGISTRATION):
        return INSTANCE_COUNTER
    if term == instances_in("pending") or term.startswith("instance/?pending="):
        return RETURN_COUNTER
    return fence_of(term)


def fence_of(key: str) -> str | None:
    """The fence of what is declared below an app or a service, put with each change of it. Of all there is
    (`app/`, `revision/`, `scale/?target`) it is that of all apps or services: `fence/app/`."""
    kind, _, rest = key.partition("/")
    owner = "" if rest.startswith("?") else rest.partition(",")[0]
    if kind in _APPS_OWN:
        return f"fence/app/{owner}"
    if kind in _SERVICES_OWN:
        return f"fence/service/{owner}"
    return None


def index(key: str, value: bytes) -> tuple[str, ...]:
    """The terms of a key. A value that cannot be read (written by another hand) has only its prefixes.

    Terms are interned: many keys carry one, and keep it as long as they are kept."""
    return tuple(map(sys.intern, _index(key, value)))


def _index(key: str, value: bytes) -> tuple[str, ...]:
    kind, slash, rest = key.partition("/")
    if kind in ("app", "service", "token"):
        return (kind + slash,)
    if kind == "idempotency":
        fitting = next((size for size in IDEMPOTENCY_SIZES if len(value) <= size), IDEMPOTENCY_SIZES[-1])
        return (IDEMPOTENCY, idempotency_of(fitting))
    if kind in ("revision", "envset", "proctype", "endpoint", "member"):
        return (kind + slash, f"{kind}/{rest.partition(',')[0]},")
    if kind == "secret":
        return (SECRETS, f"{kind}/{rest.partition(',')[0]},", secrets_sealed_with(key_id_of(value)))
    if kind == "scale":
        return _scale_terms(rest, value)
    if kind not in ("instance", "runner"):
        return ()
    try:
        resource = from_json(value)
        if kind == "runner":
            return (RUNNERS, runners_on(hosts.as_kept(resource["host"])))
        return _instance_terms(resource, is_ended(value))
    except (ValueError, KeyError, TypeError, RecursionError):
        return (kind + slash,)


def _scale_terms(rest: str, value: bytes) -> tuple[str, ...]:
    if rest.count(",") != 3:
        return (SCALES,)
    app, proctype, ref, env = rest.split(",")
    terms = [SCALES, scales_of_app(app), scales_of_proctype(app, proctype), scales_of_revision(app, ref)]
    if env:
        terms.append(scales_of_envset(app, env))
    terms.append(SCALES_TO_NONE if value.endswith(b'"target":0}') else SCALES_TO_SOME)
    return tuple(terms)


_REMEMBERED = 2**14
"""Instances of a proctype carry the same terms, which are made once for all of them."""


PROCTYPE_TERM = 2
"""Where among the terms of an instance that is not unregistered the one stands that names its proctype."""


def proctype_of(terms: Sequence[str]) -> str:
    """The key of an instance's proctype, as the terms of the instance, or of its ended entry, name it; ""
    where they do not."""
    return next(filter(None, map(proctype_in, terms)), "")


@lru_cache(_REMEMBERED)
def proctype_in(term: str) -> str:
    """The key of the proctype that one term of an instance names, "" where it names none."""
    for names in ("instance/?ended=", "instance/?proctype="):
        if term.startswith(names) and not term.startswith("instance/?proctype=,"):
            return PROCTYPES + term.removeprefix(names)
    return ""


def group_of(terms: Sequence[str]) -> tuple[str, str | None, str] | None:
    """Revision, env set and status of an instance, as its terms say them: to count ten thousand of them
    none has to be read. None where they do not."""
    ref, env, status = None, None, None
    for term in terms:
        name, _, value = term.partition("=")
        if name == "instance/?revision":
            ref = value.partition(",")[2]
        elif name == "instance/?env":
            env = value.partition(",")[2]
        elif name == "instance/?status":
            status = value
    return None if ref is None or status is None else (ref, env, status)


def _instance_terms(fields: dict[str, Any], ended: bool) -> tuple[str, ...]:
    app, name = fields["app"], fields["proctype"]
    if ended:
        return _ended_terms(app, name)
    terms = _shared_terms(app, name, fields["revision"], fields["env"], fields["status"])
    return terms if fields["host"] is None else (*terms, _host_term(fields["host"]))


@lru_cache(_REMEMBERED, typed=True)
def _ended_terms(app: str, name: str) -> tuple[str, ...]:
    return (ENDED, ended_of(app, name))


@lru_cache(_REMEMBERED, typed=True)
def _host_term(host: str) -> str:
    return instances_on(hosts.as_kept(host))


@lru_cache(_REMEMBERED, typed=True)
def _shared_terms(app: str, name: str, ref: str, env: str | None, status: str) -> tuple[str, ...]:
    """The terms of an instance but for its host's."""
    terms = [
        LIVE,
        instances_of_app(app),
        instances_of_proctype(app, name),
        instances_of_revision(app, ref),
        instances_called("proctype", name),
        instances_called("revision", ref),
        instances_in(status),
    ]
    if status in ("pending", "claimed", "running"):
        terms.append(instances_of_scale(app, name, ref, env))
    if env is not None:
        terms += [instances_of_envset(app, env), instances_called("env", env)]
    if status == "pending":
        terms += [pending(app), pending(app, name), pending(None, name)]
    return tuple(terms)
