"""The rev at which a restored store starts: above every one that was ever given, or none."""

import re
import time

import pytest
from contract_words import put, write
from test_sqlite_backup import a_backup, opened

from app.errors import StartError
from app.store.sqlite import restore as restore_module
from app.store.sqlite.backup import backup
from app.store.sqlite.restore import restore

LONG_AGO = 978_307_200 * 10**9
"""The year 2001, in nanoseconds: where a machine without a battery begins."""


@pytest.fixture
def saved(tmp_path):
    return tmp_path / "s.backup"


@pytest.fixture
def clock(monkeypatch):
    """Sets the clock that a restore looks at."""
    return lambda now: monkeypatch.setattr(restore_module.time, "time_ns", lambda: now)


async def test_a_restore_is_above_what_it_is_told_and_what_it_replaces(path, saved):
    await a_backup(path, saved)
    far = 2**60
    assert restore(saved, path, above=far) == far + 1
    assert restore(saved, path) == far + 2


@pytest.mark.parametrize("replaced", ["a sound store", "a damaged store", "no store"])
async def test_a_clock_that_is_behind_the_backup_is_not_believed(path, saved, clock, replaced):
    """Of a store that is lost, the clock alone tells how far its revs had come."""
    await a_backup(path, saved)
    if replaced == "no store":
        path.unlink()
    elif replaced == "a damaged store":
        path.write_bytes(b"ruin" * 4000)
    before = {each.name for each in path.parent.iterdir()}
    clock(LONG_AGO)
    with pytest.raises(StartError, match="2001-01-01 00:00:00Z, which is before the last commit") as refused:
        restore(saved, path)
    assert {each.name for each in path.parent.iterdir()} - before <= {"s.db.lock"}
    known = int(re.search(r"the highest known here is (\d+)", str(refused.value))[1])
    assert known > 25
    assert restore(saved, path, above=known) == known + 1


async def test_a_clock_that_is_behind_the_replaced_store_is_not_believed(path, saved, clock):
    """It was right when the backup was made."""
    await a_backup(path, saved)
    between = time.time_ns()
    store = await opened(path)
    await write(store, put("a/1", "later"))
    await store.close()
    clock(between)
    with pytest.raises(StartError, match="before the last commit"):
        restore(saved, path)
    store = await opened(path)
    assert store.rev == 26
    await store.close()


async def test_no_rev_comes_again_with_a_clock_that_goes_back_after_a_restore(path, saved, clock, tmp_path):
    """The store that a first restore made is lost, and the clock is set to before it."""
    await a_backup(path, saved)
    first = restore(saved, path)
    store = await opened(path)
    [given] = await write(store, put("a/1", "x"))
    await store.close()
    again = tmp_path / "again"
    backup(path, again)
    path.unlink()
    for now in (LONG_AGO, (first - 10**6) * 1000):
        clock(now)
        with pytest.raises(StartError, match="before the last commit"):
            restore(again, path)
    assert restore(again, path, above=given.rev) > given.rev
