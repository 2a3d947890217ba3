"""Where an embedded store keeps its commits: what it asks of a log, whichever it is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.store.contract import Commit, Index, Journal, Record, Snapshot
from app.store.history import Window
from app.store.history_size import Mark


class LogBroken(Exception):
    """The log cannot say whether the group is durable. It has to be opened again to find out."""


@dataclass(slots=True)
class Loaded:
    """What a log holds: the state at `floor`, and the commits after it up to `rev`. `marks` say how much the
    history takes: see `HistorySize`."""

    rev: int
    oldest_rev: int
    floor: int
    records: Iterable[Record]
    commits: Iterable[Commit]
    last: Journal | None
    marks: list[Mark] = field(default_factory=lambda: [Mark(0, 0)])


class Log(Protocol):
    """Where an embedded store keeps its commits. Called from one thread at a time."""

    def open(self, index: Index, window: Window) -> Loaded:
        """Take hold of the log. Raises StartError. Gives the newest commits that the window takes."""

    def append(self, commits: Sequence[Commit], oldest_rev: int, marks: Sequence[Mark] = ()) -> None:
        """Keep the commits and the marks; durable when it returns. Raises StorageFull (nothing was kept) or
        LogBroken. May drop some of the history before `oldest_rev`."""

    @property
    def untidy(self) -> bool:
        """Whether there is something for `tidy` to do. May be asked from any thread."""

    def tidy(self) -> None:
        """Do what can wait until those are answered whose commits were appended. Does not raise."""

    def snapshot(self, rev: int) -> Snapshot:
        """The state at a rev that is no longer in memory. May be read in any one thread at a time."""

    def commits(self, after: int, limit: int) -> list[Commit]:
        """Commits that are no longer in memory."""

    def journal_at(self, rev: int) -> Journal | None:
        """The journal of the latest kept commit at or before `rev`."""

    def statistics(self) -> dict[str, float]: ...

    def close(self) -> None: ...
