"""Many writes, one fsync; and a write is answered only after it."""

import asyncio

import pytest
from contract_words import ORIGIN, increment, index, picture, put, until, word_of, write

from app.errors import CoordinatorUnavailable
from app.store.embedded.store import EmbeddedStore
from app.store.sqlite.log import SqliteLog


@pytest.fixture
async def store(disk, tmp_path, monkeypatch):
    monkeypatch.setattr("app.store.embedded.recovery.REOPEN_SECONDS", 0.01)
    log = SqliteLog(tmp_path / "s.db", vfs=disk.name)
    store = EmbeddedStore(log, index, history=1000, memory_revs=5)
    await store.open()
    yield store
    await store.close()


async def test_concurrent_writes_share_one_fsync(disk, store):
    await write(store, put("a/first", "x"))
    before = disk.synced("-wal")
    await asyncio.gather(*(store.transact(increment("a/n"), ORIGIN) for _ in range(200)))
    assert disk.synced("-wal") - before == 1
    assert store.rev == 201


async def test_each_write_alone_has_an_fsync_of_its_own(disk, store):
    await write(store, put("a/first", "x"))
    before = disk.synced("-wal")
    await write(store, *(increment("a/n") for _ in range(10)))
    assert disk.synced("-wal") - before == 10


async def test_a_failed_fsync_is_answered_with_the_truth_and_the_store_goes_on(disk, store, tmp_path):
    await write(store, put("a/1", "before"))
    for round_number in range(10):
        key = f"a/round-{round_number}"
        disk.failing_syncs = 1
        [ended] = await asyncio.gather(store.transact(put(key, "x"), ORIGIN), return_exceptions=True)
        happened = (await store.latest()).get(key) is not None
        if isinstance(ended, CoordinatorUnavailable):
            assert ended.members == {"outcome": "unknown"} or not happened
        else:
            assert happened
        [outcome] = await write(store, put(f"{key}/next", "y"))
        assert store.health().ready
        assert outcome.rev == store.rev
    # What is said to be there is on the disk, not only in the kernel's memory.
    seen = await picture(store)
    (tmp_path / "found").mkdir()
    disk.cut(tmp_path / "found")
    found = EmbeddedStore(SqliteLog(tmp_path / "found" / "s.db"), index, history=1000, memory_revs=5)
    await found.open()
    assert await picture(found) == seen
    await found.close()


async def test_what_a_crash_left_is_made_durable_before_it_is_served(disk, store, tmp_path):
    """After a crash the kernel may hold frames of the log as written that no fsync has confirmed."""
    await write(store, *(increment("a/n") for _ in range(5)))
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("s.db", "s.db-wal"):
        (crashed / name).write_bytes((tmp_path / name).read_bytes())
    assert (crashed / "s.db-wal").stat().st_size > 0
    again = EmbeddedStore(SqliteLog(crashed / "s.db", vfs=disk.name), index, history=1000, memory_revs=5)
    await again.open()
    assert disk.syncs[str(crashed / "s.db")] > 0
    assert word_of((await again.latest()).get("a/n")) == "5"
    alone = tmp_path / "without-its-log.db"
    alone.write_bytes((crashed / "s.db").read_bytes())
    await again.close()
    again = EmbeddedStore(SqliteLog(alone), index, history=1000, memory_revs=5)
    await again.open()
    assert word_of((await again.latest()).get("a/n")) == "5"
    await again.close()


async def test_a_disk_that_stays_away_refuses_until_it_is_back(disk, store):
    await write(store, put("a/1", "x"))
    disk.failing_syncs = 1
    disk.off = True
    task = asyncio.create_task(store.transact(put("a/2", "y"), ORIGIN))
    await until(lambda: not store.health().ready)
    assert "opened again" in store.health().reason
    assert word_of((await store.latest()).get("a/1")) == "x"
    with pytest.raises(CoordinatorUnavailable, match="Nothing was written"):
        await store.transact(put("a/3", "z"), ORIGIN)
    disk.off = False
    async with asyncio.timeout(60):
        [ended] = await asyncio.gather(task, return_exceptions=True)
    record = (await store.latest()).get("a/2")
    assert (record is not None) is not isinstance(ended, CoordinatorUnavailable)
    await write(store, put("a/4", "w"))
    assert store.health().ready


async def test_closing_while_the_disk_is_away_ends(disk, store):
    disk.off = True
    task = asyncio.create_task(store.transact(put("a/2", "y"), ORIGIN))
    await until(lambda: not store.health().ready)
    async with asyncio.timeout(60):
        await store.close()
        with pytest.raises(CoordinatorUnavailable) as ended:
            await task
    assert ended.value.members == {"outcome": "unknown"}
