"""What upkeep drops in a running service: commits without an event, and nothing that is still kept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import maintenance
from app.models import key_terms, keys
from app.registry import idempotency
from app.settings import Settings
from app.store.embedded.memory_log import NoLog
from app.store.embedded.store import EmbeddedStore
from app.store.sqlite.log import SqliteLog
from tests.http.life.saying import done, events_after, ids, say, until
from tests.serving import Service

ENDED = "/apps/cat/proctypes/web/ended"


class Clock:
    """The time that a store's commits have: as it is now, less `behind`."""

    def __init__(self) -> None:
        self.behind = timedelta(days=40)

    def __call__(self) -> datetime:
        return datetime.now(UTC) - self.behind


Serve = Callable[[], Iterator[Service]]


@pytest.fixture(params=["memory", "sqlite"])
def aged(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Service, Clock]]:
    """A service that looks for old things all the time, and the clock of its store."""
    monkeypatch.setattr(maintenance, "SURPLUS_SECONDS", 0.01)
    monkeypatch.setattr(maintenance, "OLD_PASSES", 2)
    log = NoLog() if request.param == "memory" else SqliteLog(tmp_path / "visor.db")
    clock = Clock()
    store = EmbeddedStore(log, key_terms.index, history=5000, memory_revs=5000, clock=clock)
    service = Service(Settings(store="memory:", log_level="warning"), store)
    try:
        yield service, clock
    finally:
        service.stop()


@contextmanager
def quiet_commit(visor: Service) -> Iterator[int]:
    """Wait for upkeep's next commits; there is no event of them. Gives the rev before."""
    before = visor.rev
    yield before
    until(lambda: visor.rev > before)
    assert events_after(visor, before) == []


def test_an_ended_entry_is_dropped_after_thirty_days(aged: tuple[Service, Clock]) -> None:
    visor, clock = aged
    visor.runnable()
    first, second = visor.ticket(), visor.ticket()
    done(visor, "unregister", first)
    with quiet_commit(visor) as before:
        clock.behind = timedelta()
    assert ids(visor.get(ENDED).json()["items"]) == []
    assert ids(visor.get(f"{ENDED}?rev={before}").json()["items"]) == [first], "the past stays as it was"
    claim = say(visor, "claim", first)
    assert (claim.status_code, claim.json()["code"]) == (404, "not-found")
    # What lives is not dropped however old it is, and a new entry is kept.
    assert visor.get(f"/instances/{second}").json()["status"] == "pending"
    done(visor, "unregister", second)
    assert say(visor, "claim", second).json()["code"] == "invalid-state"
    assert visor.ticket() == second + 1, "the id of what was dropped is not given again"


def test_entries_beyond_the_newest_thousand_are_dropped(aged: tuple[Service, Clock]) -> None:
    visor, clock = aged
    clock.behind = timedelta()
    visor.runnable()
    visor.scale(1005)
    visor.scale(0)

    def surplus_is_gone() -> bool:
        return say(visor, "claim", 5).status_code == 404

    until(surplus_is_gone)
    assert [say(visor, "claim", id).status_code for id in (1, 5, 6, 1005)] == [404, 404, 409, 409]
    scaled = max(event["rev"] for event in events_after(visor, 0))
    assert visor.rev > scaled, "a rev without events"


def test_a_kept_answer_is_dropped_after_a_day(aged: tuple[Service, Clock]) -> None:
    visor, clock = aged
    clock.behind = timedelta(hours=25)
    visor.runnable()
    register = {"app": "cat", "revision": "128af9", "proctype": "web"}
    key = {"Idempotency-Key": "once"}
    first = visor.post("/instances", register, headers=key)
    again = visor.post("/instances", register, headers=key)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    with quiet_commit(visor):
        clock.behind = timedelta()
    anew = visor.post("/instances", register, headers=key)
    assert anew.json()["id"] == first.json()["id"] + 1
    assert "idempotency-replayed" not in anew.headers
    assert visor.post("/instances", register, headers=key).content == anew.content


def test_of_too_many_idempotency_keys_the_oldest_go_and_none_is_done_twice_before(
    aged: tuple[Service, Clock], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "MAX_RECORDS", 40)
    visor, _ = aged
    names = [f"s{n}" for n in range(100)]
    for name in names:
        assert visor.post("/services", {"name": name}, headers={"Idempotency-Key": name}).status_code == 201
    until(lambda: visor.context.store.stale().count(keys.IDEMPOTENCY) == 40)
    again = {
        name: visor.post("/services", {"name": name}, headers={"Idempotency-Key": name}).status_code
        for name in names
    }
    assert again == dict.fromkeys(names[:60], 409) | dict.fromkeys(names[60:], 201)
