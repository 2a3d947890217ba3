"""Cuts free text to a limit, counted in the bytes that it takes as JSON, not in characters."""

from bisect import bisect_right

from pydantic_core import to_json

_CUT = "\u2026"
"""Ends a text that was cut."""


def kept_size(text: str) -> int:
    return len(to_json(text)) - 2


def cut(text: str, room: int) -> str:
    """As much of the text as the room takes."""
    if kept_size(text) <= room:
        return text
    fitting = bisect_right(range(1, len(text)), room, key=lambda length: kept_size(text[:length] + _CUT))
    return text[:fitting] + _CUT if fitting else ""
