"""The one watch of a process: it feeds the history that everything is read from.

The history only ever gets whole revisions, each once and in order. A watch that is lost is resumed at
the last revision delivered, plus one. Where etcd has compacted what comes next, or is not the etcd that
it was, the state is loaded afresh, and with it a new history begins.
"""

import asyncio
import heapq
import itertools
import logging

from app.store.contract import Change, Commit, Index, Record, sorted_changes
from app.store.etcd.client.client import (
    Away,
    Compacted,
    EtcdClient,
    EtcdError,
    Event,
    KeyValue,
    NotDone,
    Revision,
    RevisionsMissing,
    Watch,
    WatchLost,
    WrongCluster,
    prefix_end,
)
from app.store.etcd.continuity import Continuity, NotContinued
from app.store.etcd.layout import (
    JOURNAL,
    NO_JOURNAL,
    SCHEMA_KEY,
    STORE_KEY,
    follows,
    key_of,
    lease_ended,
    read_journal,
    read_total,
    record_of,
)
from app.store.history import History, Window, apply_with_pauses
from app.store.history_size import HistorySize, Mark

logger = logging.getLogger(__name__)

PAUSE = 0.1
"""Seconds between two tries to have a watch."""

LOST_PAUSE = 1.0
"""The same while what etcd has does not continue what was served."""

SETTLE_SECONDS = 2.5
"""For a read of the past to wait for a watch."""

LOAD_SECONDS = 2.0
"""For the last commits before a load to be found."""


