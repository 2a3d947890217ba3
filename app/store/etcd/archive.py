"""What is older than the history in memory: asked of etcd at its revision."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any

from app.errors import RevCompacted
from app.store.contract import Change, Commit, Index, Journal, Record, carries, prefix_of, sorted_changes
from app.store.etcd.client.client import (
    Compacted,
    EtcdClient,
    EtcdError,
    Event,
    KeyValue,
    NotDone,
    RangeResult,
    Revision,
    RevisionsMissing,
    prefix_end,
)
from app.store.etcd.client.errors import cannot_ask
from app.store.etcd.follower import Follower
from app.store.etcd.layout import (
    JOURNAL,
    NO_JOURNAL,
    follows,
    key_of,
    lease_ended,
    read_journal,
    read_total,
    record_of,
)

_SECONDS = 5.0


class EtcdArchive:
    """Reads of the past. Raises EtcdError, of it Compacted where the past is gone."""

    def __init__(self, client: EtcdClient, prefix: str, index: Index, follower: Follower) -> None:
        self._client = client
        self._follower = follower
        self._prefix = prefix
        self._below = (prefix.encode(), prefix_end(prefix.encode()))
        self._index = index

    async def oldest(self, known: int) -> int:
        """The oldest revision that can be read, at least `known`: a watch from before it is refused."""
        try:
            watch = await self._client.watch((self._prefix + JOURNAL).encode(), start_revision=max(known, 1))
        except Compacted as error:
            return max(known, error.revision)
        try:
            # A member says so with its first answer or the one after it; or the journal has gone on.
            async with asyncio.timeout(0.3):
                await watch.take()
        except Compacted as error:
            return max(known, error.revision)
        except TimeoutError:
            pass
        finally:
            await watch.close()
        return known

    async def _range(self, *given: Any, **more: Any) -> RangeResult:
        """A read of the past of the etcd that is followed, before and after: one that was put in its place
        meanwhile may know another past."""
        watch = await self._follower.settled()
        found = await self._client.range(*given, **more)
        if watch.over:
            raise NotDone("the watch was lost meanwhile")
        return found

    async def snapshot(self, rev: int, compacted: Callable[[], RevCompacted]) -> "ArchivedSnapshot":
        """The registry at the revision. `compacted` makes the error for when it goes while it is read."""
        await self._range((self._prefix + JOURNAL).encode(), revision=rev, keys_only=True)
        return ArchivedSnapshot(self, rev, asyncio.get_running_loop(), compacted)

    async def get(self, key: str, rev: int) -> Record | None:
        found = await self._range((self._prefix + key).encode(), revision=rev)
        return record_of(found.kvs[0], self._prefix, self._index) if found.kvs else None

    async def below(self, prefix: str, after: str, limit: int, rev: int) -> tuple[list[Record], bool]:
        """Records below a key prefix, after a key, and whether there are more."""
        start = (
            (self._prefix + after).encode() + b"\0" if after > prefix else (self._prefix + prefix).encode()
        )
        end = prefix_end((self._prefix + prefix).encode())
        found = await self._range(start, end, revision=rev, limit=limit)
        return [record_of(kv, self._prefix, self._index) for kv in found.kvs], found.more

    async def journal_at(self, rev: int) -> Journal | None:
        entry = await self._entry(rev)
        return None if entry is None else read_journal(entry.value)[0]

    async def total_at(self, rev: int) -> int:
        """How many bytes all commits before the last one at the revision have taken."""
        entry = await self._entry(rev)
        return 0 if entry is None else read_total(entry.value)

    async def _entry(self, rev: int) -> KeyValue | None:
        """The journal's last entry at the revision."""
        found = await self._range((self._prefix + JOURNAL).encode(), revision=rev)
        return found.kvs[0] if found.kvs else None

    async def commits(self, after: int, last: int, limit: int) -> list[Commit]:
        """The commits after `after`, up to the one at the revision `last`, which has to be one of ours.
        Raises RevisionsMissing where etcd leaves one out."""
        found: list[Commit] = []
        entry = await self._entry(after) if after else None
        journal = NO_JOURNAL if entry is None else read_journal(entry.value)[0]
        version = 0 if entry is None else entry.version
        followed = await self._follower.settled()
        async with await self._client.watch(*self._below, start_revision=after + 1, prev_kv=True) as watch:
            try:
                async with asyncio.timeout(_SECONDS):
                    while len(found) < limit and (found[-1].rev if found else after) < last:
                        for item in await watch.take():
                            if isinstance(item, Revision) and item.revision <= last:
                                version = self._version(item, version)
                                found.append(self._commit(item, journal))
                                journal = found[-1].journal
            except TimeoutError:
                raise NotDone(f"the commits up to {last} did not come") from None
        if followed.over:
            raise NotDone("the watch was lost meanwhile")
        return found[:limit]

    def _version(self, revision: Revision, before: int) -> int:
        """The version of the journal's entry after the revision, given the one before it."""
        for event in revision.events:
            if event.kv.key == (self._prefix + JOURNAL).encode():
                if not event.deleted and not follows(event.kv.version, before):
                    raise RevisionsMissing(f"commits are missing before revision {revision.revision}")
                return event.kv.version
        return before

    def _commit(self, revision: Revision, before: Journal) -> Commit:
        journal = lease_ended(before)
        changes: list[Change] = []
        for event in revision.events:
            if event.kv.key == (self._prefix + JOURNAL).encode():
                journal, _ = read_journal(event.kv.value)
            else:
                changes.append(self._change(event))
        return Commit(revision.revision, journal, sorted_changes(changes))

    def _change(self, event: Event) -> Change:
        if event.before is None and (event.deleted or event.kv.version > 1):
            # Compacted while it was read: without what was before, it would pass as a registration.
            revision = event.kv.mod_revision
            raise Compacted(f"what was before revision {revision} is compacted", revision)
        key = key_of(event.kv.key, self._prefix)
        before = record_of(event.before, self._prefix, self._index) if event.before else None
        return Change(key, before, None if event.deleted else record_of(event.kv, self._prefix, self._index))


