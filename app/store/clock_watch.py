"""The time of a commit, and whether commits are ahead of the clock: one that was ahead for a while
makes their times stand still."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

logger = logging.getLogger(__name__)

SYSTEM_CLOCK: Callable[[], datetime] = partial(datetime.now, UTC)
"""The clock of this machine."""

AHEAD_SECONDS = 1.0
"""How far commits may be ahead of the clock before it is logged: replicas' clocks differ a little."""


class ClockWatch:
    """One line of the log when commits come to be ahead of the clock, and one when it has caught up."""

    def __init__(self) -> None:
        self._ahead = False

    def look(self, now: datetime, last: datetime | None) -> None:
        """`now` is the clock's time, `last` that of the last commit."""
        seconds = seconds_ahead(now, last)
        ahead = seconds > AHEAD_SECONDS
        if ahead == self._ahead:
            return
        self._ahead = ahead
        if ahead:
            logger.warning(
                "the last commit's time is %.1f s ahead of this clock: the times of commits stand still "
                "until it has caught up; set the clocks of all machines that serve this store",
                seconds,
            )
        else:
            logger.warning("the clock has caught up with the times of commits")


def seconds_ahead(now: datetime, last: datetime | None) -> float:
    """How far the last commit's time is ahead of the clock."""
    return max((last - now).total_seconds(), 0.0) if last is not None else 0.0


def latest_time(now: datetime, last: datetime | None) -> datetime:
    """A commit's time: never before the one of the commit before it, whatever the clock does."""
    return now if last is None or now > last else last
