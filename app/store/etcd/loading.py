"""The latest state of a registry in etcd, read at one revision: where a history begins."""

import asyncio
from dataclasses import dataclass, field

from app.store.contract import Index
from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import Compacted
from app.store.etcd.client.requests import prefix_end
from app.store.etcd.client.revisions import EtcdRevision, KeyValue
from app.store.etcd.layout import (
    BEGAN_KEY,
    JOURNAL,
    NO_ENTRY,
    SCHEMA_KEY,
    STORE_KEY,
    RevisionJournal,
    read_entry,
    record_of,
)
from app.store.etcd.revs import rev_of
from app.store.records import Record

LOAD_SECONDS = 2.0
"""For the last commits before a load to be found."""


@dataclass(slots=True)
class LoadedState:
    """What there was at etcd's `revision`. `floor` is the rev of the last commit; `ended`: keys went with
    their leases after the journal's entry; `began`: the revision at which the registry's history begins,
    whatever etcd keeps."""

    revision: int = 0
    records: list[Record] = field(default_factory=list)
    journal: KeyValue | None = None
    entry: RevisionJournal = NO_ENTRY
    floor: int = 0
    ended: bool = False
    began: int = 0
    id: bytes | None = None
    schema: bytes | None = None


class Loading:
    """Reads the keys below `prefix`."""

    def __init__(self, client: EtcdClient, prefix: str, index: Index) -> None:
        self._client = client
        self._prefix = prefix
        self._index = index
        self._journal_key = (prefix + JOURNAL).encode()
        self._range = (prefix.encode(), prefix_end(prefix.encode()))

    async def load(self) -> LoadedState:
        """Raises EtcdError."""
        state, last = LoadedState(), 0
        async for page in self._client.pages(*self._range):
            state.revision = page.revision
            for kv in page.kvs:
                last = max(last, kv.mod_revision)
                self._take_in(kv, state)
        revision, state.ended = await self._last_commit(last, state.revision)
        state.entry = read_entry(state.journal.value) if state.journal else NO_ENTRY
        made_here = state.journal is not None and state.journal.mod_revision == revision
        state.floor = floor = rev_of(revision, len(state.entry.writes) if made_here else 0)
        for record in state.records:
            if record.rev > floor:  # only what another program has put
                record.rev, record.created_rev = floor, min(record.created_rev, floor)
        return state

    def _take_in(self, kv: KeyValue, state: LoadedState) -> None:
        if kv.key == self._journal_key:
            state.journal = kv
            return
        record = record_of(kv, self._prefix, self._index)
        state.records.append(record)
        if record.key == STORE_KEY:
            state.id = kv.value
        elif record.key == SCHEMA_KEY:
            state.schema = kv.value
        elif record.key == BEGAN_KEY:
            state.began = kv.mod_revision

    async def _last_commit(self, last: int, revision: int) -> tuple[int, bool]:
        """The last revision up to `revision` at which something of ours has changed, given that what is
        there is from `last` at the latest; and whether keys went with their leases since then. So that
        every replica begins at a commit, whatever others write to the same etcd. Where that is
        compacted, nobody can ask what was before `revision`."""
        if not last:
            return revision, False
        try:
            counts = [
                (await self._client.range(*self._range, count_only=True, revision=at)).total
                for at in (last, revision)
            ]
            gone = counts[0] - counts[1]
            if gone <= 0:
                return last, False
            async with (
                asyncio.timeout(LOAD_SECONDS),
                await self._client.watch(*self._range, start_revision=last + 1) as watch,
            ):
                while gone > 0:
                    for item in await watch.take():
                        if isinstance(item, EtcdRevision) and gone > 0:
                            gone -= sum(event.deleted for event in item.events)
                            last = item.revision
        except (Compacted, TimeoutError):
            return revision, False
        return last, True
