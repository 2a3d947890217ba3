"""Which targets Prometheus is to scrape: instances that run, or a service's endpoints."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.models import codec, keys
from app.models.instance import Status
from app.models.target import ScrapedPort, group_of_endpoint, group_of_instance
from app.registry.selection import Selection
from app.store.contract import Snapshot
from app.store.snapshots import Partial

PAGE = 250
"""Records that are made into groups in one turn: about two milliseconds."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Filters, as those of a list. With services, the targets are their endpoints."""

    port: ScrapedPort
    apps: Collection[str] = field(default_factory=frozenset)
    proctypes: Collection[str] = field(default_factory=frozenset)
    services: Collection[str] = field(default_factory=frozenset)

    def page(self, snapshot: Snapshot, after: str) -> tuple[list[dict[str, Any]], str | None]:
        """Groups of what comes after the key, and the key to go on after; None where that was all."""
        if self.services:
            return self._endpoints(snapshot, after)
        running = Selection(
            apps=self.apps, proctypes=self.proctypes, statuses=frozenset({Status.RUNNING})
        ).find(snapshot, after, PAGE)
        groups = [
            group
            for record in running
            if (group := group_of_instance(codec.kept(record), self.port)) is not None
        ]
        if isinstance(running, Partial):
            return groups, running.upto
        return groups, _last(running)

    def _endpoints(self, snapshot: Snapshot, after: str) -> tuple[list[dict[str, Any]], str | None]:
        terms = frozenset(map(keys.endpoints_of, self.services))
        records = snapshot.find([terms], after=after, limit=PAGE)
        return [group_of_endpoint(codec.kept(record)) for record in records], _last(records)


def _last(records: Sequence[Any]) -> str | None:
    return records[-1].key if len(records) == PAGE else None
