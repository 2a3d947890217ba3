"""How many instances there are of each revision and env set of a proctype, and how many there are to be.

Ten thousand instances are counted by their terms, none of which is read; and page by page, so that others
have their turn in between.
"""

from collections import Counter
from dataclasses import dataclass, field

from app.models import codec, keys
from app.models.instance import SCALED, Status
from app.models.scale import ScaleCount, ScaleRecord, Statuses
from app.registry.state import exists
from app.store.contract import Record, Snapshot

PAGE = 1000

ANY = object()
"""Stands for an env set that was not asked for: null asks for instances without one."""

Group = tuple[str, str | None]
"""A revision and an env set."""


@dataclass(slots=True)
class Counts:
    """Counts of a proctype, taken in page by page. `revision` None: of any, `env` ANY: of any."""

    app: str
    proctype: str
    revision: str | None = None
    env: object = ANY
    _tally: Counter[tuple[str, str | None, str]] = field(default_factory=Counter)
    _targets: dict[Group, ScaleRecord] = field(default_factory=dict)

    def instances(self, snapshot: Snapshot, after: str) -> str | None:
        """Take in the next page of instances; where the one after it begins, None where there is none.
        Raises NotFound."""
        exists(snapshot, keys.app(self.app), f"app {self.app}")
        registered = exists(
            snapshot, keys.proctype(self.app, self.proctype), f"proctype {self.proctype} of app {self.app}"
        )
        term = keys.instances_of_proctype(self.app, self.proctype)
        page = snapshot.scan(term, after=after, limit=PAGE)
        # Those of an earlier proctype of the same name are not its own.
        self._tally.update(
            group
            for record in page
            if record.created_rev > registered.created_rev and (group := keys.group_of(record.terms))
        )
        return _following(page)

    def targets(self, snapshot: Snapshot, after: str) -> str | None:
        """The same for a page of targets."""
        page = snapshot.scan(keys.scales_of_proctype(self.app, self.proctype), after=after, limit=PAGE)
        for record in page:
            kept = codec.decode(record, ScaleRecord)
            self._targets[kept.revision, kept.env] = kept
        return _following(page)

    def items(self) -> list[ScaleCount]:
        """By revision and env set. What was asked for and is not there counts 0."""
        groups: set[Group] = {(ref, env) for ref, env, _ in self._tally} | set(self._targets)
        wanted = {
            (ref, env)
            for ref, env in groups
            if self.revision in (None, ref) and (self.env is ANY or self.env == env)
        }
        if not wanted and self.revision is not None:
            wanted = {(self.revision, self.env if isinstance(self.env, str) else None)}
        return [self._item(group) for group in sorted(wanted, key=lambda group: (group[0], group[1] or ""))]

    def _item(self, group: Group) -> ScaleCount:
        counted = {status.value: self._tally[(*group, status.value)] for status in Status}
        target = self._targets.get(group)
        return ScaleCount(
            revision=group[0],
            env=group[1],
            count=sum(counted[status.value] for status in SCALED),
            target=None if target is None else target.target,
            rev=None if target is None else target.rev,
            statuses=Statuses(**counted),
        )


def _following(page: list[Record]) -> str | None:
    return page[-1].key if len(page) == PAGE else None
