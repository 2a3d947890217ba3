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


def held_bytes(size: int) -> int:
    """What a version whose value has this size takes in the history, roughly: the value, what is said of it
    (`Record.wire`), and as much again in the event that shows it."""
    return CHANGE_BYTES + 3 * size


def commit_bytes(commit: Commit) -> int:
    """What can be freed with a commit: itself, its events, and the states that it has replaced."""
    size = 0
    for _, before, after in commit.changes:
        if before is not None:
            size += held_bytes(len(before.value))
        if after is not None:
            size += held_bytes(len(after.value))
    return COMMIT_BYTES + size // 2
