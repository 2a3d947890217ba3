"""Grants: what a token may do, and what it may see."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from typing import Annotated, Any, Self

from pydantic import MISSING, AfterValidator, Field, StringConstraints, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from app.models import hosts
from app.models.base import Model


class Role(StrEnum):
    """What a grant is for. Some roles have a scope: they name apps, hosts or services."""

    VIEWER = "viewer"
    DEPLOYER = "deployer"
    OPERATOR = "operator"
    HOST = "host"
    REGISTRAR = "registrar"
    AUDITOR = "auditor"
    ADMIN = "admin"
    SECRET_READER = "secret-reader"


SCOPE_OF = {
    Role.VIEWER: "apps",
    Role.DEPLOYER: "apps",
    Role.SECRET_READER: "apps",
    Role.HOST: "hosts",
    Role.REGISTRAR: "services",
}
"""The field in which a role says what it is for. The other roles are for everything."""

_ROLES = f"What it is for: one of {', '.join(f'`{role}`' for role in Role)}; a later version may add others."

MAX_PATTERNS, MAX_GRANTS = 100, 50

NamePattern = Annotated[
    str,
    StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9.-]*\*?|\*)$", min_length=1, max_length=128),
    Field(description="A name, or a prefix of names with `*` at its end.", examples=["cat-*"]),
]


def _host_pattern(text: str) -> str:
    prefix, star = text.removesuffix("*").lower(), text.endswith("*")
    if not star:
        spelling = hosts.canonical_host(text)
        if spelling is None:
            raise PydanticCustomError("host", "Input should be a host, or how hosts begin and `*`")
        return spelling
    if not set(prefix) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-:"):
        raise PydanticCustomError("host", "Input should be a host, or how hosts begin and `*`")
    return prefix + "*"


HostPattern = Annotated[
    str,
    StringConstraints(min_length=1, max_length=hosts.MAX_HOST),
    AfterValidator(_host_pattern),
    Field(
        description="A host, or a prefix of hosts with `*` at its end.",
        json_schema_extra={"format": "host-pattern"},
        examples=["10.0.0.7"],
    ),
]


class Grant(Model):
    """One role, with its scope where it has one: `apps` of a viewer, a deployer and a secret-reader, `hosts`
    of a host, `services` of a registrar. A token may do what any of its grants allows."""

    # Not strict: a JSON string has to become the enum. Told in words: a grant is in answers too, where a
    # closed list would make clients fail at a role of a later version.
    role: Annotated[Role, Field(strict=False), WithJsonSchema({"type": "string", "description": _ROLES})]
    apps: Annotated[list[NamePattern], Field(min_length=1, max_length=MAX_PATTERNS)] | MISSING = MISSING
    hosts: Annotated[list[HostPattern], Field(min_length=1, max_length=MAX_PATTERNS)] | MISSING = MISSING
    services: Annotated[list[NamePattern], Field(min_length=1, max_length=MAX_PATTERNS)] | MISSING = MISSING

    @model_validator(mode="after")
    def _has_its_scope(self) -> Self:
        wanted = SCOPE_OF.get(self.role)
        for name in ("apps", "hosts", "services"):
            given = getattr(self, name) is not MISSING
            if given != (name == wanted):
                raise PydanticCustomError(
                    "grant", f"A grant of {self.role} {'names' if name == wanted else 'takes no'} `{name}`"
                )
        return self


Grants = Annotated[list[Grant], Field(min_length=1, max_length=MAX_GRANTS)]


@dataclass(frozen=True, slots=True)
class Names:
    """The names that some patterns cover. Hashable."""

    exact: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()

    @staticmethod
    def of(patterns: object) -> "Names":
        """Of patterns as a grant has them; none where the grant names none (pydantic's MISSING)."""
        given: list[str] = patterns if isinstance(patterns, list) else []
        return _names(
            (pattern for pattern in given if not pattern.endswith("*")),
            (pattern[:-1] for pattern in given if pattern.endswith("*")),
        )

    @property
    def all(self) -> bool:
        return "" in self.prefixes

    @property
    def none(self) -> bool:
        return not self.exact and not self.prefixes

    def has(self, name: str | None) -> bool:
        """Whether a name is covered."""
        return name is not None and (name in self.exact or name.startswith(self.prefixes))

    def __or__(self, other: "Names") -> "Names":
        return _names(self.exact | other.exact, (*self.prefixes, *other.prefixes))


def _names(exact: Iterable[str], prefixes: Iterable[str]) -> Names:
    """In one form: no pattern that another covers, so that what means the same is equal."""
    kept: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    covering = tuple(kept)
    return Names(frozenset(name for name in exact if not name.startswith(covering)), covering)


ALL_NAMES, NO_NAMES = Names(frozenset(), ("",)), Names()


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of the registry that something is for: apps with all that is theirs, what is on hosts (and
    what waits for one), services. `all` is everything, runners and members too. Hashable."""

    apps: Names = NO_NAMES
    hosts: Names = NO_NAMES
    services: Names = NO_NAMES
    all: bool = False

    def __or__(self, other: "Scope") -> "Scope":
        if self.all or other.all:
            return EVERYTHING
        return Scope(self.apps | other.apps, self.hosts | other.hosts, self.services | other.services)

    def spelled(self) -> list[object]:
        """The same for the same scope, in every process."""
        parts = (self.apps, self.hosts, self.services)
        return [self.all, *((sorted(names.exact), names.prefixes) for names in parts)]

    def covers(self, other: "Scope") -> bool:
        """Whether nothing of another scope is outside this one."""
        return (self | other) == self

    def sees(self, names: dict[str, Any], host: str | None, pending: bool) -> bool:
        """Whether an object that goes by these names belongs to it. `host` is the one that it is on;
        `pending` says that it is a ticket that waits for one."""
        if self.all:
            return True
        app, service = names.get("app"), names.get("service")
        if app is not None and self.apps.has(app):
            return True
        if service is not None and self.services.has(service):
            return True
        if self.hosts.none:
            return False
        return pending or (host is not None and self.hosts.has(host_of(host)))


def host_of(addr: str) -> str:
    """The host of an address that may have a port."""
    parts = hosts.split_host_port(addr)
    return addr if parts is None else parts[0]


EVERYTHING = Scope(ALL_NAMES, ALL_NAMES, ALL_NAMES, True)
NOTHING = Scope()


def own_scope(grant: Grant) -> Scope:
    """What the grant itself names."""
    return Scope(Names.of(grant.apps), Names.of(grant.hosts), Names.of(grant.services))


def _sight(grant: Grant) -> Scope:
    if grant.role in (Role.OPERATOR, Role.AUDITOR, Role.ADMIN):
        return EVERYTHING
    if grant.role is Role.SECRET_READER:
        return NOTHING
    own = own_scope(grant)
    return own if grant.role is Role.REGISTRAR else own | Scope(services=ALL_NAMES)


def sight_of(grants: Sequence[Grant]) -> Scope:
    """All that a token with these grants may see."""
    return reduce(Scope.__or__, map(_sight, grants), NOTHING)
