"""The terms that a key is found by: which ones it carries, and what they say of it.

Their spellings are in `keys.py`.
"""

import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from pydantic_core import from_json

from app.models import hosts, keys


def index(key: str, value: bytes, fields: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """The terms of a key. A value that cannot be read (written by another hand) has only its prefixes.
    `fields` is what the value holds, where that is known: it is not parsed then.

    Terms are interned: many keys carry one, and keep it as long as they are kept."""
    return tuple(map(sys.intern, _index(key, value, fields)))


def _index(key: str, value: bytes, fields: Mapping[str, Any] | None) -> tuple[str, ...]:
    kind, slash, rest = key.partition("/")
    if kind in ("app", "service", "token"):
        return (kind + slash,)
    if kind == "idempotency":
        fitting = next(
            (size for size in keys.IDEMPOTENCY_SIZES if len(value) <= size), keys.IDEMPOTENCY_SIZES[-1]
        )
        return (keys.IDEMPOTENCY, keys.idempotency_of(fitting))
    if kind in ("revision", "envset", "proctype", "endpoint", "member"):
        return (kind + slash, f"{kind}/{rest.partition(',')[0]},")
    if kind == "secret":
        return (
            keys.SECRETS,
            f"{kind}/{rest.partition(',')[0]},",
            keys.secrets_sealed_with(keys.key_id_of(value)),
        )
    if kind == "scale":
        return _scale_terms(rest, value)
    if kind not in ("instance", "runner"):
        return ()
    try:
        resource = from_json(value) if fields is None else fields
        if kind == "runner":
            return (keys.RUNNERS, keys.runners_on(hosts.as_kept(resource["host"])))
        return _instance_terms(resource, keys.is_ended(value))
    except (ValueError, KeyError, TypeError, RecursionError):
        return (kind + slash,)


def _scale_terms(rest: str, value: bytes) -> tuple[str, ...]:
    if rest.count(",") != 3:
        return (keys.SCALES,)
    app, proctype, ref, env = rest.split(",")
    terms = [
        keys.SCALES,
        keys.scales_of_app(app),
        keys.scales_of_proctype(app, proctype),
        keys.scales_of_revision(app, ref),
    ]
    if env:
        terms.append(keys.scales_of_envset(app, env))
    terms.append(keys.SCALES_TO_NONE if value.endswith(b'"target":0}') else keys.SCALES_TO_SOME)
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
            return keys.PROCTYPES + term.removeprefix(names)
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


def _instance_terms(fields: Mapping[str, Any], ended: bool) -> tuple[str, ...]:
    app, name = fields["app"], fields["proctype"]
    if ended:
        return _ended_terms(app, name)
    terms = _shared_terms(app, name, fields["revision"], fields["env"], fields["status"])
    return terms if fields["host"] is None else (*terms, _host_term(fields["host"]))


@lru_cache(_REMEMBERED, typed=True)
def _ended_terms(app: str, name: str) -> tuple[str, ...]:
    return (keys.ENDED, keys.ended_of(app, name))


@lru_cache(_REMEMBERED, typed=True)
def _host_term(host: str) -> str:
    return keys.instances_on(hosts.as_kept(host))


@lru_cache(_REMEMBERED, typed=True)
def _shared_terms(app: str, name: str, ref: str, env: str | None, status: str) -> tuple[str, ...]:
    """The terms of an instance but for its host's."""
    terms = [
        keys.LIVE,
        keys.instances_of_app(app),
        keys.instances_of_proctype(app, name),
        keys.instances_of_revision(app, ref),
        keys.instances_called("proctype", name),
        keys.instances_called("revision", ref),
        keys.instances_in(status),
    ]
    if status in ("pending", "claimed", "running"):
        terms.append(keys.instances_of_scale(app, name, ref, env))
    if env is not None:
        terms += [keys.instances_of_envset(app, env), keys.instances_called("env", env)]
    if status == "pending":
        terms += [keys.pending(app), keys.pending(app, name), keys.pending(None, name)]
    return tuple(terms)
