"""How a resource is stored and how it is sent: the same JSON, except for its revs.

A store learns a commit's rev only by committing, so what is kept has no `rev` and no `created_rev`
of its own: they are put in front when it is read. An instance's `claim_rev` is left out where it is
the rev of the very commit, and put in the same way; so is the rev of each of an app's secrets. What is
said of a version is made once.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

from pydantic_core import from_json, to_json

from app.errors import BodyTooLarge
from app.models import keys
from app.models.app import App
from app.models.base import Resource
from app.models.instance import Ended, Instance

M = TypeVar("M", bound=Resource)

MAX_RESOURCE = 1024 * 1024
"""Bytes of one kept resource."""

_SECRETS = b'{"secrets":'
"""How what is kept of an app begins that has secrets."""

THIS_REV = 0
"""Stands in a model for the rev of the commit that will write it."""


class Version(Protocol):
    """A version of a key, as the store gives it."""

    @property
    def key(self) -> str: ...
    @property
    def value(self) -> bytes: ...
    @property
    def rev(self) -> int: ...
    @property
    def created_rev(self) -> int: ...

    wire: bytes | None


class Encoded(bytes):
    """A value that was encoded here: it can be read, without a look at it."""

    __slots__ = ()


def encode(resource: Resource) -> bytes:
    """What is kept of a resource. Raises BodyTooLarge."""
    left_out = {"rev", "created_rev"}
    if isinstance(resource, Instance) and resource.claim_rev == THIS_REV:
        left_out.add("claim_rev")
    if isinstance(resource, App):
        left_out.add("secrets")
    value = resource.model_dump_json(exclude=left_out).encode()
    if isinstance(resource, App) and resource.secrets:
        secrets = {key: entry.model_dump() for key, entry in resource.secrets.items()}
        value = _SECRETS + to_json(secrets) + b"," + value[1:]
    if isinstance(resource, Ended):
        value = b'{"ended":true,' + value[1:]
    return _bounded(value)


_FOUND_BY = re.compile(
    rb'{(?:"ended":true,)?"created_at":"[^"]*","updated_at":"[^"]*","id":[0-9]+,"app":"(?P<app>[^"\\\\]*)",'
    rb'(?:"revision":"(?P<revision>[^"\\\\]*)","proctype":"(?P<proctype>[^"\\\\]*)",'
    rb'"env":(?:null|"(?P<env>[^"\\\\]*)"),"status":"(?P<status>[a-z]*)",'
    rb'"host":(?:null|"(?P<host>[^"\\\\]*)"),|"proctype":"(?P<of_ended>[^"\\\\]*)",)'
)
"""How what is kept of an instance begins, up to the last of the fields that it is found by."""


def found_by(value: Encoded) -> dict[str, str | None] | None:
    """The fields by which an instance is found, of a value that was encoded here: read off its beginning, as
    to parse all of it costs as much as to write it. None where that is not how it begins."""
    match = _FOUND_BY.match(value)
    if match is None:
        return None
    fields = {name: text if text is None else text.decode() for name, text in match.groupdict().items()}
    if fields["proctype"] is None:
        fields["proctype"] = fields["of_ended"]
    return fields


def kept(version: Version) -> dict[str, Any]:
    """What is kept of a resource, as plain JSON: to read or change one field of many, a model is not worth
    its price."""
    fields: dict[str, Any] = from_json(version.value)
    if version.value.startswith(_SECRETS):
        fields["secrets"] = {key: {"rev": version.rev, **entry} for key, entry in fields["secrets"].items()}
    return fields


def with_secrets(fields: dict[str, Any], secrets: dict[str, Any]) -> dict[str, Any]:
    """What is kept of an app, with these secrets and no others."""
    first = {"secrets": secrets} if secrets else {}
    return {**first, **{name: value for name, value in fields.items() if name != "secrets"}}


def has_secrets_in_place(fields: Mapping[str, Any], value: bytes) -> bool:
    """Whether an app's secrets are kept as `encode` keeps them, where it has any."""
    secrets = fields.get("secrets", {})
    in_form = isinstance(secrets, dict) and all(isinstance(entry, dict) for entry in secrets.values())
    return in_form and bool(secrets) == value.startswith(_SECRETS)


def keep(fields: dict[str, Any]) -> bytes:
    """The reverse of `kept`. Raises BodyTooLarge."""
    return _bounded(to_json(fields))


def _bounded(value: bytes) -> Encoded:
    if len(value) > MAX_RESOURCE:
        raise BodyTooLarge(
            f"The resource would take {len(value)} bytes: at most {MAX_RESOURCE} are kept of one.",
            limit=MAX_RESOURCE,
        )
    return Encoded(value)


def wire(version: Version) -> bytes:
    """The JSON that is answered for a version of a resource, made once and kept with it."""
    if version.wire is None:
        version.wire = _wire(version)
    return version.wire


def shown(version: Version) -> dict[str, Any]:
    """The same as plain JSON, to take some fields from it; nothing is kept with the version."""
    resource: dict[str, Any] = from_json(version.wire or _wire(version))
    return resource


def wires(versions: Iterable[Version]) -> list[bytes]:
    """`wire` of each."""
    return [version.wire or wire(version) for version in versions]


def _wire(version: Version) -> bytes:
    value = version.value
    front = b'{"rev":%d,"created_rev":%d,' % (version.rev, version.created_rev)
    if version.key.startswith(keys.APPS):
        # First where there are any: a variable may have the same name.
        if value.startswith(_SECRETS):
            fields = kept(version)
            fields["secrets"] = fields.pop("secrets")  # last, as it is declared
            return front + to_json(fields)[1:]
        return front + value[1:-1] + b',"secrets":{}}'
    if version.key.startswith(keys.INSTANCES):
        if keys.is_ended(value):
            return front + value.removeprefix(b'{"ended":true,')
        # A string in JSON cannot hold a bare quote, so this can only be the field itself.
        if b'"claim_rev":' not in value:
            front += b'"claim_rev":%d,' % version.rev
        # Nor was this field kept before schema 2.
        if b'"lost_by":' not in value:
            front += b'"lost_by":null,'
    return front + value[1:]


def decode(version: Version, model: type[M]) -> M:
    """The resource that a version is. Raises pydantic's ValidationError on one that is not readable."""
    return model.model_validate_json(wire(version))
