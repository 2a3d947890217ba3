"""Finds instances that have been in a status for too long, page by page. The rule that then acts on them
checks each one again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.models import codec, keys
from app.models.instance import FINAL, Status
from app.registry import claims, finals
from app.registry.batch import BATCH
from app.store.contract import Changes, Snapshot
from app.store.records import Record
from app.store.snapshots import scan

PAGE = 200

Act = Callable[[Snapshot, datetime, Sequence[str], timedelta], Changes]


@dataclass(frozen=True, slots=True)
class Limit:
    """How long instances may be in one of `statuses`, counted from the time in their field `since`, and the
    rule for those that were longer, of which it takes `batch` at a time."""

    statuses: tuple[Status, ...]
    since: str
    lifetime: timedelta
    act: Act
    batch: int


@dataclass(frozen=True, slots=True)
class OverduePage:
    """Keys of those that were too long in the status, when the first of the others will be, and where the
    next page begins."""

    over: list[str]
    next_due: datetime | None
    following: str | None


def kept_when_final(lifetime: timedelta) -> Limit:
    """Final instances are unregistered."""
    return Limit(tuple(sorted(FINAL)), "ended_at", lifetime, finals.retire, BATCH)


def claimed_without_start(lifetime: timedelta) -> Limit:
    """Claims that nobody has started go back to pending."""
    return Limit((Status.CLAIMED,), "claimed_at", lifetime, claims.release, claims.RELEASED)


def page_of(snapshot: Snapshot, at: datetime, limit: Limit, status: Status, after: str) -> OverduePage:
    """Look at the next instances in a status, by id."""
    records = scan(snapshot, keys.instances_in(status), after=after, limit=PAGE)
    due = [(record.key, _due(record, limit)) for record in records]
    later = [when for _, when in due if when is not None and when > at]
    return OverduePage(
        over=[key for key, when in due if when is not None and when <= at],
        next_due=min(later, default=None),
        following=records[-1].key if len(records) == PAGE else None,
    )


def _due(record: Record, limit: Limit) -> datetime | None:
    try:
        since = codec.kept(record).get(limit.since)
        return None if since is None else datetime.fromisoformat(since) + limit.lifetime
    except (ValueError, TypeError, OverflowError):
        return None  # written by another program: it has no time that could be read
