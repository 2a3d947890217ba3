"""The stores that the contract suite runs against, by kind."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from contract_words import index

from app.store.contract import Store
from app.store.embedded import EmbeddedStore
from app.store.memory import NoLog
from app.store.sqlite import SqliteLog

DURABLE = ("sqlite", "sqlite-small-window")
"""Those that keep what they have over a restart."""

KINDS = ("memory", *DURABLE)


def build(kind: str, path: Path, *, history: int = 1000, **more: Any) -> EmbeddedStore:
    """A store that is not open. With the small window nearly all reads are served by the archive."""
    if kind == "memory":
        return EmbeddedStore(NoLog(), index, history=history, memory_revs=history, **more)
    window = 2 if kind == "sqlite-small-window" else history
    return EmbeddedStore(SqliteLog(path), index, history=history, memory_revs=window, **more)


@dataclass
class Maker:
    """Opens stores of one kind on one file, and closes what a test leaves open."""

    kind: str
    path: Path
    opened: list[Store] = field(default_factory=list)

    @property
    def durable(self) -> bool:
        return self.kind != "memory"

    async def __call__(
        self, *, history: int = 1000, clock: Callable[[], datetime] | None = None
    ) -> EmbeddedStore:
        store = build(self.kind, self.path, history=history, **({"clock": clock} if clock else {}))
        await store.open()
        self.opened.append(store)
        return store

    async def close(self) -> None:
        for store in self.opened:
            await store.close()
