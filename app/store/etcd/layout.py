"""How a registry lies in etcd: below a prefix, one etcd key for each key, and the journal.

    {prefix}/app/cat            a key of the registry, as in models/keys.py
    {prefix}/journal            the commits of a revision: put again by each, so that its versions are the map
                                from revs to times
    {prefix}/fence/store        the registry's id, put when it is made: by it the registry is known again
    {prefix}/fence/began        put when the registry was made or taken over from an older schema: its history
                                begins there
    {prefix}/fence/{term}       put by every commit that changes which keys carry the term
    {prefix}/fence/app/cat      put by every commit that changes a declared key of the app; service/x alike

A value begins with the index of its commit in its revision and that of its key's creation (`@2.1 {...}`):
so that its revs are the same wherever it is read. A value without was put by another program or an older
schema.

A key that goes with its lease goes without a journal entry: nobody asked for it. Its commit has the time
of the one before it, and is Visor's own doing.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from app.store.contract import Index
from app.store.etcd.client.revisions import KeyValue
from app.store.etcd.revs import COMMITS, rev_of
from app.store.records import Journal, Record

SCHEMA = 3
"""The layout that this version reads and writes; 1 had no targets of scales, 2 one commit for each
revision."""

MAX_ACTOR, MAX_REQUEST, MAX_REASON, MAX_TRACE = 256, 16 * 1024, 1024, 256
"""Characters of a journal entry that are believed: ours are shorter."""

MAX_TOTAL = 2**53
"""Bytes, or the number, of all commits: a larger sum was not made by us."""

LEASE_ENDED = "ttl"
"""The request of a commit that nobody asked for."""

SCHEMA_KEY = "schema"
JOURNAL = "journal"
FENCE = "fence/"
STORE_KEY = FENCE + "store"
"""The registry's id: each commit is guarded by it. Below `fence/`, so that it is nobody's event."""
BEGAN_KEY = FENCE + "began"


def prefix_of_path(path: str) -> str:
    """`/visor` (the path of the store's URL) -> `visor/`; no path -> `visor/`."""
    return (path.strip("/") or "visor") + "/"


def key_of(key: bytes, prefix: str) -> str:
    """The registry's key. What another program has put there may be no text."""
    return key.decode(errors="backslashreplace").removeprefix(prefix)


# Values

_STAMP = re.compile(rb"@(\d{1,3})\.(\d{1,3}) ")


def is_bare(key: str) -> bool:
    """Whether the key's value is kept without a stamp: older versions and guards have to read it."""
    return key == SCHEMA_KEY or key.startswith(FENCE)


def stamped(value: bytes, index: int, created: int) -> bytes:
    """What is put for a value, of a commit with this index, of a key that was created at that index."""
    return b"@%d.%d %b" % (index, created, value)


def record_of(kv: KeyValue, prefix: str, index: Index, place: int | None = None) -> Record:
    """A version of a key. `lease` is etcd's id of the lease it lives by; `place` the commit's index in its
    revision, where it is known otherwise than by the value."""
    key = key_of(kv.key, prefix)
    value, stamp, created = kv.value, 0, 0
    if is_bare(key):
        stamp = created = 1
    elif match := _STAMP.match(value):
        stamp, created = int(match[1]), int(match[2])
        value = value[match.end() :]
    # No value at all would pass for a deletion; only another program puts that.
    value = value or b"null"
    terms = () if key.startswith(FENCE) else index(key, value)
    rev = rev_of(kv.mod_revision, stamp if place is None else place)
    # Only another program can have put a creation after the change.
    created_rev = min(rev_of(kv.create_revision, created), rev)
    return Record(key, value, created_rev, rev, None, terms, lease=kv.lease)


# The journal


class WriteEntry(NamedTuple):
    """One commit of a revision: the keys that it changed, and the values of those that a later commit of the
    revision changed again (None: it deleted the key). Of a commit that is alone, nothing but its journal."""

    journal: Journal
    keys: Sequence[str] = ()
    replaced: Mapping[str, str | None] = {}


class RevisionJournal(NamedTuple):
    """The journal's entry of one revision. `id` tells it from every other: by it an answer that was lost is
    found out. `total` is how many bytes all commits before it have taken, `commits` how many there were."""

    id: str
    total: int
    commits: int
    writes: tuple[WriteEntry, ...]

    @property
    def last(self) -> Journal:
        return self.writes[-1].journal if self.writes else NO_JOURNAL


def entry_value(entry: RevisionJournal) -> bytes:
    head = {"id": entry.id, "total": entry.total, "commits": entry.commits}
    if len(entry.writes) == 1:
        return to_json({**_fields_of(entry.writes[0].journal), **head})
    writes = [
        {**_fields_of(write.journal), "keys": write.keys, "replaced": write.replaced}
        for write in entry.writes
    ]
    return to_json({**head, "writes": writes})


_OPTIONAL = Journal._fields[3:]


def _fields_of(journal: Journal) -> dict[str, Any]:
    """What is kept of a journal: a field that has no value is left out."""
    at, actor, request, *more = journal
    fields: dict[str, Any] = {"at": at.isoformat(), "actor": actor, "request": request}
    for name, value in zip(_OPTIONAL, more, strict=True):
        if value is not None:
            fields[name] = value
    return fields


NO_JOURNAL = Journal(datetime.fromtimestamp(0, UTC), "visor", "none")
"""Before the first entry."""

NO_ENTRY = RevisionJournal("", 0, 0, ())


def read_entry(value: bytes) -> RevisionJournal:
    """One that another program has written tells nothing."""
    try:
        fields = from_json(value)
        group = fields.get("writes")
        writes = [WriteEntry(_journal(fields))] if group is None else [_write(write) for write in group]
        if not 0 < len(writes) <= COMMITS:
            return NO_ENTRY
        return RevisionJournal(
            str(fields["id"]), _number(fields, "total"), _number(fields, "commits"), tuple(writes)
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError):
        return NO_ENTRY


def _journal(fields: dict[str, Any]) -> Journal:
    at = datetime.fromisoformat(fields["at"]).astimezone(UTC)
    more = (_text(fields.get(name)) for name in ("reason", "trace", "on_behalf_of"))
    return believed(Journal(at, str(fields["actor"]), str(fields["request"]), *more))


def believed(journal: Journal) -> Journal:
    """A journal entry as every replica takes it: texts that are too long are cut."""
    at, actor, request, reason, trace, whom = journal
    return Journal(
        at,
        actor[:MAX_ACTOR],
        request[:MAX_REQUEST],
        reason and reason[:MAX_REASON],
        trace and trace[:MAX_TRACE],
        whom and whom[:MAX_ACTOR],
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _write(fields: dict[str, Any]) -> WriteEntry:
    keys, replaced = fields["keys"], fields["replaced"]
    if not all(isinstance(key, str) for key in keys):
        raise TypeError("a key is no text")
    if not all(value is None or isinstance(value, str) for value in replaced.values()):
        raise TypeError("a value is no text")
    return WriteEntry(_journal(fields), tuple(keys), replaced)


def _number(fields: dict[str, Any], name: str) -> int:
    """A sum of a journal entry; 0 in one of an older version, or of another program."""
    number = fields.get(name)
    return number if isinstance(number, int) and 0 <= number < MAX_TOTAL else 0


def follows(version: int, before: int) -> bool:
    """Whether a journal entry with this version (etcd counts the puts of a key) comes right after the one
    with the version `before`, so that no commit is missing between them. Where that is not known (0), or
    the journal has begun anew (1), nothing can be said against it."""
    return before == 0 or version in (1, before + 1)


def lease_ended(before: Journal) -> Journal:
    """The journal of a commit that has none."""
    return Journal(before.at, "visor", LEASE_ENDED)
