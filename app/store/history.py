"""The newest commits in memory, readable at any rev among them.

Each key has a chain of its versions, oldest first; a snapshot is nothing but the history and a rev.
Each term has two sorted lists of keys (`term_lists.py`): those that carry it now and those that carried it at
some held rev but no longer do. A scan at the latest rev reads the first; a scan at an older one merges both
and asks the chains of those that have changed since.
"""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from itertools import islice, takewhile
from operator import attrgetter

from app.errors import RevCompacted
from app.store.contract import UNREADABLE, Index, Reads
from app.store.reads import touched
from app.store.records import Commit, Groups, Record, carries
from app.store.sorted_keys import between, blocks
from app.store.steps import STEP
from app.store.term_lists import TermLists
from app.store.window import Window, commit_bytes

_REV = attrgetter("rev")


class History:
    """Commits after `floor` and the state at every rev from `floor` on: as many commits as the window takes,
    but always the newest where it takes any."""

    def __init__(self, index: Index, window: Window) -> None:
        self._index = index
        self._window = window
        self._chains: dict[str, list[Record]] = {}
        self._lists = TermLists()
        self._commits: list[Commit] = []
        self._dropped = 0
        self._bytes = 0
        self._applying = False
        self._untrimmed: deque[str] = deque()
        self._base: Commit | None = None
        self.rev = 0
        self.floor = 0

    def load(self, rev: int, records: Iterable[Record]) -> None:
        """Start from the state at `rev`: the live records, in any order."""
        self.rev = self.floor = rev
        for record in records:
            self._chains[record.key] = [record]
        self._lists.load(chain[0] for chain in self._chains.values())

    def terms(self, key: str, value: bytes) -> tuple[str, ...]:
        return self._index(key, value)

    def apply(self, commit: Commit) -> None:
        """Add the next commit. Its changes' `after` records become current."""
        deque(self.applying(commit), maxlen=0)

    def applying(self, commit: Commit) -> Iterator[None]:
        """The same in steps: between two of them all is read as it was before the commit. Nothing else may
        be applied meanwhile."""
        # Until the end the lists are ahead of the rev: what is read goes by the chains.
        self._applying = True
        for number, (key, before, after) in enumerate(commit.changes, start=1):
            before_terms = before.terms if before else ()
            after_terms = after.terms if after else ()
            if before_terms is not after_terms:
                self._lists.move(key, before_terms, after_terms)
            version = after or Record(key, b"", 0, commit.rev)
            self._chains.setdefault(key, []).append(version)
            if number % STEP == 0:
                # As many as come, so that what is left to trim does not grow.
                self._trim_some(STEP)
                yield
        self._commits.append(commit)
        self._bytes += commit_bytes(commit)
        self.rev = commit.rev
        self._applying = False
        while self._too_much:
            self._forget_oldest()
        self._trim_some(STEP)

    @property
    def _too_much(self) -> bool:
        held = len(self._commits) - self._dropped
        most = self._window.bytes
        return held > self._window.revs or (held > 1 and most is not None and self._bytes > most)

    def forget_before(self, rev: int, most: int | None = None) -> bool:
        """Make `rev` the floor, where it is above the present one, or go on towards it: until `most` changes
        are forgotten. Whether there is more to forget."""
        forgotten = 0
        while self._dropped < len(self._commits) and self._commits[self._dropped].rev <= rev:
            if most is not None and forgotten >= most:
                break
            forgotten += 1 + len(self._commits[self._dropped].changes)
            self._forget_oldest()
        self._trim_some(len(self._untrimmed) if most is None else most)
        more = self._dropped < len(self._commits) and self._commits[self._dropped].rev <= rev
        return more or bool(self._untrimmed)

    def _forget_oldest(self) -> None:
        commit = self._commits[self._dropped]
        self._dropped += 1
        self._bytes -= commit_bytes(commit)
        self._base = commit
        self.floor = commit.rev
        # Nobody is given what is below the floor, whenever it goes.
        self._untrimmed.extend(change.key for change in commit.changes)
        # One slice now and then costs less than moving the whole list for each commit.
        if self._dropped > 1024 or self._dropped * 2 > len(self._commits):
            del self._commits[: self._dropped]
            self._dropped = 0

    def _trim_some(self, most: int) -> None:
        for _ in range(min(most, len(self._untrimmed))):
            self._trim(self._untrimmed.popleft())

    def _trim(self, key: str) -> None:
        """Drop the key's versions that no snapshot from the floor on can see."""
        chain = self._chains.get(key)
        if chain is None:
            return
        keep = 0
        # One or two: each commit that is forgotten has its own trimmed.
        while keep + 1 < len(chain) and chain[keep + 1].rev <= self.floor:
            keep += 1
        if chain[keep].deleted and chain[keep].rev <= self.floor:
            keep += 1
        if keep == 0:
            return
        gone = {term for record in chain[:keep] for term in record.terms}
        del chain[:keep]
        # Versions of one key carry much the same: the next one or two are looked at, not thousands.
        for record in chain:
            if not gone:
                break
            gone.difference_update(record.terms)
        self._lists.forget(key, gone)
        if not chain:
            del self._chains[key]

    def commits_after(self, rev: int, limit: int) -> list[Commit]:
        """Commits after `rev`, which is at or above the floor."""
        start = bisect_right(self._commits, rev, lo=self._dropped, key=_REV)
        return self._commits[start : start + limit]

    def has_changed(self, reads: Reads, rev: int) -> bool:
        """As `Snapshot.has_changed`, at `rev`."""
        if reads.rev < self.floor:
            return True
        start = bisect_right(self._commits, reads.rev, lo=self._dropped, key=_REV)
        since = takewhile(lambda commit: commit.rev <= rev, islice(self._commits, start, None))
        return touched(reads, (change for commit in since for change in commit.changes))

    def last_commit(self, rev: int) -> Commit | None:
        """The latest known commit at or before `rev`: a held one, or the one that made the floor."""
        at = bisect_right(self._commits, rev, lo=self._dropped, key=_REV) - 1
        if at >= self._dropped:
            return self._commits[at]
        return self._base if self._base is not None and self._base.rev <= rev else None

    def snapshot(self, rev: int) -> "HeldSnapshot":
        """The state at `rev`, which is between the floor and the latest."""
        return HeldSnapshot(self, rev)

    def get(self, key: str, rev: int) -> Record | None:
        chain = self._chains.get(key)
        if chain is None:
            return None
        record = chain[-1]
        if record.rev > rev:
            return self._at(chain, rev)
        return record if record.value else None

    @staticmethod
    def _at(chain: list[Record], rev: int) -> Record | None:
        record = chain[-1]
        if record.rev > rev:
            # Most that has changed since has done so once.
            at = len(chain) - 2
            if at > 0 and chain[at].rev > rev:
                at = bisect_right(chain, rev, hi=at, key=_REV) - 1
            if at < 0:
                return None
            record = chain[at]
            if record.rev > rev:
                return None
        return record if record.value else None

    def find(
        self,
        groups: Groups,
        rev: int,
        after: str = "",
        limit: int | None = None,
        *,
        reverse: bool = False,
    ) -> list[Record]:
        """As `Snapshot.find`, at `rev`."""
        latest = self._is_listed(rev)
        if reverse:
            return self._backwards(groups, rev, limit)
        live = [self._lists.live_of(group) for group in groups]
        past = [[] if latest else self._lists.past_of(group) for group in groups]
        lists = [[*now, *before] for now, before in zip(live, past, strict=True)]
        if not all(lists):
            return []
        left = [keys for group in past for keys in group]
        records: list[Record] = []
        chains = self._chains
        largest = max(len(keys) for keys in lists[0])
        for block in blocks(lists, after, largest if limit is None else limit):
            newest = [chains[key][-1] for key in block]
            records += newest if latest else self._as_of(rev, newest, groups, between(left, block))
            if limit is not None and len(records) >= limit:
                return records[:limit]
        return records

    def _is_listed(self, rev: int) -> bool:
        """Whether the lists of what is there now are those of this rev."""
        return rev >= self.rev and not self._applying

    def _as_of(self, rev: int, newest: list[Record], groups: Groups, left: Collection[str]) -> list[Record]:
        """Of keys that have carried the terms at some rev, the versions that do at this one. `newest` are
        their newest versions; `left` the keys that may no longer carry what they are listed under."""
        absent: set[Record] = set()

        def then(record: Record) -> Record:
            version = self._at(self._chains[record.key], rev)
            if version is not None and carries(version, groups):
                return version
            absent.add(record)
            return record

        # What has not changed since is listed under the terms that it carries.
        if left:
            versions = [
                then(record) if record.rev > rev or record.key in left else record for record in newest
            ]
        else:
            versions = [record if record.rev <= rev else then(record) for record in newest]
        return [record for record in versions if record not in absent] if absent else versions

    def _backwards(self, groups: Groups, rev: int, limit: int | None) -> list[Record]:
        """From the last key down. Quick for a term at the latest rev; the rest is asked for seldom."""
        if len(groups) > 1 or len(groups[0]) > 1 or not self._is_listed(rev):
            return self.find(groups, rev)[::-1][:limit]
        [term] = groups[0]
        keys = self._lists.live(term)
        return [
            self._chains[key][-1]
            for key in reversed(keys if limit is None else keys[max(len(keys) - limit, 0) :])
        ]

    def count(self, term: str, rev: int) -> int:
        if self._is_listed(rev):
            return len(self._lists.live(term))
        return len(self.find(((term,),), rev))

    def count_below(self, prefix: str, rev: int) -> int:
        """How many keys there are below a prefix that is a term, with those that cannot be read."""
        others = self.find(((UNREADABLE,),), rev, prefix[:-1])
        return self.count(prefix, rev) + sum(record.key.startswith(prefix) for record in others)

    def leased(self) -> Iterator[Record]:
        """The current records that live by a lease."""
        return (chain[-1] for chain in self._chains.values() if chain[-1].ttl is not None)

    def statistics(self) -> dict[str, float]:
        return {
            "keys": len(self._chains),
            "unreadable": len(self._lists.live(UNREADABLE)),
            "held_commits": len(self._commits) - self._dropped,
            "held_bytes": self._bytes,
        }


