"""How much of the history is held in memory, and what it takes there."""

from typing import NamedTuple

from app.store.records import Commit

COMMIT_BYTES = 1_000
CHANGE_BYTES = 600
"""What a commit and each of its changes take beside the values, roughly."""


class Window(NamedTuple):
    """How much of the history is held in memory: so many of the newest commits, and of these no more than
    take so many bytes (None: as many as they take)."""

    revs: int
    bytes: int | None = None


def held_bytes(size: int, versions: int = 1) -> int:
    """What versions whose values together have this size take in the history, roughly: the values, their
    JSON (`Record.wire`), and as much again in the events that show them."""
    return CHANGE_BYTES * versions + 3 * size


def commit_bytes(commit: Commit) -> int:
    """What can be freed with a commit: itself, its events, and the states that it has replaced."""
    sizes = [len(side.value) for change in commit.changes for side in change[1:] if side is not None]
    return COMMIT_BYTES + held_bytes(sum(sizes), len(sizes)) // 2
