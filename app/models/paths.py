"""The path of each stored object, the one in its URL; and subtrees: all that is at a path or below it.

    /apps/{app}                       /apps/{app}/env, /apps/{app}/env/{key}: fields of the app
    /apps/{app}/revisions/{ref}       /apps/{app}/proctypes/{proctype}
    /apps/{app}/envs/{ref}            /apps/{app}/proctypes/{proctype}/scale/{revision}[/{env set}]
    /services/{service}               /services/{service}/endpoints/{id}
    /instances/{id}                   /runners/{addr}
    /members/{kind}/{addr}            /schema

A path ends at a segment: `/apps/cat` does not take in `/apps/cat-2`. An instance has a path of its own, and
is below its app and its proctype as well.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from app.errors import InvalidRequest
from app.models import keys
from app.models.member import MemberKind
from app.models.names import (
    EnvKey,
    HostMaybePort,
    HostPort,
    InstanceId,
    Name,
    ProctypeName,
    Ref,
    ServiceName,
)
from app.models.service import EndpointId

MAX_PATH = 1024
"""Characters of a path."""

PATH_SCHEMA = {"format": "visor-path", "maxLength": MAX_PATH}
"""What the schema says of one. `subtree` refuses what is none."""


class Include(StrEnum):
    """`declared`: apps, revisions, env sets, proctypes, services, endpoints. `instances`: instances, and the
    targets of scales. `all`: these, runners, members and the schema's version."""

    DECLARED = "declared"
    INSTANCES = "instances"
    ALL = "all"


DECLARED = frozenset({"app", "revision", "envset", "proctype", "service", "endpoint"})
RUNNING = frozenset({"instance", "scale"})
KINDS = DECLARED | RUNNING | {"runner", "member", "schema"}
"""Kinds of keys that hold objects. What is under other keys is the service's own, and has no path."""

_INCLUDED = {Include.DECLARED: DECLARED, Include.INSTANCES: RUNNING, Include.ALL: KINDS}

_SEGMENTS = {
    "app": ("apps", "{app}"),
    "revision": ("apps", "{app}", "revisions", "{ref}"),
    "envset": ("apps", "{app}", "envs", "{ref}"),
    "proctype": ("apps", "{app}", "proctypes", "{proctype}"),
    "scale": ("apps", "{app}", "proctypes", "{proctype}", "scale", "{ref}", "{ref}"),
    "service": ("services", "{service}"),
    "endpoint": ("services", "{service}", "endpoints", "{endpoint}"),
    "instance": ("instances", "{instance}"),
    "runner": ("runners", "{runner}"),
    "member": ("members", "{kind}", "{addr}"),
    "schema": ("schema",),
}
_ENV = ("apps", "{app}", "env", "{key}")
_INSTANCES_OF = ("apps", "{app}", "proctypes", "{proctype}", "instances")
_INSTANCES_OF_APP = ("apps", "{app}", "instances")

_NAMES: dict[str, Any] = {
    "{app}": Name,
    "{ref}": Ref,
    "{key}": EnvKey,
    "{proctype}": ProctypeName,
    "{service}": ServiceName,
    "{endpoint}": EndpointId,
    "{instance}": InstanceId,
    "{runner}": HostPort,
    "{kind}": MemberKind,
    "{addr}": HostMaybePort,
}
"""What may stand in a segment."""

Place = Sequence[str | int]
"""Where in a request a path was given: as in `["query", "path"]`."""

IN_QUERY: Place = ("query", "path")


class _Below(NamedTuple):
    """Objects of a kind: the one at `key`, or, not `exact`, those whose keys begin with it, which are found
    under `term`."""

    kind: str
    key: str
    exact: bool
    term: str = ""


@dataclass(frozen=True, slots=True)
class Subtree:
    """All objects at a path and below it, of some kinds. Where the path goes on inside an object, `field` is
    the part that is meant: of an app `("env",)` or `("env", "cow")`."""

    path: str
    kinds: frozenset[str]
    field: tuple[str, ...]
    _below: tuple[_Below, ...]
    _instances: str = ""
    """The term of the instances below the path, where it names not a single one."""

    @property
    def everything(self) -> bool:
        """Whether no object of its kinds is outside."""
        return self.path == "/"

    def covers(self, key: str, terms: Collection[str]) -> bool:
        """Whether the object at the key, which carries the terms, is in it."""
        kind = keys.kind_of(key)
        if kind not in self.kinds:
            return False
        if kind == "instance" and self._instances:
            return self._instances in terms
        return any(
            some.kind == kind and (key == some.key if some.exact else key.startswith(some.key))
            for some in self._below
        )

    @property
    def single_keys(self) -> list[str]:
        """Keys at which objects of it may be, beside those found by its terms."""
        return [some.key for some in self._below if some.exact and some.kind in self.kinds]

    @property
    def instances(self) -> str:
        """The term of the instances in it, where it names not a single one; "" where there are none."""
        return self._instances if "instance" in self.kinds else ""

    @property
    def terms(self) -> list[str]:
        """The terms under which all its other objects are found. Some that are found there may be outside:
        `covers` tells."""
        terms = [some.term for some in self._below if not some.exact and some.kind in self.kinds]
        return [*terms, self.instances] if self.instances else terms


