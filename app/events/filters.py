"""Which events a subscriber wants."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from app.models.event import STEMS, TYPES
from app.models.grants import EVERYTHING, Scope


class Subject(NamedTuple):
    """An object as filters see it: the fields that name it, the host that it is on, and whether it is a
    ticket that waits for one."""

    names: dict[str, str | int]
    host: str | None = None
    pending: bool = False


def types_that_fit(pattern: str) -> frozenset[str]:
    """The types of events that a pattern means: a type, a stem with `*` (`instance-*`), or `*` alone."""
    if pattern.endswith("*"):
        return frozenset(type_ for type_ in TYPES if type_.startswith(pattern[:-1]))
    return TYPES & {pattern}


@dataclass(frozen=True, slots=True)
class Filter:
    """What a subscriber wants, and with `sight` what they may see; an empty field means any. Hashable:
    subscribers that want and see the same share what was decided."""

    types: frozenset[str] = frozenset()
    apps: frozenset[str] = frozenset()
    proctypes: frozenset[str] = frozenset()
    instances: frozenset[int] = frozenset()
    hosts: frozenset[str] = frozenset()
    sight: Scope = EVERYTHING

    @staticmethod
    def types_of(patterns: Iterable[str]) -> frozenset[str]:
        """The types that a filter has for these patterns, each of which fits a type: none where they mean
        all, which is quicker to decide."""
        types: frozenset[str] = frozenset()
        for pattern in patterns:
            if not (fitting := types_that_fit(pattern)):
                raise ValueError(f"no type of events fits {pattern!r}")
            types |= fitting
        return frozenset() if types == TYPES else types

    def of_apps(self, apps: Iterable[str]) -> "Filter":
        """The same for these apps (none: for any)."""
        return replace(self, apps=frozenset(apps))

    def fits(self, type_: str, subjects: Sequence[Subject]) -> bool:
        """Whether an event is wanted: one of a wanted type whose object fits, before it or after it."""
        if self.types and type_ not in self.types:
            return False
        for subject in subjects:  # noqa: SIM110 - decided for each event and filter: a generator costs more
            if self.fits_subject(subject):
                return True
        return False

    def wants_kind(self, kind: str) -> bool:
        """Whether events of this kind of objects could be wanted."""
        stem = STEMS[kind] + "-"
        return not self.types or any(type_.startswith(stem) for type_ in self.types)

    def fits_subject(self, subject: Subject) -> bool:
        """Whether an object is wanted and may be seen, where its kind is wanted."""
        names, host, pending = subject
        return (
            (not self.apps or names.get("app") in self.apps)
            and (not self.proctypes or names.get("proctype") in self.proctypes)
            and (not self.instances or names.get("instance") in self.instances)
            and (not self.hosts or host in self.hosts)
            and (self.sight.all or self.sight.sees(names, host, pending))
        )
