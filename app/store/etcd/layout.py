"""How a registry lies in etcd: below a prefix, one etcd key for each key, and the journal.

    {prefix}/app/cat            a key of the registry, as in models/keys.py
    {prefix}/journal            who, when, which request: put again by every commit, so that its versions
                                are the map from revs to times
    {prefix}/fence/store        the registry's id, put when it is made: by it the registry is known again
    {prefix}/fence/{term}       put by every commit that changes which keys carry the term

A key that goes with its lease goes without a journal entry: nobody asked for it. Its commit has the time
of the one before it, and is Visor's own doing.
"""

import json
from datetime import UTC, datetime

from app.store.contract import Index, Journal, Record
from app.store.etcd.client.client import KeyValue

SCHEMA = 2
"""The layout that this version reads and writes; 1 had no targets of scales."""

MAX_ACTOR, MAX_REQUEST, MAX_REASON, MAX_TRACE = 256, 16 * 1024, 1024, 256
"""Characters of a journal entry that are believed: ours are shorter."""

MAX_TOTAL = 2**53
"""Bytes of all commits: a larger sum was not made by us."""

LEASE_ENDED = "ttl"
"""The request of a commit that nobody asked for."""

SCHEMA_KEY = "schema"
JOURNAL = "journal"
FENCE = "fence/"
STORE_KEY = FENCE + "store"
"""The registry's id: each commit is guarded by it. Below `fence/`, so that it is nobody's event."""


def prefix_of_path(path: str) -> str:
    """`/visor` (the path of the store's URL) -> `visor/`; no path -> `visor/`."""
    return (path.strip("/") or "visor") + "/"


def key_of(key: bytes, prefix: str) -> str:
    """The registry's key. One of another hand may be no text."""
    return key.decode(errors="backslashreplace").removeprefix(prefix)


def record_of(kv: KeyValue, prefix: str, index: Index) -> Record:
    """A version of a key. `lease` is etcd's id of the lease it lives by."""
    key = key_of(kv.key, prefix)
    # No value at all would pass for a deletion; only another hand puts that.
    value = kv.value or b"null"
    terms = () if key.startswith(FENCE) else index(key, value)
    return Record(key, value, kv.create_revision, kv.mod_revision, None, terms, lease=kv.lease)


def journal_value(journal: Journal, id: str, total: int) -> bytes:
    """`id` tells this commit from every other: by it an answer that was lost is found out. `total` is how
    many bytes all commits before it have taken: what has been kept since is found out by it."""
    said = {
        "at": journal.at.isoformat(),
        "actor": journal.actor,
        "request": journal.request,
        "id": id,
        "total": total,
    }
    if journal.reason is not None:
        said["reason"] = journal.reason
    if journal.trace is not None:
        said["trace"] = journal.trace
    if journal.on_behalf_of is not None:
        said["on_behalf_of"] = journal.on_behalf_of
    return json.dumps(said, separators=(",", ":")).encode()


NO_JOURNAL = Journal(datetime.fromtimestamp(0, UTC), "visor", "none")
"""Before the first entry."""


def read_journal(value: bytes) -> tuple[Journal, str]:
    """A journal entry and its id. One that another hand has written says nothing."""
    try:
        said = json.loads(value)
        at = datetime.fromisoformat(said["at"]).astimezone(UTC)
        actor, request = str(said["actor"])[:MAX_ACTOR], str(said["request"])[:MAX_REQUEST]
        reason, trace = _text(said.get("reason"), MAX_REASON), _text(said.get("trace"), MAX_TRACE)
        on_behalf_of = _text(said.get("on_behalf_of"), MAX_ACTOR)
        return Journal(at, actor, request, reason, trace, on_behalf_of), str(said["id"])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError):
        return NO_JOURNAL, ""


def _text(value: object, longest: int) -> str | None:
    return value[:longest] if isinstance(value, str) else None


def read_total(value: bytes) -> int:
    """The `total` of a journal entry; 0 in one of an older version, or of another hand."""
    try:
        total = json.loads(value)["total"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0
    return total if isinstance(total, int) and 0 <= total < MAX_TOTAL else 0


def follows(version: int, before: int) -> bool:
    """Whether a journal entry with this version (etcd counts the puts of a key) comes right after the one
    with the version `before`, so that no commit is missing between them. Where that is not known (0), or
    the journal has begun anew (1), nothing can be said against it."""
    return before == 0 or version in (1, before + 1)


def lease_ended(before: Journal) -> Journal:
    """The journal of a commit that has none."""
    return Journal(before.at, "visor", LEASE_ENDED)