class Follower:
    """Follows the keys below `prefix`. `history` may be another object after `load`."""

    def __init__(
        self,
        client: EtcdClient,
        prefix: str,
        index: Index,
        window: Window,
        continuity: Continuity,
        history_bytes: int | None = None,
    ) -> None:
        self._client = client
        self._continuity = continuity
        self._prefix = prefix
        self._range = (prefix.encode(), prefix_end(prefix.encode()))
        self._index = index
        self._window = window
        self._history_bytes = history_bytes
        self._watch: Watch | None = None
        self._watched = 0
        self._entry = 0
        """Version of the journal's last entry: each commit's is one more than the one's before it."""
        self._news = asyncio.Event()
        self._awaited: dict[str, asyncio.Future[int]] = {}
        self._reaching: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = itertools.count()
        self.history = History(index, window)
        self.size = HistorySize(history_bytes)
        self.journal = NO_JOURNAL
        self.leased: set[str] = set()
        self.trouble = ""
        self.closing = False

    async def load(self) -> None:
        """Read the latest state as the new beginning of the history. Raises EtcdError."""
        records: list[Record] = []
        last_entry: KeyValue | None = None
        known: dict[bytes, bytes] = {}
        journal, entry, revision, last, total = NO_JOURNAL, 0, 0, 0, 0
        async for page in self._client.pages(*self._range):
            revision = page.revision
            for kv in page.kvs:
                last = max(last, kv.mod_revision)
                if kv.key == self._key(JOURNAL):
                    journal, _ = read_journal(kv.value)
                    entry, total = kv.version, read_total(kv.value)
                    last_entry = kv
                else:
                    if kv.key in (self._key(STORE_KEY), self._key(SCHEMA_KEY)):
                        known[kv.key] = kv.value
                    records.append(record_of(kv, self._prefix, self._index))
        floor, ended = await self._last_commit(last, revision)
        history = History(self._index, self._window)
        history.load(floor, records)
        self.history = history
        self.size = HistorySize(self._history_bytes, [Mark(floor, total)])
        self.journal = lease_ended(journal) if ended else journal
        self.leased = {record.key for record in records if record.lease}
        self._watched, self._entry = revision, entry
        id, schema = known.get(self._key(STORE_KEY)), known.get(self._key(SCHEMA_KEY))
        self._continuity.begin(id, schema, last_entry, revision)
        self._tell()

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
                        if isinstance(item, Revision) and gone > 0:
                            gone -= sum(event.deleted for event in item.events)
                            last = item.revision
        except (Compacted, TimeoutError):
            return revision, False
        return last, True

    async def run(self) -> None:
        """Follow for ever. Ends by being cancelled."""
        missed = -1
        while True:
            try:
                await self._follow()
            except NotContinued as error:
                await self._lose(error)
            except (Compacted, WrongCluster) as error:
                await self._load_again(error)
            except Away as error:
                self.trouble = f"etcd is away ({error})"
            except RevisionsMissing as error:
                logger.warning("etcd has left out commits: %s", error)
                if missed == self._watched:
                    await self._load_again(error)
                missed = self._watched
            except WatchLost as error:
                logger.info("the watch is resumed after revision %d: %s", self._watched, error)
            except EtcdError as error:
                await self._load_again(error)
            except Exception as error:
                # Whatever it is: to follow no more, in silence, would be worse than to begin anew.
                logger.exception("following etcd failed")
                self.trouble = f"following etcd failed ({error!r})"
                await self._load_again(EtcdError(repr(error)))
            await asyncio.sleep(PAUSE)

    async def _follow(self) -> None:
        async with await self._client.watch(*self._range, start_revision=self._watched + 1) as watch:
            await self._continuity.verify()
            self._continuity.go_on()
            self._watch = watch
            self.trouble = ""
            while True:
                for item in await watch.take():
                    if isinstance(item, Revision):
                        await self._apply(item)
                self._tell()

    def distrust(self, reason: EtcdError) -> None:
        """End the watch, if it has not ended, for what was found out about it: `WatchLost` has it resumed,
        anything else has the state loaded afresh."""
        if self._watch is not None:
            self._watch.finish(reason)

    async def _lose(self, reason: NotContinued) -> None:
        self._continuity.lose(reason)
        await asyncio.sleep(LOST_PAUSE)

    async def _load_again(self, reason: EtcdError) -> None:
        if isinstance(reason, WrongCluster):
            # Whichever answers now: what it has is what counts.
            self._client.forget_cluster()
        try:
            await self._continuity.verify()
            logger.warning("the state is loaded afresh: %s", reason)
            await self.load()
            self._continuity.go_on()
        except NotContinued as error:
            await self._lose(error)
        except EtcdError as error:
            self.trouble = f"the state cannot be loaded ({error})"

    async def _apply(self, revision: Revision) -> None:
        """Raises RevisionsMissing, with nothing changed."""
        if revision.revision <= self._watched:
            return
        journal, id, entry, total = lease_ended(self.journal), None, self._entry, 0
        changes: list[Change] = []
        for event in revision.events:
            self._continuity.check(event.kv, event.deleted)
        for event in revision.events:
            if event.kv.key == self._key(JOURNAL):
                self._check_entry(event)
                journal, id = read_journal(event.kv.value)
                entry, total = event.kv.version, read_total(event.kv.value)
            else:
                changes.append(self._change(event))
        for event in revision.events:
            self._continuity.follow(event.kv, event.deleted)
        commit = Commit(revision.revision, journal, sorted_changes(changes))
        await apply_with_pauses(self.history, commit)
        self._watched, self._entry, self.journal = revision.revision, entry, journal
        for change in changes:
            if change.after is not None and change.after.lease:
                self.leased.add(change.key)
            else:
                self.leased.discard(change.key)
        self.size.add(commit, at_least=total)
        waiting = self._awaited.get(id) if id is not None else None
        if waiting is not None and not waiting.done():
            waiting.set_result(revision.revision)

    def _check_entry(self, event: Event) -> None:
        """Raises RevisionsMissing. A hole would pass from here to every read and subscriber."""
        if not event.deleted and not follows(event.kv.version, self._entry):
            raise RevisionsMissing(
                f"{event.kv.version - self._entry - 1} between revisions {self._watched} and "
                f"{event.kv.mod_revision}"
            )

    def _change(self, event: Event) -> Change:
        """Raises RevisionsMissing where the key was made or went away unseen: what goes with a lease has no
        entry in the journal by which it would be missed."""
        key = key_of(event.kv.key, self._prefix)
        before = self.history.get(key, self.history.rev)
        if event.deleted:
            after, seen = None, before is not None
        else:
            after = record_of(event.kv, self._prefix, self._index)
            seen = after.created_rev == (after.rev if before is None else before.created_rev)
        if not seen:
            raise RevisionsMissing(
                f"what became of {key} between revisions {self._watched} and {event.kv.mod_revision}"
            )
        return Change(key, before, after)

    def _key(self, name: str) -> bytes:
        return (self._prefix + name).encode()

    def awaited(self, id: str) -> "asyncio.Future[int]":
        """The rev of the commit with this journal id, once it has been seen. To be taken before the
        commit is sent, and given back with `forget`."""
        return self._awaited.setdefault(id, asyncio.get_running_loop().create_future())

    def forget(self, id: str) -> None:
        future = self._awaited.pop(id, None)
        if future is not None:
            future.cancel()

    async def reach(self, revision: int) -> None:
        """Return when the history has the revision, or at once when the store closes."""
        while self.history.rev < revision and not self.closing:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._reaching, (revision, next(self._count), future))
            await future

    async def news(self) -> None:
        """Return when the history has changed."""
        await self._news.wait()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
        # Only those that have reached theirs: many writers wait, each for its own commit.
        while self._reaching and (self._reaching[0][0] <= self.history.rev or self.closing):
            _, _, future = heapq.heappop(self._reaching)
            if not future.done():
                future.set_result(None)

    def stop(self) -> None:
        """Nobody waits from here on."""
        self.closing = True
        self._tell()
        self._news.set()

    async def settled(self) -> Watch:
        """The watch, once there is one and etcd was found to continue what is held: as long as it lasts that
        holds. Raises NotDone."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while self._watch is None or self._watch.over:
                    if self._continuity.lost:
                        raise NotDone("what etcd has does not continue what was served")
                    await asyncio.sleep(PAUSE / 10)
        except TimeoutError:
            raise NotDone("there is no watch") from None
        return self._watch

    @property
    def leased_prefixes(self) -> set[str]:
        """Below which there are keys that can go without a journal entry."""
        return {key.partition("/")[0] + "/" for key in self.leased}
