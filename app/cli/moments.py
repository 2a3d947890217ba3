"""A moment as people write it: a rev, or a time."""

from typing import TYPE_CHECKING, NamedTuple

from app.cli.calling import when

if TYPE_CHECKING:
    from visor_client import Visor

NOW = "now"


class StartPoint(NamedTuple):
    """A moment as a call takes it: its rev, or its time; neither is the latest."""

    rev: int | None
    at: str | None


def moment(text: str) -> StartPoint:
    """`42`, `-10m`, `18:05`, `now`. Raises ValueError."""
    if text.isascii() and text.isdigit():
        return StartPoint(int(text), None)
    return StartPoint(None, None if text == NOW else when(text))


def beginning(visor: "Visor", text: str) -> StartPoint:
    """The same, where the latest has no other name than its rev. Raises ClientError and ValueError."""
    start = moment(text)
    return start if start != StartPoint(None, None) else StartPoint(visor.get_rev().rev, None)
