"""One follower of the store; everybody in this process who waits for a commit waits here."""

import asyncio
import logging
from collections.abc import Callable

from app.errors import RequestError, RevCompacted
from app.events.measures import EventMeasures
from app.store.contract import Commit, Store

logger = logging.getLogger(__name__)

Listener = Callable[[Commit | None], None]
"""Told each commit, in order; None where some were missed and anything may have changed."""

_READ = 256
RETRY_SECONDS = 0.1
"""Between attempts to read a history that the store cannot give for the moment."""


class Hub:
    """Follows the store from the rev it has when it starts, and wakes who waits."""

    def __init__(self, store: Store) -> None:
        self.measures = EventMeasures()
        self._store = store
        self._news = asyncio.Event()
        self._listeners: list[Listener] = []
        self._task: asyncio.Task[None] | None = None
        self.closing = False

    def listen(self, listener: Listener) -> None:
        """Have each commit told. The listener must not wait."""
        self._listeners.append(listener)

    def start(self) -> None:
        self._store.when_broken(lambda: self._tell(None))
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

    async def news(self, after: int) -> None:
        """Return when the store is beyond the rev, or when the hub stops."""
        while self._store.rev <= after and not self.closing:
            await self._news.wait()

    async def _follow(self) -> None:
        seen = self._store.rev
        while not self.closing:
            await self._store.wait(seen)
            try:
                commits = await self._store.commits(seen, _READ)
            except RevCompacted:
                logger.warning("the hub fell behind the history at rev %d", seen)
                self._tell(None)
                seen = self._store.rev
                commits = []
            except RequestError as error:
                logger.warning("the hub reads on in a moment: %s", error.detail)
                commits = []
                await asyncio.sleep(RETRY_SECONDS)
            else:
                for commit in commits:
                    self._tell(commit)
                if commits:
                    self.measures.ready(commits[-1].journal.at)
                # A store that was closed, or loaded afresh, has a rev but no commits.
                seen = commits[-1].rev if commits else max(seen, self._store.rev)
            news, self._news = self._news, asyncio.Event()
            news.set()
            if self.closing:
                self._news.set()
            if not commits:
                await asyncio.sleep(0.01)

    def _tell(self, commit: Commit | None) -> None:
        for listener in self._listeners:
            try:
                listener(commit)
            except Exception:
                logger.exception("a listener of the hub failed")
