"""The one follower of the store: everything in this process that waits for a commit waits here."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from app.errors import RequestError, RevCompacted
from app.events.measures import EventMeasures
from app.store.contract import Store
from app.store.records import Commit

logger = logging.getLogger(__name__)

Listener = Callable[[Commit | None], None]
"""Told each commit, in order; None where some were missed and anything may have changed."""

_READ = 64
"""Commits that are read at a time, and as many stay at hand for the fan-out: a commit may have a megabyte, so
that they are not many."""

RETRY_SECONDS = 0.1
"""Between attempts to read a history that the store cannot give for the moment."""


class Hub:
    """Follows the store from the rev it has when it starts, and wakes those who wait. `seen` is the rev up to
    which the listeners were told."""

    def __init__(self, store: Store) -> None:
        self.measures = EventMeasures()
        self.seen = 0
        self._store = store
        self._recent: deque[Commit] = deque()
        self._recent_after = 0
        """After this rev, and up to `seen`, all commits are in `_recent`."""
        self._falters = False
        """Whether what comes after `seen` could not be read at the last attempt."""
        self._news = asyncio.Event()
        self._listeners: list[Listener] = []
        self._task: asyncio.Task[None] | None = None
        self.closing = False

    def listen(self, listener: Listener) -> None:
        """Have each commit told. The listener must not wait."""
        self._listeners.append(listener)

    def start(self) -> None:
        self.seen = self._recent_after = self._store.rev
        self._store.when_broken(self._lose)
        self._task = asyncio.create_task(self._follow(), name="visor-hub")

    def stop(self) -> None:
        """Wake everybody to leave: no wait lasts from here on."""
        self.closing = True
        self._news.set()
        for listener in self._listeners:
            listener(None)

    async def close(self) -> None:
        self.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def news(self, after: int) -> int:
        """Wait until the listeners were told of something beyond the rev, or the hub stops. Returns the rev
        up to which there are commits to read. While they cannot be read, that is the store's: whoever needs
        them gets to know that they cannot be had, instead of waiting in silence."""
        while not self.closing:
            there = self._store.rev if self._falters else self.seen
            if there > after:
                return there
            await self._news.wait()
        return self.seen

    async def commits(self, after: int) -> Sequence[Commit]:
        """The next commits after a rev; none only where there is none. Those that were read just now are not
        read again. Raises RevCompacted, CoordinatorUnavailable."""
        if self._recent_after <= after < self.seen:
            return [commit for commit in self._recent if commit.rev > after]
        return await self._store.commits(after, _READ)

    async def _follow(self) -> None:
        while not self.closing:
            await self._store.wait(self.seen)
            try:
                commits = await self._store.commits(self.seen, _READ)
            except RevCompacted:
                logger.warning("the hub fell behind the history at rev %d", self.seen)
                self.seen = self._store.rev
                self._lose()
                self._falters, commits = False, []
            except RequestError as error:
                logger.warning("the hub reads on in a moment: %s", error.detail)
                self._falters, commits = True, []
            else:
                self._falters = False
                self._take(commits)
            news, self._news = self._news, asyncio.Event()
            news.set()
            if self.closing:
                self._news.set()
            if not commits:
                await asyncio.sleep(RETRY_SECONDS if self._falters else 0.01)

    def _take(self, commits: Sequence[Commit]) -> None:
        for commit in commits:
            self._tell(commit)
            self._recent.append(commit)
            if len(self._recent) > _READ:
                self._recent_after = self._recent.popleft().rev
        if commits:
            self.measures.ready(commits[-1].journal.at)
        # A store that was closed, or loaded afresh, has a rev but no commits.
        self.seen = commits[-1].rev if commits else max(self.seen, self._store.rev)

    def _lose(self) -> None:
        """What comes next does not follow what was told last."""
        self._recent.clear()
        self._recent_after = self.seen
        self._tell(None)

    def _tell(self, commit: Commit | None) -> None:
        for listener in self._listeners:
            try:
                listener(commit)
            except Exception:
                logger.exception("a listener of the hub failed")
