"""Counts of commits over time for callers that see only a part: one index of times for each recent sight."""

import asyncio
from collections import OrderedDict

from app.errors import RevCompacted
from app.events.chronicle import Chronicle, kind_of
from app.events.commit_changes import Sees, changes_of
from app.events.time_index import TimeIndex
from app.events.turns import Turns
from app.models.grants import Scope
from app.store.contract import Store
from app.store.micros import micros
from app.store.records import Commit

EXAMINED = 50_000
"""Commits that are looked at for a sight that is new: the newest. Times before them count nothing."""

SIGHTS = 16
"""Sights of which an index is kept; 17 bytes for each commit that is seen."""

_READ = 256
"""Commits that are read at a time."""


class _Seen:
    """The commits that a sight shows, by their times. `since` is the time after which they are all here."""

    def __init__(self) -> None:
        self.index = TimeIndex()
        self.since = 0
        self.begun = False
        self.latest = 0
        self.reading = asyncio.Lock()


class SeenTimes:
    """One for a store. Follows the history only when it is asked."""

    def __init__(self, store: Store, chronicle: Chronicle, turns: Turns) -> None:
        self._store = store
        self._chronicle = chronicle
        self._turns = turns
        self._kept: OrderedDict[Scope, _Seen] = OrderedDict()
        self._listens = False

    async def upto(self, sight: Scope, sees: Sees, rev: int) -> tuple[TimeIndex, int]:
        """The commits up to a rev, and perhaps later ones, that the sight shows: `sees` tells of one object.
        And the time after which these are all. Raises CoordinatorUnavailable."""
        if not self._listens:
            self._listens = True
            self._store.when_broken(self._kept.clear)
        seen = self._kept.setdefault(sight, _Seen())
        self._kept.move_to_end(sight)
        while len(self._kept) > SIGHTS:
            self._kept.popitem(last=False)
        async with seen.reading:
            await self._read_on(seen, sees, rev)
        return seen.index, seen.since

    async def _read_on(self, seen: _Seen, sees: Sees, rev: int) -> None:
        while not seen.begun or seen.index.upto < rev:
            if not seen.begun:
                seen.index = TimeIndex()
                seen.index.upto, seen.since = await self._chronicle.back_to(rev, EXAMINED)
                seen.latest, seen.begun = seen.since, True
            try:
                commits = await self._store.commits(seen.index.upto, _READ)
            except RevCompacted:
                seen.begun = False  # the history has passed by what was read of it
                continue
            for commit in commits:
                self._take(seen, sees, commit)
                if self._turns.over:
                    await self._turns.give_way()
            if not commits:
                seen.index.upto = max(seen.index.upto, rev)
        seen.index.forget_before(self._store.oldest_rev)

    def _take(self, seen: _Seen, sees: Sees, commit: Commit) -> None:
        # The running maximum is of all commits, as it is of those that everybody is told of.
        seen.latest = max(seen.latest, micros(commit.journal.at))
        if any(changes_of(commit, sees)):
            seen.index.add(commit.rev, seen.latest, kind_of(commit.journal))
        seen.index.upto = commit.rev
