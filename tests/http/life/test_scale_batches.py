"""Long scales: batches that each leave a true state, one number in the end, and nothing half done."""

import random
import threading
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.errors import CoordinatorUnavailable
from tests.http.life.saying import events_after, everything, ids, together
from tests.serving import Service, serving

SCALE = "/apps/cat/proctypes/web/scale"


def put(visor: Service, count: int) -> httpx2.Response:
    with httpx2.Client(base_url=visor.url, timeout=90) as client:
        return client.put(SCALE, json={"revision": "128af9", "count": count})


def count(visor: Service) -> int:
    [item] = visor.get(SCALE, params={"revision": "128af9"}).json()["items"]
    number: int = item["count"]
    return number


def events_by_rev(visor: Service, after: int) -> list[int]:
    """How many events each rev after that one has."""
    return list(Counter(event["rev"] for event in events_after(visor, after, type="instance-*")).values())


@pytest.mark.parametrize(("number", "batches"), [(100, [100]), (101, [100, 1]), (250, [100, 100, 50])])
def test_up_to_a_hundred_changes_are_one_commit_more_are_batches(
    visor: Service, number: int, batches: list[int]
) -> None:
    visor.runnable()
    for target, previous, key in ((number, 0, "started"), (0, number, "stopped")):
        before = visor.rev
        said = visor.scale(target)
        assert (said["previous"], said["count"]) == (previous, target)
        assert said[key] == list(range(1, number + 1))
        assert visor.rev == said["rev"] == visor.after(before, len(batches))
        assert events_by_rev(visor, before) == batches
        counted = [previous]
        for rev in range(visor.after(before), visor.rev + 1, visor.step):
            [item] = visor.get(SCALE, params={"revision": "128af9", "rev": rev}).json()["items"]
            counted.append(item["count"])
        steps = [abs(b - a) for a, b in pairwise(counted)]
        assert steps == batches, "every batch leaves a true state on the way"


def test_ten_thousand_up_and_down(tmp_path: Path) -> None:
    with serving(store=f"sqlite:///{tmp_path}/visor.db") as visor:
        visor.runnable()
        up = visor.scale(10_000)
        assert (up["previous"], up["started"]) == (0, list(range(1, 10_001)))
        assert count(visor) == 10_000
        down = visor.scale(0)
        assert (down["previous"], down["stopped"]) == (10_000, up["started"])
        assert (count(visor), visor.get("/instances").json()["items"]) == (0, [])


def test_two_at_a_time_never_add_up_to_a_third_number(visor: Service) -> None:
    visor.runnable()
    chosen = random.Random(3)
    for _ in range(12):
        a, b = chosen.randrange(12), chosen.randrange(12)
        before, start = visor.rev, count(visor)
        together(lambda a=a: put(visor, a), lambda b=b: put(visor, b))
        number = count(visor)
        assert number in (a, b)
        # Whatever order they came in, each took the number from the one before to its own. Some revs may
        # be of other things (upkeep): the number is then as it was.
        seen = [start]
        for rev in sorted({event["rev"] for event in events_after(visor, before)}):
            [item] = visor.get(SCALE, params={"revision": "128af9", "rev": rev}).json()["items"]
            seen.append(item["count"])
        changes = [new for old, new in pairwise(seen) if new != old]
        assert set(changes) <= {a, b}, seen
        assert len(changes) <= 2, seen
        assert number == len(everything(visor, "/instances", status="pending"))


def test_of_two_long_ones_at_a_time_one_wins_and_the_other_says_conflict(visor: Service) -> None:
    """Both may also have come one after the other: then both have won, and the later counts."""
    visor.runnable()
    chosen = random.Random(5)
    conflicts = tries = 0
    # Until two have met: on a machine that is quick they come one after the other for a while.
    while tries < 6 or (not conflicts and tries < 60):
        tries += 1
        a, b = chosen.sample((0, 150, 260, 370, 480), 2)
        answers = dict(
            zip((a, b), together(lambda a=a: put(visor, a), lambda b=b: put(visor, b)), strict=True)
        )
        number = count(visor)
        assert number in (a, b)
        assert answers[number].status_code == 200
        other = answers[a + b - number]
        assert other.status_code == 200 or other.json()["code"] == "conflict"
        conflicts += other.status_code == 409
    assert conflicts, "none of them met"


def test_a_long_one_that_is_overtaken_stops_and_pulls_nothing_back(visor: Service) -> None:
    visor.runnable()
    answers: list[httpx2.Response] = []
    first = threading.Thread(target=lambda: answers.append(put(visor, 10_000)))
    before = visor.rev
    first.start()
    while visor.context.store.rev == before:
        pass
    later = put(visor, 7)
    first.join()
    [overtaken] = answers
    assert (overtaken.status_code, overtaken.json()["code"]) == (409, "conflict")
    assert later.status_code == 200
    assert later.json()["previous"] > 0
    assert count(visor) == 7


def broken_after(visor: Service, commits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the store take so many more commits and no other: the process ends there."""
    store = visor.context.store
    transact = store.transact
    left = commits

    async def until_then(rule: Any, origin: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise CoordinatorUnavailable("The store is closing. Nothing was written; ask another replica.")
        return await transact(rule, origin)

    monkeypatch.setattr(store, "transact", until_then)


@pytest.mark.parametrize(("start", "target"), [(0, 250), (250, 0), (250, 20)])
def test_what_a_crash_between_batches_left_is_finished_by_the_same_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: int, target: int
) -> None:
    store = f"sqlite:///{tmp_path}/visor.db"
    with serving(store=store) as visor:
        visor.runnable()
        visor.scale(start)
        broken_after(visor, 1, monkeypatch)
        cut = put(visor, target)
        assert cut.status_code == 503
        half = count(visor)
        assert abs(half - start) == 100
    with serving(store=store) as visor:
        assert count(visor) == half
        again = put(visor, target).json()
        assert (again["previous"], again["count"]) == (half, target)
        assert len(again["started"]) + len(again["stopped"]) == abs(target - half)
        assert count(visor) == target
        before = visor.rev
        assert put(visor, target).json()["rev"] == before, "nothing is left to do"
        live = everything(visor, "/instances", status=["pending"], limit=1000)
        assert len(set(ids(live))) == target
