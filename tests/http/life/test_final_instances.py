"""What has ended does not stay for ever: it is unregistered in bulk when that is asked for, and by upkeep
when `final_kept` is over. A claim that is not started within `claim_timeout` goes back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import maintenance
from app.main import limits_of
from app.models import key_terms
from app.settings import Settings
from app.store.embedded.memory_log import NoLog
from app.store.embedded.store import EmbeddedStore
from app.store.sqlite.log import SqliteLog
from tests.http.expect import invalid, refused
from tests.http.life.saying import done, events_after, everything, ids, say, ticket_in, until
from tests.serving import Service

ENDED = "/apps/cat/proctypes/web/ended"
FINAL = ("exited", "failed", "lost")
WHY = {"client": "ann", "reason": "cleaning up"}


def ended(visor: Service, path: str = ENDED) -> dict[int, dict[str, str]]:
    return {one["id"]: one for one in everything(visor, path, limit=1000)}


@pytest.mark.parametrize("status", FINAL)
def test_the_final_ones_of_a_status_are_unregistered_and_no_others(visor: Service, status: str) -> None:
    visor.runnable()
    states = ("pending", "claimed", "running", "stopping", *FINAL)
    there = {state: [ticket_in(visor, state) for _ in range(2)] for state in states}
    before = visor.rev
    answer = visor.delete("/instances", params={"status": status, **WHY})
    assert answer.json() == {"rev": visor.rev, "count": 2}
    assert answer.headers["Visor-Rev"] == str(visor.rev)
    assert sorted(ended(visor)) == there[status]
    assert {(e["status"], e["client"], e["reason"]) for e in ended(visor).values()} == {
        (status, "ann", "cleaning up")
    }
    left = sorted(id for state in states if state != status for id in there[state])
    assert ids(everything(visor, "/instances")) == left
    events = events_after(visor, before)
    assert [(e["type"], e["instance"]) for e in events] == [
        ("instance-unregister", id) for id in there[status]
    ]
    assert len({event["rev"] for event in events}) == 1, "up to a hundred are one commit"


def test_the_filters_of_a_bulk_fit_as_those_of_the_list(visor: Service) -> None:
    visor.runnable()
    visor.runnable("dog", "web", "r2")
    visor.made("/apps/cat/proctypes", {"name": "worker"})
    for app, proctype, ref in (("cat", "web", "128af9"), ("cat", "worker", "128af9"), ("dog", "web", "r2")):
        for _ in range(2):
            done(visor, "lost", visor.ticket(app, proctype, ref))

    def bulk(**params: object) -> int:
        answer = visor.delete("/instances", params={"status": "lost", **params})
        assert answer.status_code == 200, answer.text
        return int(answer.json()["count"])

    assert bulk(app="cow") == 0
    assert bulk(app="cat", revision="r2") == 0
    assert bulk(app="cat", proctype="worker") == 2
    assert bulk(revision="r2", proctype=["web", "worker"]) == 2
    assert ids(everything(visor, "/instances")) == [1, 2]
    assert bulk(app=["cat", "dog"]) == 2
    assert bulk() == 0
    assert sorted([*ended(visor), *ended(visor, "/apps/cat/proctypes/worker/ended")]) == [1, 2, 3, 4]


@pytest.mark.parametrize("query", ["", "status=active", "status=running", "status=failed&status=pending"])
def test_a_bulk_is_of_final_ones_that_are_named(visor: Service, query: str) -> None:
    visor.runnable()
    ticket_in(visor, "failed")
    before = visor.rev
    invalid(visor.delete(f"/instances?{query}"), "query", "status")
    invalid(visor.delete("/instances?status=failed&stauts=lost"), "query", "stauts")
    assert visor.rev == before


def test_a_bulk_has_no_resource_to_match(visor: Service) -> None:
    visor.runnable()
    ticket_in(visor, "failed")
    for tag in ("*", '"1"'):
        answer = visor.delete("/instances?status=failed", headers={"If-Match": tag})
        refused(answer, 412, "rev-mismatch")
    assert ended(visor) == {}


def test_many_are_unregistered_in_batches_that_each_leave_a_true_state(visor: Service) -> None:
    visor.runnable()
    count = 230
    visor.scale(count)
    for id in range(1, count + 1):
        done(visor, "lost", id)
    before = visor.rev
    answer = visor.delete("/instances?status=lost&reason=flood")
    assert answer.json() == {"rev": visor.rev, "count": count}
    events = events_after(visor, before)
    assert [event["instance"] for event in events] == list(range(1, count + 1))
    sizes = [sum(e["rev"] == rev for e in events) for rev in sorted({e["rev"] for e in events})]
    assert sizes == [100, 100, 30]
    assert visor.get("/instances").json()["items"] == []
    # Nothing is left to do: the same again makes no commit.
    assert visor.delete("/instances?status=lost").json() == {"rev": visor.rev, "count": 0}


def test_a_batch_is_bounded_by_bytes_too(visor: Service) -> None:
    """A reason of 4,096 characters is up to 16 KiB: a hundred of them are more than etcd takes at once."""
    visor.runnable()
    visor.scale(60)
    for id in range(1, 61):
        done(visor, "lost", id)
    before = visor.rev
    answer = visor.delete("/instances", params={"status": "lost", "reason": "\U0001f600" * 500})
    assert answer.json()["count"] == 60
    store = visor.context.store
    commits = visor.inside(store.commits(before, 100))
    for commit in commits:
        assert sum(len(change.after.value) for change in commit.changes if change.after) < 1024 * 1024
    assert len(ended(visor)) == 60


class Clock:
    """The time that a store's commits have: as it is now, less `behind`."""

    def __init__(self) -> None:
        self.behind = timedelta(hours=2)

    def __call__(self) -> datetime:
        return datetime.now(UTC) - self.behind


