"""Which instances a list's filters mean, found by the narrowest term there is."""

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import islice

from app.models import codec, keys
from app.models.instance import Instance, Status
from app.store.contract import Record, Snapshot

MAX_TERMS = 100
"""Terms of a way to find instances: to ask how many carry each of thousands costs more than it saves."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters; an empty one means any. Within one filter any value fits, all filters have to."""

    apps: Collection[str] = field(default_factory=frozenset)
    revisions: Collection[str] = field(default_factory=frozenset)
    proctypes: Collection[str] = field(default_factory=frozenset)
    envs: Collection[str] = field(default_factory=frozenset)
    hosts: Collection[str] = field(default_factory=frozenset)
    statuses: Collection[Status] = field(default_factory=frozenset)

    def fits(self, instance: Instance) -> bool:
        return (
            (not self.apps or instance.app in self.apps)
            and (not self.revisions or instance.revision in self.revisions)
            and (not self.proctypes or instance.proctype in self.proctypes)
            and (not self.envs or instance.env in self.envs)
            and (not self.hosts or instance.host in self.hosts)
            and (not self.statuses or instance.status in self.statuses)
        )

    def _ways(self) -> list[list[str]]:
        """Sets of terms, each of which together finds all that fits."""
        ways = [[keys.LIVE]]
        if self.hosts:
            ways.append([keys.instances_on(host) for host in self.hosts])
        if self.statuses:
            ways.append([keys.instances_in(status) for status in self.statuses])
        if self.apps:
            ways.append([keys.instances_of_app(app) for app in self.apps])
        for others, term in (
            (self.proctypes, keys.instances_of_proctype),
            (self.revisions, keys.instances_of_revision),
            (self.envs, keys.instances_of_envset),
        ):
            if self.apps and others and len(self.apps) * len(others) <= MAX_TERMS:
                ways.append([term(app, other) for app in self.apps for other in others])
        return ways

    def find(self, snapshot: Snapshot, after: str, limit: int) -> list[Record]:
        """Records of instances that fit, by id, after the key `after`, at most `limit`."""
        filtered = any((self.apps, self.revisions, self.proctypes, self.envs, self.hosts, self.statuses))
        if not filtered:
            return snapshot.scan(keys.LIVE, after=after, limit=limit)
        terms = min(self._ways(), key=lambda way: sum(snapshot.count(term) for term in way))
        if len(terms) == 1:
            return self._find_one(snapshot, terms[0], after, limit)
        found = {r.key: r for term in terms for r in self._find_one(snapshot, term, after, limit)}
        return list(islice((found[key] for key in sorted(found)), limit))

    def _find_one(self, snapshot: Snapshot, term: str, after: str, limit: int) -> list[Record]:
        found: list[Record] = []
        while len(found) < limit:
            page = snapshot.scan(term, after=after, limit=limit)
            found += (r for r in page if self.fits(codec.decode(r, Instance)))
            if len(page) < limit:
                break
            after = page[-1].key
        return found[:limit]
