"""History that has left the memory is served from disk, identically."""

from pathlib import Path

from tests.serving import serving
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
