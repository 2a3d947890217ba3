"""What one commit changed goes back to what it was before it, unless it was changed again since."""

from collections.abc import Collection, Mapping
from datetime import datetime

from app.errors import Conflict
from app.models import codec, keys
from app.models.paths import path_of
from app.registry.difference import difference, fields_of
from app.registry.planner import Planner
from app.registry.readable import readable
from app.registry.revert import WOULD_DELETE, Going, revert
from app.store.contract import Changes, Snapshot
from app.store.records import Record
from app.store.snapshots import scan
from app.store.steps import Steps


# - what a commit changed (as it is)
# + the same (as it was before the commit)
def undo(
    snapshot: Snapshot,
    at: datetime,
    rev: int,
    changed: Mapping[str, tuple[Record | None, Record | None]],
    wanted: str | None,
) -> Steps[Changes]:
    """The changes, as `revert` makes them, for what the commit at `rev` changed: by key, what was before it
    and after it. What was changed again since is a conflict, unless only in other fields."""
    planner = Planner(snapshot, at)
    then: dict[str, Record | None] = {}
    for key, (before, after) in changed.items():
        yield
        now = snapshot.get(key)
        if _same(now, after):
            then[key] = before
        elif now is not None and before is not None and after is not None and _apart(now, before, after):
            then[key] = _merged(now, before, after)
        else:
            since = "is gone" if now is None else f"was changed again, at rev {now.rev}"
            planner.conflict(path_of(key) or key, Conflict.code, f"It {since}.")
        if key in then and before is None:
            _check_alone(planner, key, changed)
    planner.check()
    going = Going(then, scale=True, delete=True, undoes=(rev,))
    return (yield from revert(snapshot, at, going, wanted))


def _check_alone(planner: Planner, key: str, changed: Collection[str]) -> None:
    """Note where something is below an app or a service that the commit has not made: it would go too."""
    kind, _, name = key.partition("/")
    terms = {
        "app": (keys.revisions_of(name), keys.envsets_of(name), keys.proctypes_of(name)),
        "service": (keys.endpoints_of(name),),
    }
    for term in terms.get(kind, ()):
        for record in scan(planner.draft, term):
            if record.key not in changed:
                path = path_of(record.key) or record.key
                planner.conflict(path, WOULD_DELETE, "It came later, and would go too: remove it first.")
                return


def _same(record: Record | None, other: Record | None) -> bool:
    """Whether two versions say the same."""
    if record is None or other is None:
        return record is other
    return record.rev == other.rev or difference(record, other) is None


def _apart(now: Record, before: Record, after: Record) -> bool:
    """Whether what the commit changed is still as it left it, whatever else has changed."""
    if not all(map(readable, (now, before, after))):
        return False
    changed = {field.path for field in fields_of(codec.kept(before), codec.kept(after))}
    since = {field.path for field in fields_of(codec.kept(after), codec.kept(now))}
    return not changed & since


def _merged(now: Record, before: Record, after: Record) -> Record:
    """What is there now, with the fields that the commit changed as they were before it."""
    merged = codec.kept(now)
    for field in fields_of(codec.kept(before), codec.kept(after)):
        *inside, last = (part.replace("~1", "/").replace("~0", "~") for part in field.path[1:].split("/"))
        place = merged
        for name in inside:
            place = place[name]
        if field.has_before:
            place[last] = field.before
        else:
            place.pop(last, None)
    return Record(now.key, codec.keep(merged), now.created_rev, now.rev)
