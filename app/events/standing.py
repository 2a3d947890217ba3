"""Decides whether a stream may go on, because the caller's grants can change while it is open."""

from collections.abc import Callable
from enum import Enum


class Standing(Enum):
    """`GOES_ON`: as it began. `OVER`: its caller may see less by now, or nothing. `WIDER`: its caller may see
    something that was not shown, and has to begin anew so that nothing is missed."""

    GOES_ON = 0
    OVER = 1
    WIDER = 2


AskStanding = Callable[[], Standing]
"""Asked before each write: it must cost next to nothing."""


def always() -> Standing:
    """Of who needs no leave."""
    return Standing.GOES_ON
