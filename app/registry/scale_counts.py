"""How many instances of each revision and env set a proctype has, and how many it should have.

Ten thousand instances are counted by their terms, none of which is read; and page by page, so that others
have their turn in between. There may be as many groups as instances: of those that one answer has no room
for nothing is kept.
"""

from collections import Counter
from dataclasses import dataclass, field

from app.models import codec, key_terms, keys
from app.models.base import given_text
from app.models.instance import SCALED, Status
from app.models.scale import MAX_SCALE, ScaleCount, ScaleRecord, Statuses
from app.registry.state import exists
from app.store.contract import Snapshot
from app.store.records import Record
from app.store.snapshots import scan

PAGE = 1000
"""Instances that are counted in one turn."""

ANY = object()
"""Stands for an env set that was not asked for: null asks for instances without one."""


@dataclass(slots=True)
class ScaleGroup:
    """What is counted of a revision and an env set."""

    revision: str
    env: str | None
    statuses: Counter[str] = field(default_factory=Counter)
    target: ScaleRecord | None = None


@dataclass(slots=True)
class Counts:
    """Counts of a proctype, taken in page by page. `revision` None: of any, `env` ANY: of any. Groups are
    counted in the order of their names: the first `limit` after the name `after`."""

    app: str
    proctype: str
    revision: str | None = None
    env: object = ANY
    after: str = ""
    limit: int = MAX_SCALE
    more: bool = False
    """Whether there are groups after those."""
    _groups: dict[str, ScaleGroup] = field(default_factory=dict)

    def instances(self, snapshot: Snapshot, after: str) -> str | None:
        """Take in the next page of instances; where the one after it begins, None where there is none.
        Raises NotFound."""
        exists(snapshot, keys.app(self.app), f"app {self.app}")
        registered = exists(
            snapshot, keys.proctype(self.app, self.proctype), f"proctype {self.proctype} of app {self.app}"
        )
        term = keys.instances_of_proctype(self.app, self.proctype)
        page = scan(snapshot, term, after=after, limit=PAGE)
        # Those of an earlier proctype of the same name are not its own.
        tally = Counter(
            counted
            for record in page
            if record.created_rev >= registered.created_rev and (counted := key_terms.group_of(record.terms))
        )
        for (revision, env, status), count in tally.items():
            group = self._group(revision, env)
            if group is not None:
                group.statuses[status] += count
        self._drop_those_after()
        return _following(page)

    def targets(self, snapshot: Snapshot, after: str) -> str | None:
        """The same for a page of targets."""
        page = scan(snapshot, keys.scales_of_proctype(self.app, self.proctype), after=after, limit=PAGE)
        for record in page:
            kept = codec.decode(record, ScaleRecord)
            group = self._group(kept.revision, kept.env)
            if group is not None:
                group.target = kept
        self._drop_those_after()
        return _following(page)

    def items(self) -> list[tuple[str, ScaleCount]]:
        """Each with its name, by which they are sorted. What was asked for and is not there counts 0."""
        if not self._groups and self.revision is not None and not self.after:
            env = given_text(self.env)
            return [("", _item(ScaleGroup(self.revision, env)))]
        return [(name, _item(self._groups[name])) for name in sorted(self._groups)]

    def _group(self, revision: str, env: str | None) -> ScaleGroup | None:
        """Where to count it; None where it is not asked for."""
        if self.revision not in (None, revision) or (self.env is not ANY and self.env != env):
            return None
        name = f"{revision},{env or ''}"
        if name <= self.after:
            return None
        return self._groups.get(name) or self._groups.setdefault(name, ScaleGroup(revision, env))

    def _drop_those_after(self) -> None:
        """Keep the first `limit`. What is dropped is not among them later either: they only come to be
        earlier ones."""
        if len(self._groups) > self.limit:
            self.more = True
            for name in sorted(self._groups)[self.limit :]:
                del self._groups[name]


def _item(group: ScaleGroup) -> ScaleCount:
    counted = {status.value: group.statuses[status.value] for status in Status}
    return ScaleCount(
        revision=group.revision,
        env=group.env,
        count=sum(counted[status.value] for status in SCALED),
        target=None if group.target is None else group.target.target,
        rev=None if group.target is None else group.target.rev,
        statuses=Statuses(**counted),
    )


def _following(page: list[Record]) -> str | None:
    return page[-1].key if len(page) == PAGE else None
