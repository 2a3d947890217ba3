"""A snapshot that remembers what was read of it: what a commit has to guard."""

from collections.abc import Collection, Sequence

from app.store.contract import Fence, Record, Snapshot


class Recording:
    """Reads of another snapshot. `keys` are those that were asked for, with what was there; of a term
    that was scanned or counted, its fence is asked for."""

    def __init__(self, snapshot: Snapshot, fence: Fence) -> None:
        self._snapshot = snapshot
        self._fence = fence
        self.keys: dict[str, Record | None] = {}

    @property
    def rev(self) -> int:
        return self._snapshot.rev

    @property
    def blocking(self) -> bool:
        return self._snapshot.blocking

    def get(self, key: str) -> Record | None:
        record = self._snapshot.get(key)
        self.keys[key] = record
        return record

    def scan(
        self, term: str, *, after: str = "", limit: int | None = None, reverse: bool = False
    ) -> list[Record]:
        self._note(term)
        return self._snapshot.scan(term, after=after, limit=limit, reverse=reverse)

    def select(
        self, groups: Sequence[Collection[str]], *, after: str = "", limit: int | None = None
    ) -> list[Record]:
        for term in {term for group in groups for term in group}:
            self._note(term)
        return self._snapshot.select(groups, after=after, limit=limit)

    def count(self, term: str) -> int:
        self._note(term)
        return self._snapshot.count(term)

    def _note(self, term: str) -> None:
        fence = self._fence(term)
        if fence is not None:
            self.get(fence)
