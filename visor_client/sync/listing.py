"""A list, page by page."""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar

from visor_client.decoding import read
from visor_client.records import Record

R = TypeVar("R", bound=Record)


class Listing(Generic[R]):
    """Iterate over it, once: pages are asked for as they are needed, and all are of one snapshot, `rev`. It
    is None until the first page has come. `head` is what that page says beside its items."""

    def __init__(self, page: Callable[[str | None], dict[str, Any]], kind: type[R]) -> None:
        self.rev: int | None = None
        self.head: dict[str, Any] = {}
        self._page = page
        self._kind = kind
        self._items: list[dict[str, Any]] = []
        self._cursor: str | None = None
        self._last = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> R:
        while not self._items:
            if self._last:
                raise StopIteration
            page = self._page(self._cursor)
            self.rev = page["rev"]
            self.head = self.head or {name: value for name, value in page.items() if name != "items"}
            self._items = page["items"][::-1]
            self._cursor = page["next"]
            self._last = self._cursor is None
        return read(self._kind, self._items.pop(), snapshot_rev=self.rev)

    def all(self) -> list[R]:
        """All that is left of it."""
        return list(self)
