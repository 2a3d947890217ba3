"""Finds known names that are nearly the one given, for `did you mean`."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` is most likely a slip of; None where none is close."""
    # In a short name one slip is a larger part: `evn` has two of three letters in common with `env`.
    cutoff = 0.8 if len(name) > 4 else 0.65
    matches = difflib.get_close_matches(name, list(known), n=3, cutoff=cutoff)

    def likeness(each: str) -> tuple[float, int]:
        return difflib.SequenceMatcher(None, each, name).ratio(), -abs(len(each) - len(name))

    return max(matches, key=likeness, default=None)
