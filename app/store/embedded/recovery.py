"""When the log of an embedded store does not do what it should: what is served meanwhile, and how it goes on.

    opening --> serving <--> full        no room: each write tries again, and a task does each second
                 |   ^  <--> slow        a commit takes longer than `commit_timeout`: its callers are told
                 v   |                   that its outcome is unknown, all others that nothing was written
              reopening                  the log failed: it is closed, opened, and asked what it has kept
                 |   ^
                 v   |
                lost                     what is at its place does not continue what was served

Served is only what continues what was served: the same store id, a rev that is not lower, and the same
commit at the rev that was held. While the store is lost, streams are ended (`when_broken`), reads of what is
held go on, and everything else is refused. Its place is looked at each second: with the right file there
again it goes on by itself.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from app.errors import CoordinatorUnavailable, RequestError
from app.store.contract import Index
from app.store.embedded.held import Held, load
from app.store.embedded.leases import Leases
from app.store.embedded.log import Identity, Loaded, Log, LogMoved
from app.store.embedded.log_thread import LogThread
from app.store.history import History
from app.store.records import Commit
from app.store.troubles import LOST, Troubles, lost_error
from app.store.window import Window

logger = logging.getLogger(__name__)

REOPEN_SECONDS = 1.0
"""Between attempts to open a log again that failed, to write to one that was full, and between looks whether
it is where it was."""

GIVE_UP_SECONDS = 10.0
"""For which a write waits to know what became of it while the log does not open."""

FULL, SLOW, REOPENING = "full", "slow", "reopening"

GiveUp = Callable[[RequestError], None]
"""Told what to answer callers with where it takes too long to find out what became of their change."""


def unknown(why: str) -> CoordinatorUnavailable:
    return CoordinatorUnavailable(f"{why}: this change may or may not have happened.", outcome="unknown")


class Recovery:
    """Opens the log, the first time and again. `refuse_waiting` refuses those who wait to write."""

    def __init__(
        self, log: Log, index: Index, window: Window, held: Held, leases: Leases, thread: LogThread
    ) -> None:
        self._log = log
        self._index = index
        self._window = window
        self._held = held
        self._leases = leases
        self._thread = thread
        self._when_broken: list[Callable[[], None]] = []
        self._closing = False
        self.troubles = Troubles()
        self.refuse_waiting: Callable[[], None] = lambda: None

    @property
    def lost_for(self) -> float:
        """Seconds for which it has been lost."""
        return self.troubles.seconds(LOST)

    def refusal(self) -> CoordinatorUnavailable | None:
        """What a write is refused with that has not begun; None where it may begin."""
        if not self.troubles:
            return None
        if self.troubles.lost:
            return lost_error()
        if REOPENING in self.troubles:
            return CoordinatorUnavailable("The store failed and is being opened again. Nothing was written.")
        if SLOW in self.troubles:
            return CoordinatorUnavailable("The store's disk does not answer. Nothing was written.")
        return None

    def when_broken(self, tell: Callable[[], None]) -> None:
        self._when_broken.append(tell)

    def close(self) -> None:
        self._closing = True

    async def open(self) -> None:
        """Open the log for the first time. Raises StartError."""
        self._install(*await self._thread.run(self._open, True))

    def _open(self, create: bool) -> tuple[History, Loaded]:
        loaded = self._log.open(self._index, self._window, create=create)
        return load(loaded, self._index, self._window), loaded

    def _install(self, history: History, loaded: Loaded) -> None:
        self._leases.clear()
        for record in history.leased():
            self._leases.hold(record)
        self._held.install(history, loaded)

    async def find_out(
        self, failure: Exception, commits: Sequence[Commit], give_up: GiveUp
    ) -> RequestError | None:
        """After a log that failed: serve on once it continues what was served. What those are to be told
        whose commits were being written; None where these were kept. Until then nothing is written."""
        known = self._held.identity
        began = time.monotonic()
        outcome = unknown("The store failed while it wrote")
        while not self._closing:
            if isinstance(failure, LogMoved):
                self._lose(failure)
                give_up(outcome)
            else:
                self.troubles.begin(REOPENING, f"the store failed ({failure}); it is being opened again")
                # It may never open: a damaged file does not mend itself.
                if time.monotonic() - began >= GIVE_UP_SECONDS:
                    give_up(outcome)
            self.refuse_waiting()
            try:
                opened = await self._thread.run(self._open_again, known)
            except Exception as error:
                if not isinstance(error, LogMoved):
                    logger.error("the log does not open: %s", error)
                failure = error
                await asyncio.sleep(REOPEN_SECONDS)
                continue
            self._install(*opened)
            self.troubles.end(REOPENING)
            self.troubles.end(LOST)
            return self._became(known, commits, outcome)
        self.refuse_waiting()
        return outcome

    def _became(
        self, known: Identity, commits: Sequence[Commit], outcome: CoordinatorUnavailable
    ) -> RequestError | None:
        """What became of commits after which the log had to be opened again."""
        held = self._held
        if not commits or (held.rev, held.last) == (commits[-1].rev, commits[-1].journal):
            return None
        if held.rev == known.rev:
            return CoordinatorUnavailable("The store failed while it wrote. Nothing was changed.")
        return outcome

    def _open_again(self, known: Identity) -> tuple[History, Loaded]:
        """Raises LogMoved where what is at the log's place does not continue what was served. What is open is
        kept open then: it may be the last that holds it."""
        try:
            self._log.check()
        except LogMoved:
            # Something else may be there by now that does continue: a copy that was made of what is open.
            self._check_continues(known)
        self._log.close()
        self._check_continues(known)
        return self._open(False)

    def _check_continues(self, known: Identity) -> None:
        logged = self._log.look(known.rev)
        if logged.id != known.id:
            raise LogMoved("another store's file is in its place")
        if logged.rev < known.rev:
            raise LogMoved(
                f"an older copy is in its place: it ends at rev {logged.rev}, and rev {known.rev} was served"
            )
        # Where it is compacted nothing can be said against it.
        if logged.journal is not None and logged.journal != known.journal:
            raise LogMoved(f"a copy is in its place whose rev {known.rev} is not the one that was served")

    def _lose(self, moved: LogMoved) -> None:
        was_lost = self.troubles.lost
        self.troubles.end(REOPENING)
        self.troubles.begin(
            LOST,
            f"the store is not the one that was being served ({moved}): nothing is written; put the file "
            "that was served back with the files beside it, or restart Visor to serve what is there now",
        )
        if not was_lost:
            for tell in self._when_broken:
                tell()
