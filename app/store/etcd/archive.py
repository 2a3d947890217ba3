"""What is older than the history in memory: asked of etcd at its revision.

At a rev between the commits of one revision, the state is that of the revision before, with what the
commits up to there have made of it: the journal's entry tells that.
"""

import asyncio
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from app.errors import RevCompacted
from app.store.contract import Index, Reads, prefix_of
from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import Compacted, EtcdError, NotDone, RevisionsMissing, cannot_ask
from app.store.etcd.client.requests import RangeResult, prefix_end
from app.store.etcd.client.revisions import EtcdRevision, KeyValue
from app.store.etcd.commits import RevisionReader
from app.store.etcd.follower import Follower
from app.store.etcd.layout import (
    JOURNAL,
    NO_ENTRY,
    NO_JOURNAL,
    RevisionJournal,
    follows,
    read_entry,
    record_of,
)
from app.store.etcd.revs import index_of, rev_of, revision_of
from app.store.records import Commit, Groups, Journal, Record, carries
from app.store.steps import with_pauses

_SECONDS = 5.0


class EtcdArchive:
    """Reads of the past. Raises EtcdError, of it Compacted where the past is gone."""

    def __init__(self, client: EtcdClient, prefix: str, index: Index, follower: Follower) -> None:
        self._client = client
        self._follower = follower
        self._prefix = prefix
        self._journal_key = (prefix + JOURNAL).encode()
        self._below = (prefix.encode(), prefix_end(prefix.encode()))
        self._index = index
        self._reader = RevisionReader(prefix, index)

    async def oldest(self, known: int) -> int:
        """The oldest revision that can be read, at least `known`. As long as that one can be read, nothing is
        compacted after it. Else a watch from there is refused, and told which is the oldest."""
        first = max(known, 1)
        try:
            await self._client.range(self._journal_key, revision=first, keys_only=True)
        except Compacted:
            pass
        else:
            # Not asked by a watch: it would bring all that has happened since.
            return known
        try:
            watch = await self._client.watch(self._journal_key, start_revision=first)
        except Compacted as error:
            return max(known, error.revision)
        try:
            # A member says so with its first answer or the one after it.
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
        answer = await self._client.range(*given, **more)
        if watch.over:
            raise NotDone("the watch was lost meanwhile")
        return answer

    async def snapshot(self, rev: int, compacted: Callable[[], RevCompacted]) -> "ArchivedSnapshot":
        """The registry at the rev. `compacted` makes the error for when it goes while it is read."""
        revision, index = revision_of(rev), index_of(rev)
        kv, entry = await self._entry(revision)
        changed: dict[str, Record | None] = {}
        if kv is not None and kv.mod_revision == revision and index < len(entry.writes):
            if index:
                changed = await self._changed_up_to(rev)
            revision -= 1
            await self._entry(revision)
        return ArchivedSnapshot(self, rev, revision, changed, asyncio.get_running_loop(), compacted)

    async def _changed_up_to(self, rev: int) -> dict[str, Record | None]:
        """What the commits of the rev's revision up to it have made of the keys that they changed."""
        after = rev_of(revision_of(rev))
        return {
            change.key: change.after
            for commit in await self.commits(after, rev, index_of(rev))
            for change in commit.changes
        }

    async def get(self, key: str, revision: int) -> Record | None:
        answer = await self._range((self._prefix + key).encode(), revision=revision)
        return record_of(answer.kvs[0], self._prefix, self._index) if answer.kvs else None

    async def below(self, prefix: str, after: str, limit: int, revision: int) -> tuple[list[Record], bool]:
        """Records below a key prefix, after a key, and whether there are more."""
        start = (
            (self._prefix + after).encode() + b"\0" if after > prefix else (self._prefix + prefix).encode()
        )
        end = prefix_end((self._prefix + prefix).encode())
        answer = await self._range(start, end, revision=revision, limit=limit)
        return [record_of(kv, self._prefix, self._index) for kv in answer.kvs], answer.more

    async def journal_at(self, rev: int) -> Journal | None:
        kv, entry = await self._entry(revision_of(rev))
        if kv is not None and kv.mod_revision == revision_of(rev):
            if index_of(rev):
                return entry.writes[: index_of(rev)][-1].journal if entry.writes else NO_JOURNAL
            kv, entry = await self._entry(revision_of(rev) - 1)
        return None if kv is None else entry.last

    async def sums_at(self, revision: int) -> tuple[int, int]:
        """How many bytes the commits before the last revision up to this one have taken, and how many there
        were up to it."""
        _, entry = await self._entry(revision)
        return entry.total, entry.commits + len(entry.writes)

    async def last_rev_at(self, revision: int) -> int:
        """The rev of the last commit of the revision, or the one that stands for it where it has none."""
        # Of whichever etcd is there: it is asked for before any is followed.
        answer = await self._client.range((self._prefix + JOURNAL).encode(), revision=revision)
        made_here = bool(answer.kvs) and answer.kvs[0].mod_revision == revision
        return rev_of(revision, len(read_entry(answer.kvs[0].value).writes) if made_here else 0)

    async def _entry(self, revision: int) -> tuple[KeyValue | None, RevisionJournal]:
        """The journal's last entry at the revision."""
        if revision <= 0:
            return None, NO_ENTRY  # etcd would take it for the latest
        answer = await self._range((self._prefix + JOURNAL).encode(), revision=revision)
        return (answer.kvs[0], read_entry(answer.kvs[0].value)) if answer.kvs else (None, NO_ENTRY)

    async def commits(self, after: int, last: int, limit: int) -> list[Commit]:
        """The commits after `after`, up to the one at `last`, which has to be one that Visor made.
        Raises
        RevisionsMissing where etcd leaves one out."""
        commits: list[Commit] = []
        before = revision_of(after)
        kv, entry = await self._entry(before)
        if kv is not None and kv.mod_revision == before and index_of(after) < len(entry.writes):
            # The rest of its revision has to be read too.
            before -= 1
            kv, entry = await self._entry(before)
        journal, version = entry.last if kv is not None else NO_JOURNAL, kv.version if kv is not None else 0
        followed = await self._follower.settled()
        async with await self._client.watch(*self._below, start_revision=before + 1, prev_kv=True) as watch:
            try:
                async with asyncio.timeout(_SECONDS):
                    while len(commits) < limit and (commits[-1].rev if commits else after) < last:
                        for item in await watch.take():
                            if isinstance(item, EtcdRevision) and rev_of(item.revision) <= last:
                                version = self._version(item, version)
                                made = await self._commits(item, journal)
                                journal = made[-1].journal
                                commits += (commit for commit in made if after < commit.rev <= last)
            except TimeoutError:
                raise NotDone(f"the commits up to {last} did not come") from None
        if followed.over:
            raise NotDone("the watch was lost meanwhile")
        return commits[:limit]

    def _version(self, revision: EtcdRevision, before: int) -> int:
        """The version of the journal's entry after the revision, given the one before it."""
        event = self._reader.journal_of(revision)
        if event is None:
            return before
        if not event.deleted and not follows(event.kv.version, before):
            raise RevisionsMissing(f"commits are missing before revision {revision.revision}")
        return event.kv.version

    async def _commits(self, revision: EtcdRevision, last: Journal) -> list[Commit]:
        before: dict[str, Record | None] = {}
        for event in revision.events:
            if event.before is not None:
                record = record_of(event.before, self._prefix, self._index)
                before[record.key] = record
            elif (event.deleted or event.kv.version > 1) and event.kv.key != self._journal_key:
                # Compacted while it was read: without what was before, it would pass as a registration.
                raise Compacted(
                    f"what was before revision {revision.revision} is compacted", revision.revision
                )
        journal = self._reader.journal_of(revision)
        entry = None if journal is None else self._reader.entry_of(journal)
        steps = self._reader.reading(revision, entry, last, before.get)
        return await with_pauses(steps)


