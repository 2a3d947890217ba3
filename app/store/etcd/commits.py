"""The commits of one revision of etcd's: its events tell what is there after the last of them, its journal
entry who did what before that."""

from collections.abc import Callable, Generator

from app.store.contract import Index
from app.store.etcd.client.revisions import EtcdRevision, KeyEvent
from app.store.etcd.layout import (
    JOURNAL,
    NO_ENTRY,
    RevisionJournal,
    WriteEntry,
    key_of,
    lease_ended,
    read_entry,
    record_of,
)
from app.store.etcd.revs import rev_of
from app.store.records import Change, Commit, Journal, Record, sorted_changes

READ = 50
"""Events that are read in one step: of each value it is checked whether Visor wrote it."""

Before = Callable[[str], Record | None]
"""The version of a key before the revision."""


class RevisionReader:
    """Takes revisions apart. `prefix` is where the registry lies."""

    def __init__(self, prefix: str, index: Index) -> None:
        self._prefix = prefix
        self._index = index
        self._journal_key = (prefix + JOURNAL).encode()

    def journal_of(self, revision: EtcdRevision) -> KeyEvent | None:
        """The journal's event; None where the revision has none."""
        last = revision.events[-1]
        if last.kv.key == self._journal_key:
            return last  # as in all that Visor puts
        for event in revision.events:
            if event.kv.key == self._journal_key:
                return event
        return None

    @staticmethod
    def entry_of(journal: KeyEvent) -> RevisionJournal:
        """What the journal's event tells."""
        return NO_ENTRY if journal.deleted else read_entry(journal.kv.value)

    def reading(
        self, revision: EtcdRevision, entry: RevisionJournal | None, last: Journal, before: Before
    ) -> Generator[None, None, list[Commit]]:
        """Its commits in order, made in steps. `last` is the journal of the commit before it."""
        events = {
            key_of(event.kv.key, self._prefix): event
            for event in revision.events
            if event.kv.key != self._journal_key
        }
        if entry is None or not entry.writes:
            journal = lease_ended(last) if entry is None else entry.last
            changes = yield from self._all(events, 0, before)
            return [Commit(rev_of(revision.revision), journal, changes)]
        if len(entry.writes) == 1:
            changes = yield from self._all(events, 1, before)
            return [Commit(rev_of(revision.revision, 1), entry.last, changes)]
        return self._group(revision.revision, entry.writes, events, before)

    def _all(
        self, events: dict[str, KeyEvent], place: int, before: Before
    ) -> Generator[None, None, tuple[Change, ...]]:
        """All events as one commit's changes."""
        changes = []
        for number, (key, event) in enumerate(events.items(), start=1):
            changes.append(Change(key, before(key), self._after(event, place)))
            if number % READ == 0:
                yield
        return sorted_changes(changes)

    def _after(self, event: KeyEvent | None, place: int) -> Record | None:
        if event is None or event.deleted:
            return None
        return record_of(event.kv, self._prefix, self._index, place)

    def _group(
        self, revision: int, writes: tuple[WriteEntry, ...], events: dict[str, KeyEvent], before: Before
    ) -> list[Commit]:
        """A group is small enough to be read at once."""
        commits: list[Commit] = []
        now: dict[str, Record | None] = {}
        for place, write in enumerate(writes, start=1):
            changed = list(write.keys)
            if place == len(writes):
                # Nothing that has changed is left out, whatever the entry says.
                changed += events.keys() - {key for each in writes for key in each.keys}
            changes = []
            for key in changed:
                was = now[key] if key in now else before(key)
                if key in write.replaced:
                    value = write.replaced[key]
                    now[key] = self._replaced(key, value, was, rev_of(revision, place))
                else:
                    now[key] = self._after(events.get(key), place)
                if was is not None or now[key] is not None:
                    changes.append(Change(key, was, now[key]))
            commits.append(Commit(rev_of(revision, place), write.journal, sorted_changes(changes)))
        return commits

    def _replaced(self, key: str, value: str | None, was: Record | None, rev: int) -> Record | None:
        if not value:
            return None
        kept = value.encode()
        return Record(key, kept, was.created_rev if was else rev, rev, None, self._index(key, kept))
