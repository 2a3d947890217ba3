"""Where an embedded store keeps its commits: what it asks of a log, whichever it is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from app.store.contract import Index, Snapshot
from app.store.history_size import Mark
from app.store.records import Commit, Entry, Journal, Record
from app.store.window import Window


class LogBroken(Exception):
    """The log cannot say whether the group is durable. It has to be opened again to find out."""


class LogMoved(Exception):
    """What is at the log's place is not what was opened there: it was removed, or another was put there. The
    message says which; it goes on from "the store's file .."."""


class Identity(NamedTuple):
    """By what a log is known again: its id, a rev, and the journal of the commit at that rev."""

    id: str
    rev: int
    journal: Journal | None


@dataclass(slots=True)
class Loaded:
    """What a log holds: the state at `floor`, and the commits after it up to `rev`. `marks` say how much the
    history takes: see `HistorySize`."""

    id: str
    rev: int
    oldest_rev: int
    floor: int
    records: Iterable[Record]
    commits: Iterable[Commit]
    last: Journal | None
    marks: list[Mark] = field(default_factory=lambda: [Mark(0, 0)])


class Log(Protocol):
    """Where an embedded store keeps its commits. Called from one thread at a time."""

    def open(self, index: Index, window: Window, *, create: bool = True) -> Loaded:
        """Take hold of the log. Gives the newest commits that the window takes. Where there is nothing, a
        new log is begun, or, without `create`, LogMoved raised. Raises StartError."""

    def check(self) -> None:
        """Raises LogMoved where what is open is not, or no longer, what is at the log's place."""

    def look(self, rev: int) -> Identity:
        """The id and the latest rev of what is at the log's place, with the journal of its commit at `rev`,
        None where it has none there. It need not be what is open. Raises LogMoved, StartError."""

    def append(self, commits: Sequence[Commit], oldest_rev: int, marks: Sequence[Mark] = ()) -> None:
        """Keep the commits and the marks; durable when it returns. Raises StorageFull (nothing was kept),
        LogBroken, or LogMoved (whether they are kept depends on what becomes of what is open). May drop some
        of the history before `oldest_rev`."""

    @property
    def untidy(self) -> bool:
        """Whether there is something for `tidy` to do. May be asked from any thread."""

    def tidy(self) -> None:
        """Do what can wait until those are answered whose commits were appended. Does not raise."""

    def snapshot(self, rev: int) -> Snapshot:
        """The state at a rev that is no longer in memory. May be read in any one thread at a time."""

    def commits(self, after: int, limit: int) -> list[Commit]:
        """Commits that are no longer in memory."""

    def journals(self, after: int, limit: int) -> list[Entry]:
        """Journal entries of commits that are no longer in memory."""

    def journal_at(self, rev: int) -> Journal | None:
        """The journal of the latest kept commit at or before `rev`."""

    def statistics(self) -> dict[str, float]: ...

    def close(self) -> None: ...
