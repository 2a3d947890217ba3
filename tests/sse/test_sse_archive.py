"""History that has left the memory is served from disk, identically."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.errors import CoordinatorUnavailable
from app.models import key_terms
from app.settings import Settings
from app.store.contract import Changes
from app.store.embedded.store import EmbeddedStore
from app.store.records import Origin
from app.store.sqlite.log import SqliteLog
from tests.serving import Service, serving
from tests.sse.platform_history import live_a_while
from tests.sse.sse_reader import SseStream


def _history(store: str, memory_revs: int) -> tuple[bytes, bytes]:
    with serving(store=store, memory_revs=memory_revs, bookmark=0.02) as visor:
        if visor.rev == 0:
            live_a_while(visor)
        with SseStream(visor.port, "/events", rev=0) as stream:
            frames = [frame.raw for frame in stream.up_to(visor.rev) if frame.is_event]
        page = visor.get("/events?rev=0&limit=1000", headers={"Accept": "application/json"})
        return b"\n\n".join(frames), page.content


def test_events_from_disk_are_those_from_memory(tmp_path: Path) -> None:
    """Byte for byte, whatever is held in memory, and over restarts."""
    store = f"sqlite:///{tmp_path}/visor.db"
    held = _history(store, 20_000)
    assert len(held[0]) > 20_000
    for memory_revs in (1, 7, 30, 20_000):
        assert _history(store, memory_revs) == held


def test_a_stream_goes_from_disk_to_memory_without_a_seam(tmp_path: Path) -> None:
    with serving(store=f"sqlite:///{tmp_path}/visor.db", memory_revs=5) as visor:
        for number in range(40):
            visor.made("/services", {"name": f"s{number}"})
        with SseStream(visor.port, "/events", rev=0) as stream:
            for number in range(40, 60):
                visor.made("/services", {"name": f"s{number}"})
            assert [frame.id for frame in stream.events(60)] == [f"{rev}-0" for rev in range(1, 61)]


class Faltering:
    """A log in a file whose old history cannot be read while it is `away`, as while it is opened again."""

    def __init__(self, path: Path) -> None:
        self._log: Any = SqliteLog(path)
        self.away = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def commits(self, after: int, limit: int) -> Any:
        if self.away:
            raise CoordinatorUnavailable("The store's old history cannot be read.")
        return self._log.commits(after, limit)


def test_a_history_that_falters_ends_streams_cleanly_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Streams that need it end, to be resumed; who waits is still woken when it is back."""
    log = Faltering(tmp_path / "visor.db")
    store = EmbeddedStore(log, key_terms.index, history=1000, memory_revs=1)
    visor = Service(Settings(store="memory:"), store)
    try:
        _write_group(visor, 5)
        stream = SseStream(visor.port, "/events", rev=0)
        assert len(stream.events(5)) == 5
        log.away = True
        _write_group(visor, 5)  # at once: the first four are not in memory when the hub looks
        rest = [frame for frame in stream.rest() if frame.is_event]
        assert stream.whole
        log.away = False
        place = rest[-1].id if rest else "5-0"
        with SseStream(visor.port, "/events", last_event_id=place) as again, ThreadPoolExecutor(1) as pool:
            assert [f.rev for f in rest + again.events(5 - len(rest))] == [6, 7, 8, 9, 10]
            waiting = pool.submit(visor.get, "/events?wait=20", headers={"Accept": "application/json"})
            while visor.context.capacity.subscribers < 2:
                pass
            visor.made("/services", {"name": "after"})
            assert [event["type"] for event in waiting.result(60).json()["items"]] == ["service-register"]
        stream.close()
    finally:
        visor.stop()
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []


def _write_group(visor: Service, count: int) -> None:
    """So many commits of one event, durable together."""

    async def write() -> None:
        first = visor.context.store.rev
        await asyncio.gather(
            *(
                visor.context.store.transact(
                    lambda snapshot, at, key=f"spaceship/{first + n}": Changes(puts={key: b"{}"}),
                    Origin("test", "group"),
                )
                for n in range(count)
            )
        )

    loop = visor.context.hub._task.get_loop()
    asyncio.run_coroutine_threadsafe(write(), loop).result(60)
