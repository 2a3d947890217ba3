"""Which instances a list's filters mean: those that carry a term of each."""

from collections.abc import Collection
from dataclasses import dataclass, field

from app.models import keys
from app.models.instance import Status
from app.store.contract import Record, Snapshot


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
        """Records of instances that fit, by id, after the key `after`, at most `limit`."""
        return snapshot.select(self._groups(), after=after, limit=limit)
