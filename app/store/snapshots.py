"""Asking a snapshot: at once where it is in memory, in a thread where it waits for a disk."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from app.store.contract import Snapshot

T = TypeVar("T")


async def ask(snapshot: Snapshot, query: Callable[[Snapshot], T]) -> T:
    """The query's answer. It is a pure function of the snapshot."""
    if snapshot.blocking:
        return await asyncio.to_thread(query, snapshot)
    return query(snapshot)
