"""Documents, reverts and undos of a thousand keys: they are made a little in each turn of the event loop,
beside the writes of others, and none of those is lost (DESIGN promise 10)."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bench.large_writes import LargeWrites
from bench.stalls import Watched, WatchedLoop
from tests.http.expect import refused
from tests.serving import APP, Service, serving

KEYS = 900
SHARE = 0.2
"""Of the CPU that a call takes, what its longest turn may take. It was half of it, and more."""


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    service = Watched()
    yield service
    service.stop()


def test_no_turn_takes_much_of_a_large_write(watched, monkeypatch):
    """Of the loop's CPU, and as a share of the work: how fast and how busy the machine is does not matter."""
    turns: list[float] = []
    once = WatchedLoop._run_once

    def counted(loop: WatchedLoop) -> None:
        began = time.thread_time()
        once(loop)
        turns.append(time.thread_time() - began)

    monkeypatch.setattr(WatchedLoop, "_run_once", counted)
    writes = LargeWrites(watched, KEYS)
    writes.prepare()
    for name, work in writes.works():
        if "10,000" in name:
            break
        turns.clear()
        work()
        whole = sum(turns)
        if whole > 0.05:
            assert max(turns) < SHARE * whole, f"{name}: {max(turns):.3f} s of {whole:.3f} s in one turn"


@contextmanager
def writing(visor: Service, write: Callable[[int], object]) -> Iterator[list[int]]:
    """Writes that go on meanwhile, one after the other; the numbers of those that were answered."""
    stop = threading.Event()
    done: list[int] = []

    def go_on() -> None:
        number = 0
        while not stop.is_set():
            write(number)
            done.append(number)
            number += 1

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


def env_sets(count: int) -> dict[str, object]:
    sets = [{"ref": f"e{number}", "vars": {"A": "a"}} for number in range(count)]
    return {"apps": [{"name": "cat", "env": {"applied": "yes"}, "env_sets": sets}]}


def test_a_large_plan_is_made_however_fast_its_app_is_changed(visor):
    """It loses each race while it is planned, and is made all the same; no write beside it is lost."""
    visor.made("/apps", APP)
    visor.made("/apps/cat/envs", {"ref": "first", "vars": {}})
    before = visor.rev

    def write(number: int) -> None:
        answer = visor.put(f"/apps/cat/env/w{number % 50}", {"value": f"{number}"})
        assert answer.status_code == 200, answer.text

    with writing(visor, write) as done:
        answer = visor.post("/apply", env_sets(300))
        assert answer.status_code == 200, answer.text
        reverted = visor.post("/revert", {"path": "/apps/cat/envs", "to_rev": before, "delete": True})
        assert reverted.status_code == 200, reverted.text
    vars = visor.get("/apps/cat/env").json()["vars"]
    assert vars.pop("applied") == "yes"
    assert vars == {f"w{number % 50}": f"{number}" for number in done[-50:]}
    assert reverted.json()["counts"]["delete"] == 300


def test_a_plan_tells_the_time_at_which_it_was_committed(visor):
    """It was planned earlier: `?at=` the time that an object shows finds it."""
    answer = visor.post("/apply", {"apps": [{**APP, "env": {"a": "b"}}]}).json()
    commit = visor.get(f"/commits/{answer['rev']}").json()
    app = visor.get("/apps/cat").json()
    shown = {app["created_at"], app["updated_at"]}
    shown |= {answer["changes"][0]["after"][name] for name in ("created_at", "updated_at")}
    assert shown == {commit["at"]}
    key = {"Idempotency-Key": "a"}
    first = visor.post("/apply", {"apps": [{**APP, "env": {"a": "c"}}]}, headers=key)
    again = visor.post("/apply", {"apps": [{**APP, "env": {"a": "c"}}]}, headers=key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.content == first.content
    assert first.json()["changes"][0]["after"]["updated_at"] == visor.get("/apps/cat").json()["updated_at"]


def test_what_is_refused_is_refused_by_the_latest_state_and_says_its_rev(visor):
    visor.made("/apps", APP)
    rev = visor.rev
    answer = visor.post("/apply", {"apps": [{"name": "cat", "head": "r9"}]})
    assert answer.status_code == 422, answer.text
    assert answer.headers["Visor-Rev"] == str(rev)
    refused(visor.post("/revert", {"path": "/apps/dog", "to_rev": rev}), 404, "not-found")
    assert visor.rev == rev


def test_yaml_is_read_a_little_at_a_time_and_refused_as_ever():
    lines = [f"    k{number}: 'v'\n" for number in range(900)]
    text = "apps:\n- name: cat\n  env:\n" + "".join(lines) + "    k1: again\n"
    with serving() as service:
        answer = service.client.post(
            "/apply", content=text.encode(), headers={"Content-Type": "application/yaml"}
        )
        problem = refused(answer, 400, "malformed-request")
        assert "repeats a key" in problem["detail"]
        assert json.loads(answer.content)["status"] == 400
