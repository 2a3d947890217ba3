"""Finds the instances that match a list's filters: those that have a term of each filter."""

from collections.abc import Collection
from dataclasses import dataclass, field

from app.models import key_terms, keys
from app.models.instance import Status
from app.store.contract import Snapshot
from app.store.records import Record
from app.store.snapshots import Partial

LOOK = 2000
"""Instances that are looked at in one turn: some milliseconds."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters; an empty one means any. Within one filter any value fits, all filters have to."""

    apps: Collection[str] = field(default_factory=frozenset)
    revisions: Collection[str] = field(default_factory=frozenset)
    proctypes: Collection[str] = field(default_factory=frozenset)
    envs: Collection[str] = field(default_factory=frozenset)
    hosts: Collection[str] = field(default_factory=frozenset)
    statuses: Collection[Status] = field(default_factory=frozenset)

    def _groups(self) -> list[frozenset[str]]:
        """For each filter the terms of which one has to be carried."""
        groups = [
            frozenset(map(keys.instances_on, self.hosts)),
            frozenset(map(keys.instances_in, self.statuses)),
        ]
        # What is of one app is found at once by both names.
        [app] = self.apps if len(self.apps) == 1 else [None]
        for kind, names in (("proctype", self.proctypes), ("revision", self.revisions), ("env", self.envs)):
            groups.append(frozenset(keys.instances_called(kind, name, app) for name in names))
        if app is None or not any(groups[2:]):
            groups.append(frozenset(map(keys.instances_of_app, self.apps)))
        return [group for group in groups if group] or [frozenset({keys.LIVE})]

    def find(self, snapshot: Snapshot, after: str, limit: int) -> list[Record]:
        """Records of instances that fit, by id, after the key `after`, at most `limit`: Partial
        after a look at so many that others are to have their turn. What is left of an
        earlier app or proctype of the same name is not shown: the one that is there has not run it."""
        began: dict[str, int] = {}
        at = key_terms.PROCTYPE_TERM
        records: list[Record] = []
        looked, step = 0, limit
        while True:
            page = snapshot.find(self._groups(), after=after, limit=step)
            # Thousands of records are of a handful of proctypes, each of which is looked up once.
            for term in {record.terms[at] for record in page}.difference(began):
                began[term] = _began(snapshot, key_terms.proctype_in(term))
            newest = max(began.values(), default=0)
            records += [
                record
                for record in page
                # The first comparison does for all that is younger than the youngest proctype.
                if record.created_rev >= newest or record.created_rev >= began[record.terms[at]]
            ]
            if isinstance(page, Partial):
                return records[:limit] if len(records) >= limit else Partial(records, page.upto)
            if len(records) >= limit or len(page) < step:
                return records if len(records) <= limit else records[:limit]
            after = page[-1].key
            looked += len(page)
            if looked >= LOOK:
                return Partial(records, after)
            # Many are of an earlier life, it seems: they are not to be passed by one by one.
            step = min(max(2 * step, limit), LOOK // 4)


def began_at(snapshot: Snapshot, record: Record, known: dict[str, int]) -> int:
    """The rev since which the instance's proctype is what it is; 0 where there is none. `known` is filled."""
    proctype = key_terms.proctype_of(record.terms)
    if proctype not in known:
        known[proctype] = _began(snapshot, proctype)
    return known[proctype]


def _began(snapshot: Snapshot, proctype: str) -> int:
    registered = snapshot.get(proctype)
    return 0 if registered is None else registered.created_rev
