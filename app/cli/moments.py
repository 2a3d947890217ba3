"""A moment as people write it: a rev, or a time."""

from typing import TYPE_CHECKING

from app.cli.calling import when

if TYPE_CHECKING:
    from visor_client import Visor


def rev_of(visor: "Visor", moment: str) -> int:
    """The rev that a moment is: of a time, the newest one up to then. Raises ClientError and ValueError."""
    if moment.isascii() and moment.isdigit():
        return int(moment)
    if moment == "now":
        return visor.get_rev().rev
    return visor.get_rev(at=when(moment)).rev