async def apply_with_pauses(history: History, commit: Commit) -> None:
    """Add the next commit. Between the steps of a large one others have their turn."""
    steps = history.applying(commit)
    try:
        for _ in steps:
            await asyncio.sleep(0)
    finally:
        deque(steps, maxlen=0)  # cancelled too: half a commit is none


class HeldSnapshot:
    """The registry at one rev of the history in memory.

    It is read where it lies: one that is kept so long that its rev leaves the memory refuses to be
    read on, rather than answer from a later state.
    """

    blocking = False

    def __init__(self, history: History, rev: int) -> None:
        self._history = history
        self.rev = rev

    def _held(self) -> History:
        history = self._history
        if self.rev < history.floor:
            raise RevCompacted(
                f"Rev {self.rev} left the memory while it was being read: ask for it again, "
                "or read the latest snapshot.",
                oldest_rev=history.floor,
            )
        return history

    def get(self, key: str) -> Record | None:
        # Most of what is read is read by this: the check stands here once more, and not one call deeper.
        history = self._history if self.rev >= self._history.floor else self._held()
        return history.get(key, self.rev)

    def find(
        self, groups: Groups, *, after: str = "", limit: int | None = None, reverse: bool = False
    ) -> list[Record]:
        return self._held().find(groups, self.rev, after, limit, reverse=reverse)

    def count(self, term: str) -> int:
        return self._held().count(term, self.rev)

    count_about = count

    def has_changed(self, reads: Reads) -> bool:
        return self._held().has_changed(reads, self.rev)
