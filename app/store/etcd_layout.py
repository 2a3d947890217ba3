"""How a registry lies in etcd: below a prefix, one etcd key for each key, and the journal.

    {prefix}/app/cat            a key of the registry, as in models/keys.py
    {prefix}/journal            who, when, which request: put again by every commit, so that its versions
                                are the map from revs to times
    {prefix}/fence/{term}       put by every commit that changes which keys carry the term

A key that goes with its lease goes without a journal entry: nobody asked for it. Its commit has the time
of the one before it, and is Visor's own doing.
"""

import json
from datetime import datetime

from app.store.contract import Index, Journal, Record
from app.store.etcd_client import KeyValue

SCHEMA = 1
"""The layout that this version reads and writes."""

SCHEMA_KEY = "schema"
JOURNAL = "journal"
FENCE = "fence/"


def prefix_of_path(path: str) -> str:
    """`/visor` (the path of the store's URL) -> `visor/`; no path -> `visor/`."""
    return (path.strip("/") or "visor") + "/"


def record_of(kv: KeyValue, prefix: str, index: Index) -> Record:
    """A version of a key. `lease` is etcd's id of the lease it lives by."""
    key = kv.key.decode().removeprefix(prefix)
    terms = () if key.startswith(FENCE) else index(key, kv.value)
    return Record(key, kv.value, kv.create_revision, kv.mod_revision, None, terms, lease=kv.lease)


def journal_value(journal: Journal, id: str) -> bytes:
    """`id` tells this commit from every other: by it an answer that was lost is found out."""
    said = {"at": journal.at.isoformat(), "actor": journal.actor, "request": journal.request, "id": id}
    return json.dumps(said, separators=(",", ":")).encode()


def read_journal(value: bytes) -> tuple[Journal, str]:
    """A journal entry and its id."""
    said = json.loads(value)
    return Journal(datetime.fromisoformat(said["at"]), said["actor"], said["request"]), said["id"]


def lease_ended(before: Journal) -> Journal:
    """The journal of a commit that has none."""
    return Journal(before.at, "visor", "ttl")