@pytest.fixture(params=["memory", "sqlite"])
def clocked(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Service, Clock]]:
    """A service that looks all the time, keeps final ones for an hour and claims for a minute; and the clock
    of its store."""
    monkeypatch.setattr(maintenance, "SHORTEST_PAUSE", 0.01)
    monkeypatch.setattr(maintenance, "LONGEST_PAUSE", 0.01)
    log = NoLog() if request.param == "memory" else SqliteLog(tmp_path / "visor.db")
    clock = Clock()
    store = EmbeddedStore(log, key_terms.index, history=5000, memory_revs=5000, clock=clock)
    settings = Settings(store="memory:", log_level="warning", final_kept=3600, claim_timeout=60)
    service = Service(settings, store)
    try:
        yield service, clock
    finally:
        service.stop()


def test_what_is_final_leaves_when_its_time_is_over(clocked: tuple[Service, Clock]) -> None:
    visor, clock = clocked
    visor.runnable()
    old = [ticket_in(visor, state) for state in FINAL]
    lives = [ticket_in(visor, state) for state in ("pending", "running", "stopping")]
    clock.behind = timedelta()
    new = [ticket_in(visor, state) for state in FINAL]
    until(lambda: sorted(ended(visor)) == old)
    assert ids(everything(visor, "/instances")) == [*lives, *new], "what is not final stays however old"
    entries = ended(visor)
    assert [entries[id]["status"] for id in old] == list(FINAL)
    assert {entry["client"] for entry in entries.values()} == {"visor"}
    assert [entries[id]["reason"] for id in old] == [None, "crashed", "host is away"]
    gone = [e for e in events_after(visor, 0) if e["type"] == "instance-unregister"]
    assert sorted(event["instance"] for event in gone) == old
    assert {event["actor"] for event in gone} == {"visor"}, "journaled as upkeep's own"


def test_more_than_a_page_of_final_ones_leaves_in_bounded_steps(clocked: tuple[Service, Clock]) -> None:
    visor, clock = clocked
    visor.runnable()
    visor.scale(130)
    for id in range(1, 131):
        done(visor, "lost", id)
    clock.behind = timedelta()
    until(lambda: visor.get("/instances").json()["items"] == [], 60)
    gone = [e["rev"] for e in events_after(visor, 0) if e["type"] == "instance-unregister"]
    assert len(gone) == 130
    assert max(gone.count(rev) for rev in gone) <= 100


def test_a_claim_that_is_not_started_in_time_goes_back(clocked: tuple[Service, Clock]) -> None:
    visor, clock = clocked
    visor.runnable()
    late, runs = ticket_in(visor, "claimed"), ticket_in(visor, "running")
    token = visor.get(f"/instances/{late}").json()["claim_rev"]
    clock.behind = timedelta()
    in_time = ticket_in(visor, "claimed")
    until(lambda: visor.get(f"/instances/{late}").json()["status"] == "pending")
    given_back = visor.get(f"/instances/{late}").json()
    assert given_back["claims"][-1]["error"] == "not started within 60 seconds"
    assert (given_back["host"], given_back["claim_rev"], given_back["claimed_at"]) == (None, None, None)
    [event] = [e for e in events_after(visor, 0) if e["type"] == "instance-unclaim"]
    assert (event["instance"], event["actor"], event["object"]) == (late, "visor", given_back)
    assert [visor.get(f"/instances/{id}").json()["status"] for id in (runs, in_time)] == [
        "running",
        "claimed",
    ]
    # The one that slept through it cannot speak for the next holder.
    refused(say(visor, "start", late, claim_rev=token), 403, "not-claimer")
    assert visor.post("/instances/claim", {"host": "10.0.0.9"}).json()["id"] == late


def test_nothing_leaves_and_no_claim_goes_back_where_that_is_not_set() -> None:
    assert limits_of(Settings(final_kept=0, claim_timeout=0)) == []
    [kept] = limits_of(Settings())
    assert kept.lifetime == timedelta(days=1), "by default final ones are kept for a day, claims for ever"
    assert len(limits_of(Settings(claim_timeout=30))) == 2
