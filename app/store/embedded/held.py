"""What an embedded store holds in memory: the history that all is read from, and who waits for more."""

import asyncio
from collections.abc import Sequence

from app.store.contract import Index
from app.store.embedded.log import Identity, Loaded
from app.store.history import History, apply_with_pauses
from app.store.history_size import HistorySize, Mark
from app.store.records import Commit, Journal
from app.store.window import Window

FORGET = 500
"""Changes forgotten at once when history is dropped: some milliseconds."""


class Held:
    """The history, the oldest rev that may be asked for, the last commit's journal. `keep` revs are kept,
    fewer where they take more than `keep_bytes`."""

    def __init__(self, index: Index, window: Window, keep: int, keep_bytes: int | None) -> None:
        self._keep = keep
        self._keep_bytes = keep_bytes
        self._size = HistorySize(keep_bytes)
        self._coming: tuple[Sequence[Commit], HistorySize] = (), self._size
        self._news = asyncio.Event()
        self._closing = False
        self.id = ""
        self.history = History(index, window)
        self.oldest = 0
        self.last: Journal | None = None

    @property
    def rev(self) -> int:
        return self.history.rev

    @property
    def identity(self) -> Identity:
        """By what the log has to be known again: what was served goes up to here."""
        return Identity(self.id, self.rev, self.last)

    @property
    def bytes_kept(self) -> int:
        """Bytes that the history takes in the log, roughly."""
        return self._size.after(self.oldest)

    def with_more(self, commits: Sequence[Commit]) -> tuple[int, list[Mark]]:
        """The oldest rev that is kept once these commits are there, and the marks to keep with them."""
        size = self._size.copy()
        marks = [mark for commit in commits if (mark := size.add(commit)) is not None]
        self._coming = commits, size
        return max(self.oldest, commits[-1].rev - self._keep, size.oldest), marks

    def install(self, history: History, loaded: Loaded) -> None:
        """Serve this history from now on."""
        self.id = loaded.id
        self.history = history
        self.last = loaded.last
        self._size = HistorySize(self._keep_bytes, loaded.marks)
        self._coming = (), self._size
        self.oldest = max(loaded.oldest_rev, loaded.rev - self._keep, self._size.oldest)
        self.tell()

    async def publish(self, commits: Sequence[Commit], oldest: int) -> None:
        """Commits are durable: they are history now, and what is before `oldest` is not any more."""
        for commit in commits:
            await apply_with_pauses(self.history, commit)
            self.last = commit.journal
        if commits:
            self._size = self._size_with(commits)
        if oldest > self.oldest:
            self.oldest = oldest
            self._size.forget_before(oldest)
        # What is below the oldest may be held a while longer: nobody is given it.
        self.history.forget_before(self.oldest, FORGET)
        self.tell()

    def _size_with(self, commits: Sequence[Commit]) -> HistorySize:
        """The history's size with these commits: reckoned before they were written, nearly always."""
        (coming, size), self._coming = self._coming, ((), self._size)
        if coming is not commits:
            size = self._size
            for commit in commits:
                size.add(commit)
        return size

    async def forget(self) -> None:
        """Drop all that is before the oldest rev, a little at a time: requests go first."""
        more = True
        while more:
            more = self.history.forget_before(self.oldest, FORGET)
            await asyncio.sleep(0)

    async def wait(self, after: int) -> None:
        while self.rev <= after and not self._closing:
            await self._news.wait()

    def tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
        if self._closing:
            self._news.set()

    def close(self) -> None:
        """Nobody waits from here on."""
        self._closing = True
        self.tell()


def load(loaded: Loaded, index: Index, window: Window) -> History:
    """The history that a log gives. It runs in the log's thread: it touches nothing that the loop reads."""
    history = History(index, window)
    history.load(loaded.floor, loaded.records)
    for commit in loaded.commits:
        history.apply(commit)
    history.rev = loaded.rev
    return history
