"""The one watch of a process: it feeds the history that everything is read from.

The history only ever gets whole revisions, each once and in order. A watch that is lost is resumed at
the last revision delivered, plus one. Where etcd has compacted what comes next, or is not the etcd that
it was, the state is loaded afresh, and with it a new history begins.
"""

import asyncio
import logging
import math

from app.store.contract import Index
from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import (
    Away,
    Compacted,
    EtcdError,
    NotDone,
    RevisionsMissing,
    WatchLost,
    WrongCluster,
)
from app.store.etcd.client.requests import prefix_end
from app.store.etcd.client.revisions import EtcdRevision, KeyEvent
from app.store.etcd.client.watch import Watch
from app.store.etcd.commits import RevisionReader
from app.store.etcd.continuity import Continuity, NotContinued
from app.store.etcd.holes import check_fits, check_follows, check_whole
from app.store.etcd.layout import (
    JOURNAL,
    NO_JOURNAL,
    RevisionJournal,
    key_of,
    lease_ended,
)
from app.store.etcd.loading import Loading
from app.store.etcd.sent import Sent
from app.store.etcd.waiters import Waiters
from app.store.history import History, apply_with_pauses
from app.store.history_size import HistorySize, Mark
from app.store.records import Commit, Journal, Record
from app.store.steps import with_pauses
from app.store.window import Window

logger = logging.getLogger(__name__)

PAUSE = 0.1
"""Seconds between two tries to have a watch."""

LOST_PAUSE = 1.0
"""The same while what etcd has does not continue what was served."""

