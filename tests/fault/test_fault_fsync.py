"""A write is on the disk before it is answered; writes at the same time share the way there."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.fault.visor_process import Launcher
from tests.fault.watched_disk import STRACE, Story, watched_by_strace, watched_by_vfs

MEANS = ["vfs", *(["strace"] if STRACE else [])]


@pytest.fixture(params=MEANS)
def watched(
    request: pytest.FixtureRequest, launcher: Launcher, tmp_path: Path
) -> Iterator[tuple[httpx2.Client, Story]]:
    path = tmp_path / "visor.db"
    means = watched_by_strace(launcher, path) if request.param == "strace" else watched_by_vfs(path)
    with means as (url, story), httpx2.Client(base_url=url, timeout=60, verify=False) as client:
        yield client, story


def _check_order(story: list[str]) -> None:
    """No answer while something that was written is not on the disk."""
    unsafe = False
    for step in story:
        if step == "answer":
            assert not unsafe, "answered before the sync"
        else:
            unsafe = step == "write"


def test_an_answer_comes_after_the_sync_of_what_was_written(watched: tuple[httpx2.Client, Story]) -> None:
    client, story = watched
    for number in range(10):
        assert client.post("/services", json={"name": f"s{number}"}).status_code == 201
    assert client.delete("/services/s3").status_code == 200
    told = story()
    _check_order(told)
    assert told.count("answer") == 11
    assert told.count("sync") >= 11, "each waited for its own"
    assert client.get("/services").status_code == 200
    more = story()[len(told) :]
    assert "sync" not in more
    assert "write" not in more, "a read has written"


def test_writes_at_the_same_time_share_a_sync(watched: tuple[httpx2.Client, Story]) -> None:
    client, story = watched
    assert client.post("/services", json={"name": "first"}).status_code == 201
    before = len(story())

    def write(number: int) -> int:
        return client.post("/services", json={"name": f"s{number}"}).status_code

    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(write, range(160))) == {201}
    told = story()[before:]
    assert told.count("answer") == 160
    assert 0 < told.count("sync") < 120, f"{told.count('sync')} syncs for 160 writes"