class ArchivedSnapshot:
    """The registry at one old revision. Read in a thread: each call waits for etcd."""

    blocking = True

    def __init__(
        self,
        archive: EtcdArchive,
        rev: int,
        loop: asyncio.AbstractEventLoop,
        compacted: Callable[[], RevCompacted],
    ) -> None:
        self._compacted = compacted
        self._archive = archive
        self._loop = loop
        self.rev = rev

    def _wait(self, call: Any) -> Any:
        try:
            return asyncio.run_coroutine_threadsafe(call, self._loop).result(_SECONDS)
        except Compacted:
            raise self._compacted() from None
        except (EtcdError, TimeoutError) as error:
            raise cannot_ask(error) from error

    def get(self, key: str) -> Record | None:
        record: Record | None = self._wait(self._archive.get(key, self.rev))
        return record

    def scan(
        self, term: str, *, after: str = "", limit: int | None = None, reverse: bool = False
    ) -> list[Record]:
        return self._select(((term,),), after, limit, reverse)

    def select(
        self, groups: Sequence[Collection[str]], *, after: str = "", limit: int | None = None
    ) -> list[Record]:
        return self._select(groups, after, limit, False)

    def _select(
        self, groups: Sequence[Collection[str]], after: str, limit: int | None, reverse: bool
    ) -> list[Record]:
        prefix = prefix_of(next(iter(groups[0])))
        found: list[Record] = []
        more = True
        while more and (reverse or limit is None or len(found) < limit):
            page, more = self._wait(self._archive.below(prefix, after, 1000, self.rev))
            found += (record for record in page if carries(record, groups))
            after = page[-1].key if page else after
        if reverse:
            found.reverse()
        return found if limit is None else found[:limit]

    def count(self, term: str) -> int:
        return len(self.scan(term))
