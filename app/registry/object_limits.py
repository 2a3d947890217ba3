"""How many objects of each kind the registry may have."""

from collections.abc import Mapping

from app.errors import TooManyObjects
from app.models import keys
from app.store.contract import Changes, Snapshot

TERMS = {
    "app": keys.APPS,
    "revision": keys.REVISIONS,
    "envset": keys.ENVSETS,
    "proctype": keys.PROCTYPES,
    "instance": keys.LIVE,
    "service": keys.SERVICES,
    "endpoint": keys.ENDPOINTS,
    "runner": keys.RUNNERS,
    "member": keys.MEMBERS,
    "scale": keys.SCALES,
    "secret": keys.SECRETS,
    "token": keys.TOKENS,
}
"""The kinds, and what is counted of each. Of instances those that are not done: of the ended ones each
proctype keeps so many."""


class ObjectLimits:
    """`limits`: how many there may be by kind; a kind that is not in it, or has 0, has no limit.

    The count is that of the state that the rule runs on: exact where one process writes. On etcd others may
    add some at the same moment, see `Snapshot.count_about`."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = {kind: most for kind, most in limits.items() if most}

    def check(self, snapshot: Snapshot, changes: Changes) -> None:
        """Raises TooManyObjects where there would be more of a kind than before, and too many."""
        puts: dict[str, int] = {}
        for key in changes.puts:
            kind = keys.kind_of(key)
            if kind in self._limits:
                puts[kind] = puts.get(kind, 0) + 1
        for kind, put in puts.items():
            most = self._limits[kind]
            count = snapshot.count_about(TERMS[kind])
            # What is put may be there already. It is looked at only where it matters.
            if count + put > most and (more := _more(snapshot, changes, kind)) > 0 and count + more > most:
                raise TooManyObjects.of(kind, count, more, most)


def _more(snapshot: Snapshot, changes: Changes, kind: str) -> int:
    """How many more of a kind there are with the changes."""
    new = sum(keys.kind_of(key) == kind and not _is_there(snapshot, key) for key in changes.puts)
    gone = sum(keys.kind_of(key) == kind and _is_there(snapshot, key) for key in changes.deletes)
    return new - gone


def _is_there(snapshot: Snapshot, key: str) -> bool:
    return snapshot.get(key) is not None
