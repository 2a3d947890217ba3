"""What keeps a store from being ready: in `readyz` while it lasts, in the log when it begins and ends."""

import logging
import time
from collections.abc import Callable

from app.errors import CoordinatorUnavailable

logger = logging.getLogger(__name__)

LOST = "lost"
"""The kind of trouble where what is stored does not continue what was served."""


def lost_error() -> CoordinatorUnavailable:
    """What is answered that cannot be while the store is lost."""
    return CoordinatorUnavailable(
        "The store is not the one that was being served: nothing was written, and only revs that are held "
        "can be read. `/readyz` says what its operator has to do."
    )


class Troubles:
    """States in which a store is not ready, each of a kind. One line of the log when a kind begins and one
    when it ends: what is found again and again while it lasts is not logged again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}
        self._reasons: dict[str, str] = {}
        self.lost = False
        """Whether what is stored does not continue what was served: each read and write asks."""

    def begin(self, kind: str, reason: str) -> None:
        """The store is in this state now, or still. `reason` says why, with what to do."""
        self._reasons[kind] = reason
        self.lost = self.lost or kind == LOST
        if kind not in self._since:
            self._since[kind] = self._clock()
            logger.warning("not ready: %s", reason)

    def end(self, kind: str) -> None:
        """The store is not in this state, or not any more."""
        since = self._since.pop(kind, None)
        if since is None:
            return
        reason = self._reasons.pop(kind)
        self.lost = LOST in self._since
        lasted = self._clock() - since
        if self._reasons:
            logger.warning("over after %.1f s, but still not ready: %s (%s)", lasted, reason, self.reason)
        else:
            logger.warning("ready again, after %.1f s: it was not, because: %s", lasted, reason)

    def set(self, kind: str, reason: str) -> None:
        """As `begin` where there is a reason, else as `end`."""
        if reason:
            self.begin(kind, reason)
        else:
            self.end(kind)

    def seconds(self, kind: str) -> float:
        """For how long the store has been in this state; 0 where it is not."""
        return self._clock() - self._since[kind] if kind in self._since else 0.0

    def __contains__(self, kind: str) -> bool:
        return kind in self._since

    def __bool__(self) -> bool:
        return bool(self._since)

    @property
    def reason(self) -> str:
        """Why the store is not ready; empty where it is."""
        return "; ".join(self._reasons.values())
