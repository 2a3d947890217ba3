"""Documents and reverts through two replicas: each is before or after every other write, never half, and each
replica gives the same answer for a time."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.errors import CoordinatorUnavailable
from app.http import planned_write
from app.models import fences
from app.registry.readable import index
from app.settings import Settings
from app.store.contract import Fences
from app.store.open import open_store
from tests.etcd.cluster import Cluster
from tests.etcd.replicas import at_once, line, replicas, store_url, until_ok
from tests.http.expect import refused
from tests.serving import APP, Service

RACES = int(os.environ.get("VISOR_TEST_RACES", "4"))
"""Races of each kind; 100 takes some minutes."""

SECONDS = float(os.environ.get("VISOR_TEST_CLOCK_SECONDS", "0.5"))
"""For which the registry is asked about times, with clocks that disagree, at least."""

APART = float(os.environ.get("VISOR_TEST_CLOCKS_APART", "0.5"))
"""Seconds between the two clocks. A time is settled 2 seconds after that, in the service it is 10: the long
form has both 2 seconds and 10, for a minute."""


@pytest.fixture
def two(etcd: Cluster, tmp_path: Path) -> Iterator[list[Service]]:
    with replicas(etcd.endpoints, tmp_path.name) as services:
        yield services


def env_sets(*refs: str, **env: str) -> dict[str, Any]:
    sets = [{"ref": ref, "vars": {"A": ref}} for ref in refs]
    return {"apps": [{**APP, "env": env, "env_sets": sets}]}


def test_of_two_appliers_with_one_plan_one_does_it_and_the_other_is_told(two: list[Service]) -> None:
    here, there = two
    here.made("/apps", APP)
    for number in range(RACES):
        document = env_sets(f"e{number}", n=f"{number}")
        plan = here.post("/apply?dry_run=true", document).json()["plan"]
        asked = {**document, "plan": plan}
        answers = at_once([partial(one.post, "/apply", asked) for one in (here, there)])
        assert sorted(answer.status_code for answer in answers) == [200, 412], number
        (lost,) = (answer for answer in answers if answer.status_code == 412)
        problem = refused(lost, 412, "rev-mismatch")
        assert problem["plan"] != plan


def test_a_revert_and_a_document_are_before_or_after_each_write_of_the_other_replica(
    two: list[Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables are written through one, reverts and documents through the other: what is there in the end is
    what was written after the last revert, and each document is there whole."""
    # On a slow machine the writes of the other come between for longer than is usually waited for: 409.
    monkeypatch.setattr(planned_write, "HELD", 60.0)
    here, there = two
    here.made("/apps", APP)
    before = here.rev
    for race in range(RACES):
        written: list[tuple[str, int]] = []

        def write(race: int = race, written: list[tuple[str, int]] = written) -> None:
            for number in range(12):
                answer = there.put(f"/apps/cat/env/w{race}.{number}", {"value": "x"})
                assert answer.status_code == 200, answer.text
                written.append((f"w{race}.{number}", answer.json()["rev"]))

        def plan(race: int = race) -> tuple[int, int]:
            document = env_sets(f"a{race}", f"b{race}", applied=f"{race}")
            applied = here.post("/apply", document)
            reverted = here.post("/revert", {"path": "/apps/cat", "to_rev": before, "delete": True})
            assert (applied.status_code, reverted.status_code) == (200, 200), (applied.text, reverted.text)
            return applied.json()["rev"], reverted.json()["rev"]

        _, (applied, reverted) = at_once([lambda: write() or (0, 0), plan])
        assert applied < reverted
        vars = there.get("/apps/cat/env").json()["vars"]
        assert set(vars) == {name for name, rev in written if rev > reverted}
        at_document = there.get(f"/apps/cat/envs?rev={applied}").json()["items"]
        assert [one["ref"] for one in at_document] == [f"a{race}", f"b{race}"]
        assert there.get(f"/apps/cat/env?rev={applied}").json()["vars"]["applied"] == f"{race}"
        assert there.get("/apps/cat/envs").json()["items"] == []
        here.post("/revert", {"path": "/apps/cat", "to_rev": before, "delete": True})


