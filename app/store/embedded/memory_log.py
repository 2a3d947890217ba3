"""The log that keeps nothing: `memory:`, the reference that the contract suite is written against."""

from collections.abc import Sequence

from app.store.contract import Index, Snapshot
from app.store.embedded.log import Identity, Loaded
from app.store.history_size import Mark
from app.store.records import Commit, Entry, Journal
from app.store.window import Window


class NoLog:
    """Everything is in the history, and the history is everything (`memory_revs` = `history`)."""

    def open(self, index: Index, window: Window, *, create: bool = True) -> Loaded:
        return Loaded(id="memory", rev=0, oldest_rev=0, floor=0, records=(), commits=(), last=None)

    def check(self) -> None:
        pass

    def look(self, rev: int) -> Identity:
        raise AssertionError("it is never opened again: nothing fails in it")

    def append(self, commits: Sequence[Commit], oldest_rev: int, marks: Sequence[Mark] = ()) -> None:
        pass

    @property
    def untidy(self) -> bool:
        return False

    def tidy(self) -> None:
        pass

    def snapshot(self, rev: int) -> Snapshot:
        raise AssertionError(f"rev {rev} is in memory: nothing is ever moved out of it")

    def commits(self, after: int, limit: int) -> list[Commit]:
        raise AssertionError(f"the commits after {after} are in memory")

    def journals(self, after: int, limit: int) -> list[Entry]:
        raise AssertionError(f"the journal after {after} is in memory")

    def journal_at(self, rev: int) -> Journal | None:
        return None

    def statistics(self) -> dict[str, float]:
        return {}

    def close(self) -> None:
        pass
