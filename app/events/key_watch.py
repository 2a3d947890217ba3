"""Waits for a change of one key, at the cost of one look-up for each change of any key."""

import asyncio

from app.store.records import Commit


class KeyWatch:
    """Listens to the hub."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def watch(self, key: str, event: asyncio.Event | None = None) -> "KeyWait":
        """A context manager; changes from its start on are noticed, and set the event."""
        return KeyWait(self._waiting, key, event or asyncio.Event())

    def listen(self, commit: Commit | None) -> None:
        """The hub's listener."""
        if not self._waiting:
            return
        changed = self._waiting if commit is None else [change.key for change in commit.changes]
        for key in changed:
            for event in self._waiting.get(key, ()):
                event.set()


class KeyWait:
    """One who waits for one key."""

    def __init__(self, waiting: dict[str, set[asyncio.Event]], key: str, event: asyncio.Event) -> None:
        self._waiting = waiting
        self._key = key
        self._event = event

    def __enter__(self) -> "KeyWait":
        self._waiting.setdefault(self._key, set()).add(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        others = self._waiting[self._key]
        others.discard(self._event)
        if not others:
            del self._waiting[self._key]

    async def changed(self, seconds: float) -> bool:
        """Wait for the next change. False when the time is over."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True
