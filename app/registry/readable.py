"""Decides which records can be read, and which were written by another program in another form.

Unreadable records are left out of everything that is found by terms: lists, counts, checks, upkeep. A GET
is 404, but the name is taken, and DELETE removes the record.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import from_json

from app.keyring import is_sealed
from app.models import codec, key_terms, keys
from app.models.event import KINDS
from app.models.idempotency import IdempotencyRecord
from app.models.instance import Ended
from app.models.token import KeptToken, TokenUse
from app.store.contract import UNREADABLE
from app.store.records import Record

_KEY_OF: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "app": lambda fields: keys.app(fields["name"]),
    "revision": lambda fields: keys.revision(fields["app"], fields["ref"]),
    "envset": lambda fields: keys.envset(fields["app"], fields["ref"]),
    "proctype": lambda fields: keys.proctype(fields["app"], fields["name"]),
    "instance": lambda fields: keys.instance(fields["id"]),
    "service": lambda fields: keys.service(fields["name"]),
    "endpoint": lambda fields: keys.endpoint(fields["service"], fields["id"]),
    "runner": lambda fields: keys.runner(fields["addr"]),
    "member": lambda fields: keys.member(fields["kind"], fields["addr"]),
    "scale": lambda fields: keys.scale(fields["app"], fields["proctype"], fields["revision"], fields["env"]),
    "token": lambda fields: keys.token(fields["id"]),
}
"""The key that a resource belongs under, by what it says itself."""

# Not `model_validate_json`: a start does it for everything there is, and this takes half the time.
_VALIDATE = {kind: model.__pydantic_validator__.validate_json for kind, model in KINDS.items()}
_VALIDATE["token"] = KeptToken.__pydantic_validator__.validate_json
_VALIDATE_ENDED = Ended.__pydantic_validator__.validate_json

_NUMBERS = frozenset(
    {keys.INSTANCE_COUNTER, keys.PORT_COUNTER, keys.RETURN_COUNTER, keys.SCHEMA, keys.ACCESS}
)


def key_of_resource(kind: str, resource: Mapping[str, Any]) -> str:
    """The key that a resource of this kind belongs under, by what it says itself."""
    return _KEY_OF[kind](resource)


def readable(record: Record) -> bool:
    """Whether the record of a store is one of ours."""
    return UNREADABLE not in record.terms


def index(key: str, value: bytes) -> tuple[str, ...]:
    """The terms of a key, for the store. What this process has encoded itself is not looked at again."""
    if type(value) is codec.Encoded:
        return key_terms.index(key, value, codec.found_by(value) if key.startswith(keys.INSTANCES) else None)
    kind = keys.kind_of(key)
    try:
        if kind in _VALIDATE:
            fields = _resource(kind, key, value)
            return (UNREADABLE,) if fields is None else key_terms.index(key, value, fields)
        return key_terms.index(key, value) if _fits(kind, key, value) else (UNREADABLE,)
    except (ValueError, LookupError, TypeError, RecursionError):
        return (UNREADABLE,)


def _fits(kind: str, key: str, value: bytes) -> bool:
    """Whether the value of a key that is no resource's is one of ours. May raise where it is not."""
    if key in _NUMBERS:
        return value.isdigit() and int(value) < 2**63
    if kind == "idempotency":
        IdempotencyRecord.model_validate_json(value)
        return True
    if kind == "token-use":
        TokenUse.model_validate_json(value)
        return True
    return kind == "scaling" or (kind == "secret" and _is_secret(key, value))


def _is_secret(key: str, value: bytes) -> bool:
    app, _, name = key.removeprefix(keys.SECRETS).partition(",")
    return bool(app and name) and value[:1] == value[-1:] == b'"' and is_sealed(value[1:-1].decode())


def _resource(kind: str, key: str, value: bytes) -> Mapping[str, Any] | None:
    """What the value holds, where that is the resource that belongs under the key. Raises where it is
    another, or not even JSON."""
    fields: Mapping[str, Any] = from_json(value)
    if not value.startswith(b"{") or fields.keys() & {"rev", "created_rev"}:
        return None
    if _KEY_OF[kind](fields) != key:
        return None
    if kind == "app" and not codec.has_secrets_in_place(fields, value):
        return None
    validate = _VALIDATE_ENDED if keys.is_ended(value) else _VALIDATE[kind]
    validate(codec.wire(Record(key, value, 1, 1)))
    return fields
