"""A clock that is set neither makes time go back nor ends a lease early."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.models import key_terms
from app.settings import Settings
from app.store.embedded.memory_log import NoLog
from app.store.embedded.store import EmbeddedStore
from app.store.sqlite.log import SqliteLog
from tests.serving import Service


class Clock:
    """A wall clock that can be set."""

    def __init__(self) -> None:
        self.off = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.off


@contextmanager
def _serving(log: Any, clock: Clock) -> Iterator[Service]:
    store = EmbeddedStore(log, key_terms.index, history=1000, memory_revs=1000, clock=clock)
    visor = Service(Settings(store="memory:"), store)
    try:
        yield visor
    finally:
        visor.stop()


def _times(visor: Service) -> list[str]:
    page = visor.get("/events?rev=0&limit=1000", headers={"Accept": "application/json"}).json()
    return [event["at"] for event in page["items"]]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_at_does_not_go_back_with_the_clock(kind: str, tmp_path: Path) -> None:
    clock = Clock()

    def log() -> Any:
        return NoLog() if kind == "memory" else SqliteLog(tmp_path / "visor.db")

    with _serving(log(), clock) as visor:
        visor.runnable()
        now = visor.get("/rev").json()["at"]
        clock.off = -timedelta(hours=1)
        later = visor.made("/apps/cat/revisions", {"ref": "next"})
        assert later["updated_at"] == later["created_at"] == visor.get("/rev").json()["at"] >= now
        assert visor.patch("/apps/cat", {"stack": "squeeze"}).json()["updated_at"] >= now
        clock.off = timedelta(hours=1)
        assert visor.made("/services", {"name": "a"})["created_at"] > now
        clock.off = -timedelta(days=400)
        visor.made("/services", {"name": "b"})
        times = _times(visor)
        assert times == sorted(times)
    if kind == "sqlite":
        with _serving(log(), clock) as visor:
            visor.made("/services", {"name": "c"})
            assert _times(visor) == sorted(_times(visor)) == [*times, times[-1]], "nor over a restart"


@pytest.mark.parametrize("step", [timedelta(days=2), -timedelta(days=2)])
def test_leases_go_by_another_clock(step: timedelta) -> None:
    """One of a minute lives on, one of a second ends in its time, whichever way the clock is set."""
    clock = Clock()
    with _serving(NoLog(), clock) as visor:
        visor.put("/members/pms/10.0.0.1", {"version": "1", "ttl": 60})
        clock.off = step
        began = time.monotonic()
        visor.put("/members/pms/10.0.0.2", {"version": "1", "ttl": 1})
        page = visor.get("/events?rev=2&wait=60", headers={"Accept": "application/json"}).json()
        assert time.monotonic() - began > 0.9
        assert [(event["type"], event["member"]) for event in page["items"]] == [
            ("member-unregister", "10.0.0.2")
        ]
        assert visor.get("/members/pms/10.0.0.1").status_code == 200


def test_a_key_of_a_retry_lives_its_24_hours_by_the_journals_time() -> None:
    clock = Clock()
    body = {"name": "a"}
    with _serving(NoLog(), clock) as visor:
        made = visor.post("/services", body, headers={"Idempotency-Key": "k"})
        clock.off = -timedelta(days=3)
        again = visor.post("/services", body, headers={"Idempotency-Key": "k"})
        assert (again.status_code, again.content) == (201, made.content)
        assert again.headers["idempotency-replayed"] == "true"
        clock.off = timedelta(hours=25)
        assert visor.post("/services", body, headers={"Idempotency-Key": "k"}).status_code == 409