def test_who_follows_the_other_replica_sees_a_large_commit_whole_at_one_rev(two: list[Service]) -> None:
    """A document of 400 env sets, with writes before and behind it, as a stream tells it."""
    here, there = two
    here.made("/apps", APP)
    start, count = here.rev, 400
    seen: list[dict[str, Any]] = []

    def follow() -> None:
        with there.client.stream("GET", f"/events?rev={start}") as stream:
            for text in stream.iter_lines():
                if text.startswith("data: {") and '"type"' in text:
                    seen.append(json.loads(text.removeprefix("data: ")))
                    if seen[-1].get("app") == "end":
                        return

    following = threading.Thread(target=follow)
    following.start()
    refs = [f"e{number:03}" for number in range(count)]
    answers = at_once(
        [
            lambda: here.post("/apply", env_sets(*refs)),
            *(lambda n=n: there.put(f"/apps/cat/env/k{n}", {"value": "x"}) for n in range(3)),
        ]
    )
    assert {answer.status_code for answer in answers} == {200}
    here.made("/apps", {**APP, "name": "end"})
    following.join(60)
    assert not following.is_alive()
    rev = answers[0].json()["rev"]
    whole = [event for event in seen if event["rev"] == rev]
    assert sorted(event["object"]["ref"] for event in whole) == refs
    assert [event["index"] for event in whole] == list(range(count))
    places = [number for number, event in enumerate(seen) if event["rev"] == rev]
    assert places == list(range(places[0], places[0] + count)), "nothing comes between"
    assert [event["rev"] for event in seen] == sorted(event["rev"] for event in seen)


def test_two_replicas_whose_clocks_disagree_give_one_rev_for_one_time(
    etcd: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are written to all the while. What one has said of a time, both say for ever."""
    apart = timedelta(seconds=APART)
    settled = apart + timedelta(seconds=8 if APART >= 2 else 2)
    monkeypatch.setattr("app.store.etcd.store.UNSETTLED", settled)
    monkeypatch.setattr("app.store.etcd.sending.OLD", settled.total_seconds() / 2)
    url = store_url(etcd.endpoints, tmp_path.name)
    said: dict[str, int] = {}
    stop = threading.Event()

    def write(service: Service, name: str, pause: float) -> None:
        number = 0
        while not stop.is_set():
            assert service.put(f"/apps/cat/env/{name}", {"value": f"{number}"}).status_code == 200
            number += 1
            stop.wait(pause)

    def enough(began: float) -> bool:
        over = time.monotonic() > began + SECONDS
        return over and (len(set(said.values())) > 8 or time.monotonic() > began + 120)

    with _with_clock(url, timedelta()) as here, _with_clock(url, apart) as there:
        here.made("/apps", APP)
        # After each commit that is ahead, times stand still for a while, and then go on behind it.
        paces = ((here, "a", 0.01), (there, "b", 2 * APART))
        writers = [threading.Thread(target=write, args=each) for each in paces]
        for writer in writers:
            writer.start()
        try:
            began = time.monotonic()
            while not enough(began):
                for service, ahead in ((here, timedelta()), (there, apart)):
                    # The newest time that this replica takes for settled.
                    at = (datetime.now(UTC) + ahead - settled).isoformat()
                    answer = service.get("/rev", params={"at": at})
                    if answer.status_code == 200:  # before the first commit it is 410
                        said[at] = answer.json()["rev"]
                time.sleep(0.01)
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        for at, rev in list(said.items())[:: len(said) // 200 + 1]:
            for service in (here, there):
                assert _rev_at(service, at) == rev, at
        assert len(set(said.values())) > 8


def _rev_at(service: Service, at: str) -> int:
    """What it says of the time, once that is settled for its own clock."""
    while (answer := service.get("/rev", params={"at": at})).status_code == 400:
        assert answer.json()["code"] in ("time-unsettled", "time-in-future")
        time.sleep(0.05)
    rev: int = answer.json()["rev"]
    return rev


@contextmanager
def _with_clock(url: str, ahead: timedelta) -> Iterator[Service]:
    """A replica whose clock is ahead."""
    store: Any = open_store(
        url, index, history=10_000, memory_revs=10_000, fences=Fences(fences.of_term, fences.of_key)
    )
    store._clock = lambda: datetime.now(UTC) + ahead
    service = Service(Settings(store=url, log_level="error"), store)
    try:
        yield service
    finally:
        service.stop()


def test_a_journal_entry_that_cannot_be_read_is_not_taken_for_none(etcd: Cluster, tmp_path: Path) -> None:
    """Of a rev that is no longer in memory, while etcd is away: nobody may learn that there was no commit."""
    with (
        line(etcd) as cable,
        replicas([cable.endpoint], tmp_path.name, 1, memory_revs=2) as (visor,),
    ):
        visor.made("/apps", APP)
        revs = [visor.put("/apps/cat/env/a", {"value": f"{n}"}).json()["rev"] for n in range(8)]
        store = visor.context.store
        at = visor.inside(store.journal_at(revs[0])).at
        cable.down()
        with pytest.raises(CoordinatorUnavailable):
            visor.inside(store.journal_at(revs[0]))
        assert visor.get(f"/commits/{revs[0]}").status_code == 503
        cable.up()
        until_ok(lambda: visor.get("/apps/cat"))
        assert visor.inside(store.journal_at(revs[0])).at == at