def path_of(key: str) -> str | None:
    """The path of the object at the key; None where the key holds none."""
    kind, _, rest = key.partition("/")
    segments = _SEGMENTS.get(kind)
    if segments is None:
        return None
    if kind == "instance":
        rest = str(int(rest)) if rest.isdigit() else rest
    names = iter(rest.split(","))
    made = [next(names, "") if segment.startswith("{") else segment for segment in segments]
    return "/" + "/".join(made).removesuffix("/")  # the last name of a scale's may be empty


def key_of(path: str, place: Place = IN_QUERY) -> str:
    """The key of the one object at the path: the reverse of `path_of`. Raises InvalidRequest."""
    segments = _split(path, place)
    for kind, form in _SEGMENTS.items():
        if len(segments) == len(form) or (kind == "scale" and len(segments) == len(form) - 1):
            names = _names(form, segments)
            if names is not None:
                return _key(kind, names)
    raise InvalidRequest.of(place, "is the path of no one object, such as `/apps/rocket`")


def subtree(path: str, include: Include | None = None, place: Place = IN_QUERY) -> Subtree:
    """The objects at a path and below it. Where `include` is not given, those that were declared; where none
    of these can be there, those that can. Raises InvalidRequest."""
    segments = _split(path, place)
    instances = _instances_below(segments)
    below: list[_Below] = []
    field: tuple[str, ...] = ()
    for kind, form in _SEGMENTS.items():
        names = _names(form, segments)
        if names is not None and (kind != "instance" or not instances):
            below.append(_below(kind, names, sum(map(_varies, form))))
    if not below and len(segments) > 2:
        names = _names(_ENV, segments)
        if names is not None:
            below, field = [_below("app", names[:1], 1)], ("env", *names[1:])
    possible = {some.kind for some in below} | ({"instance"} if instances else set())
    if not possible:
        raise InvalidRequest.of(
            place, "is no path of objects, such as `/`, `/apps/rocket`, `/apps/rocket/env` or `/instances/17`"
        )
    kinds = frozenset(_INCLUDED[include] & possible if include else possible & DECLARED or possible)
    return Subtree(_without_prefixes(segments, below), kinds, field, tuple(below), instances)


def _split(path: str, place: Place) -> list[str]:
    if len(path) > MAX_PATH:
        raise InvalidRequest.of(place, f"should have at most {MAX_PATH} characters")
    if not path.startswith("/") or (path != "/" and path.endswith("/")):
        raise InvalidRequest.of(place, "should begin with a slash and not end with one, as in `/apps/rocket`")
    return path[1:].split("/") if path != "/" else []


def _varies(segment: str) -> bool:
    return segment.startswith("{")


def _names(form: Sequence[str], segments: Sequence[str]) -> list[str] | None:
    """The names in the segments, each in its one spelling, where they are the form's or its beginning."""
    if len(segments) > len(form):
        return None
    names = []
    for wanted, segment in zip(form, segments, strict=False):
        if not _varies(wanted):
            if wanted != segment:
                return None
            continue
        name = _name(wanted, segment)
        if name is None:
            return None
        names.append(name)
    return names


@cache
def _reader(wanted: str) -> Callable[[Any], Any]:
    return TypeAdapter(_NAMES[wanted]).validate_python


def _name(wanted: str, segment: str) -> str | None:
    try:
        return str(_reader(wanted)(segment))
    except ValidationError:
        return None


def _key(kind: str, names: Sequence[str]) -> str:
    """The key of the object with these names."""
    if kind == "schema":
        return keys.SCHEMA
    if kind == "instance":
        return keys.instance(int(names[0]))
    if kind == "scale":
        app, proctype, ref, *env = names
        return keys.scale(app, proctype, ref, env[0] if env else None)
    return f"{kind}/{','.join(names)}"


def _below(kind: str, names: Sequence[str], of: int) -> _Below:
    """The objects of the kind whose first names are these, `of` so many."""
    if len(names) == of:
        return _Below(kind, _key(kind, names), True)
    prefix = f"{kind}/" + "".join(f"{name}," for name in names)
    # A scale is found by its proctype, whichever its revision.
    term = f"{kind}/" + "".join(f"{name}," for name in names[:2])
    return _Below(kind, prefix, False, term)


def _instances_below(segments: Sequence[str]) -> str:
    """The term of the instances below the path; "" where there are none, or it is the path of one."""
    if segments in ([], ["instances"], ["apps"]):
        return keys.LIVE
    for form in (_INSTANCES_OF, _INSTANCES_OF_APP):
        names = _names(form, segments)
        if names:
            return keys.instances_of_proctype(*names) if len(names) == 2 else keys.instances_of_app(names[0])
    return ""


def _without_prefixes(segments: Sequence[str], below: Sequence[_Below]) -> str:
    """The path with its names in their one spelling."""
    if len(below) == 1 and below[0].exact and below[0].kind in ("endpoint", "runner", "member"):
        return path_of(below[0].key) or ""
    return "/" + "/".join(segments)
