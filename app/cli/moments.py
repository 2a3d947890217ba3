"""A moment as people write it: a rev, or a time."""

from typing import TYPE_CHECKING, NamedTuple

from app.cli.calling import when

if TYPE_CHECKING:
    from visor_client import Visor

NOW = "now"


class Told(NamedTuple):
    """A moment as a call takes it: its rev, or its time; neither is the latest."""

    rev: int | None
    at: str | None


def moment(text: str) -> Told:
    """`42`, `-10m`, `18:05`, `now`. Raises ValueError."""
    if text.isascii() and text.isdigit():
        return Told(int(text), None)
    return Told(None, None if text == NOW else when(text))


def beginning(visor: "Visor", text: str) -> Told:
    """The same, where the latest has no other name than its rev. Raises ClientError and ValueError."""
    told = moment(text)
    return told if told != Told(None, None) else Told(visor.get_rev().rev, None)