SETTLE_SECONDS = 2.5
"""For a read of the past to wait for a watch."""


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
        self._journal_key = (prefix + JOURNAL).encode()
        self._range = (prefix.encode(), prefix_end(prefix.encode()))
        self._index = index
        self._window = window
        self._reader = RevisionReader(prefix, index)
        self._history_bytes = history_bytes
        self._watch: Watch | None = None
        self.watched = 0
        """etcd's revision up to which all is in the history."""
        self.count = 0
        """How many commits there ever were."""
        self.began = 0
        """The revision at which the registry's history begins, whatever etcd keeps."""
        self._entry = 0
        """Version of the journal's last entry: each commit's is one more than the one's before it."""
        self._news = asyncio.Event()
        self._sent: dict[bytes, Sent] = {}
        """Groups on their way from here, by the value of their journal entry."""
        self._following = False
        """Whether the watch goes on from what is held, and nothing is being taken in."""
        self._for_revs, self._for_revisions = Waiters(), Waiters()
        self.history = History(index, window)
        self.size = HistorySize(history_bytes)
        self.journal = NO_JOURNAL
        self.leased: set[str] = set()
        self.trouble = ""
        self.closing = False

    async def load(self) -> None:
        """Read the latest state as the new beginning of the history. Raises EtcdError."""
        state = await Loading(self._client, self._prefix, self._index).load()
        self.history = History(self._index, self._window)
        self.history.load(state.floor, state.records)
        self.size = HistorySize(self._history_bytes, [Mark(state.floor, state.entry.total)])
        self.count = state.entry.commits + len(state.entry.writes)
        self.journal = lease_ended(state.entry.last) if state.ended else state.entry.last
        self.leased = {record.key for record in state.records if record.lease}
        self._entry = state.journal.version if state.journal else 0
        self.watched, self.began = state.revision, state.began
        self._continuity.begin(state.id, state.schema, state.journal, state.revision)
        self._tell()

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
                if missed == self.watched:
                    await self._load_again(error)
                missed = self.watched
            except WatchLost as error:
                logger.info("the watch is resumed after revision %d: %s", self.watched, error)
            except EtcdError as error:
                await self._load_again(error)
            except Exception as error:
                # Whatever it is: to follow no more, in silence, would be worse than to begin anew.
                logger.exception("following etcd failed")
                self.trouble = f"following etcd failed ({error!r})"
                await self._load_again(EtcdError(repr(error)))
            await asyncio.sleep(PAUSE)

    async def _follow(self) -> None:
        async with await self._client.watch(*self._range, start_revision=self.watched + 1) as watch:
            await self._continuity.verify()
            self._continuity.go_on()
            self._watch = watch
            self.trouble = ""
            self._following = True
            try:
                while True:
                    for item in await watch.take():
                        if isinstance(item, EtcdRevision):
                            await self._apply(item)
                    self._tell()
            finally:
                self._following = False

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

    async def _apply(self, revision: EtcdRevision) -> None:
        """Raises RevisionsMissing, with nothing changed."""
        if revision.revision <= self.watched:
            return
        self._following = False
        journal = self._reader.journal_of(revision)
        sent = None if journal is None else self._sent.get(journal.kv.value)
        if journal is not None and sent is not None and sent.known_in(self.history):
            check_follows(journal, self._entry, self.watched)
            entry: RevisionJournal | None = sent.entry
            commits = sent.commits(revision.revision, self._before)
            self._continuity.follow(journal.kv, journal.deleted)
        else:
            entry, commits = await self._read(revision, journal)
        for commit in commits:
            await apply_with_pauses(self.history, commit)
            self._note(commit, entry)
        self._reached(revision.revision, commits[-1].journal, entry)
        self._entry = self._entry if journal is None else journal.kv.version
        if sent is not None and not sent.seen.done():
            sent.seen.set_result(revision.revision)
        self._following = True

    async def _read(
        self, revision: EtcdRevision, journal: KeyEvent | None
    ) -> tuple[RevisionJournal | None, list[Commit]]:
        """The journal's entry and the commits of the revision that comes next. Raises RevisionsMissing,
        NotContinued."""
        for event in revision.events:
            self._continuity.check(event.kv, event.deleted)
        if journal is not None:
            check_follows(journal, self._entry, self.watched)
        entry = None if journal is None else self._reader.entry_of(journal)
        check_whole(revision, entry, self._prefix)
        commits = await self._commits_of(revision, entry)
        for event in revision.events:
            self._continuity.follow(event.kv, event.deleted)
        return entry, commits

    async def _commits_of(self, revision: EtcdRevision, entry: RevisionJournal | None) -> list[Commit]:
        """Raises RevisionsMissing."""
        for event in revision.events:
            if event.kv.key != self._journal_key:
                key = key_of(event.kv.key, self._prefix)
                check_fits(event, key, self._before(key), self.watched)
        return await with_pauses(self._reader.reading(revision, entry, self.journal, self._before))

    def take(self, sent: Sent, revision: int) -> bool:
        """Take in a group that etcd has made this revision before the watch brings it; whether that could be.
        Only where nothing can have come between it and what is held."""
        if revision <= self.watched:
            return True
        watch, last = self._watch, self._continuity.entry
        if not self._following or watch is None or watch.over or revision != self.watched + 1:
            return False
        if last is None or last.version != self._entry or not sent.known_in(self.history):
            return False
        for commit in sent.commits(revision, self._before):
            self.history.apply(commit)
            self._note(commit, sent.entry)
        entry = last._replace(value=sent.journal, mod_revision=revision, version=last.version + 1)
        self._continuity.follow(entry, deleted=False)
        self._reached(revision, sent.entry.last, sent.entry)
        self._entry = entry.version
        watch.known = revision
        self._tell()
        return True

    def _before(self, key: str) -> Record | None:
        return self.history.get(key, self.history.rev)

    def _reached(self, revision: int, last: Journal, entry: RevisionJournal | None) -> None:
        """All of the revision is in the history."""
        self.watched, self.journal = revision, last
        if entry is not None:
            self.count = max(self.count, entry.commits) + len(entry.writes)

    def _note(self, commit: Commit, entry: RevisionJournal | None) -> None:
        """A commit has come into the history, of a revision with this entry."""
        self.size.add(commit, at_least=0 if entry is None else entry.total)
        for change in commit.changes:
            if change.after is not None and change.after.lease:
                self.leased.add(change.key)
            else:
                self.leased.discard(change.key)

    def expect(self, sent: Sent) -> None:
        """Have `sent.seen` told when it comes. Before it is sent; given back with `forget`."""
        self._sent[sent.journal] = sent

    def forget(self, sent: Sent) -> None:
        self._sent.pop(sent.journal, None)
        sent.seen.cancel()

    async def reach(self, revision: int) -> None:
        """Return when the history has all of the revision, or at once when the store closes."""
        if self.watched < revision and not self.closing:
            await self._for_revisions.wait(revision)

    async def reach_rev(self, rev: int) -> None:
        """Return when there is a commit of this rev or a later one, or at once when the store closes."""
        if self.history.rev < rev and not self.closing:
            await self._for_revs.wait(rev)

    async def news(self) -> None:
        """Return when the history has changed."""
        await self._news.wait()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
        self._for_revs.wake(math.inf if self.closing else self.history.rev)
        self._for_revisions.wake(math.inf if self.closing else self.watched)

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