class ArchivedSnapshot:
    """The registry at one old rev: that at a revision of etcd's, with some keys changed. Read in a thread:
    each call waits for etcd."""

    blocking = True

    def __init__(
        self,
        archive: EtcdArchive,
        rev: int,
        revision: int,
        changed: dict[str, Record | None],
        loop: asyncio.AbstractEventLoop,
        compacted: Callable[[], RevCompacted],
    ) -> None:
        self._compacted = compacted
        self._archive = archive
        self._loop = loop
        self._revision = revision
        self._changed = changed
        self.rev = rev

    def _wait(self, call: Any) -> Any:
        try:
            return asyncio.run_coroutine_threadsafe(call, self._loop).result(_SECONDS)
        except Compacted:
            raise self._compacted() from None
        except (EtcdError, TimeoutError) as error:
            raise cannot_ask(error) from error

    def get(self, key: str) -> Record | None:
        if key in self._changed:
            return self._changed[key]
        record: Record | None = self._wait(self._archive.get(key, self._revision))
        return record

    def find(
        self, groups: Groups, *, after: str = "", limit: int | None = None, reverse: bool = False
    ) -> list[Record]:
        prefix = prefix_of(next(iter(groups[0])))
        records: list[Record] = []
        more, at = True, "" if reverse else after
        while more and (reverse or limit is None or len(records) < limit):
            page, more = self._wait(self._archive.below(prefix, at, 1000, self._revision))
            records += (r for r in page if r.key not in self._changed and carries(r, groups))
            at = page[-1].key if page else at
        if self._changed:
            records += (
                r for r in self._changed.values() if r and (reverse or r.key > after) and carries(r, groups)
            )
            records.sort(key=attrgetter("key"))
        if reverse:
            records.reverse()
        return records if limit is None else records[:limit]

    def count(self, term: str) -> int:
        return len(self.find(((term,),)))

    count_about = count

    def has_changed(self, reads: Reads) -> bool:
        return True  # nobody commits on what has left the memory
