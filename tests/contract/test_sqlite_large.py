"""Stores larger than every cache, with a write-ahead log that is not empty: copied, restored, started.

A small store hides faults: what SQLite's cache holds until the end is written in order, and at once.
"""

import asyncio
import os
import shutil
from pathlib import Path

import pytest
from contract_words import index, picture, plain, put, puts, until, word_of, write

from app.store.embedded.store import EmbeddedStore
from app.store.snapshots import scan
from app.store.sqlite import copying, examine, file, loading
from app.store.sqlite.backup import backup
from app.store.sqlite.log import SqliteLog
from app.store.sqlite.restore import replaced_name, restore

KIB = 1024
VALUE = 64 * KIB
"""Bytes of a value: as long as the value of a variable may be."""


BOTH = pytest.mark.parametrize("size", ["small caches", "caches as they are"], indirect=True)


@pytest.fixture
def size(request, monkeypatch) -> int:
    """How many bytes are more than every cache takes."""
    if getattr(request, "param", "") == "caches as they are":
        return 4 * file.CACHE_KIB * KIB + VALUE
    for module in (file, loading, examine):
        monkeypatch.setattr(module, "CACHE_KIB", 64)
    for module in (file, copying):
        monkeypatch.setattr(module, "READER_CACHE_KIB", 64)
    return 2_000 * KIB


CHANGED = {f"a/{n}" for n in range(6)}


async def opened(path: Path) -> EmbeddedStore:
    store = EmbeddedStore(SqliteLog(path), index, history=10_000, memory_revs=5)
    await store.open()
    return store


def wal_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


async def a_large_store(path: Path, size: int) -> EmbeddedStore:
    """An open store whose file is larger than `size`, and whose write-ahead log has much that it has not."""
    store = await opened(path)
    count = 0
    while count * VALUE < size:
        await write(store, puts(**{f"a/{count + n}": "x" * VALUE for n in range(8)}))
        count += 8
    # Not a value that was there: pages that are in the file already are as they were.
    await write(store, *(put(f"a/{n}", f"{n}" * KIB) for n in range(0, count, 7)))
    await until(lambda: path.stat().st_size > size and wal_of(path).stat().st_size > 0)
    return store


def as_a_kill_leaves_it(path: Path) -> Path:
    """The files of a store that is open, as they are found when its process is killed now."""
    found = path.parent / "found"
    found.mkdir()
    for name in (path.name, wal_of(path).name):
        shutil.copyfile(path.with_name(name), found / name)
    return found / path.name


async def contents(store: EmbeddedStore) -> list:
    return [plain(record) for record in scan((await store.latest()), "a/")]


async def restored(saved: Path, path: Path) -> list:
    """What is in a backup."""
    restore(saved, path, index=index)
    store = await opened(path)
    try:
        return await contents(store)
    finally:
        await store.close()


@BOTH
async def test_a_served_store_is_backed_up(path, tmp_path, size):
    store = await a_large_store(path, size)
    wanted = await contents(store)
    await asyncio.to_thread(backup, path, tmp_path / "backup")
    await store.close()
    assert await restored(tmp_path / "backup", tmp_path / "other.db") == wanted


async def test_what_a_kill_left_is_backed_up_and_not_changed(path, tmp_path, size):
    store = await a_large_store(path, size)
    wanted, found = await contents(store), as_a_kill_leaves_it(path)
    await store.close()
    before = [each.read_bytes() for each in (found, wal_of(found))]
    assert before[1]
    backup(found, tmp_path / "backup")
    assert [each.read_bytes() for each in (found, wal_of(found))] == before
    assert await restored(tmp_path / "backup", tmp_path / "other.db") == wanted


@BOTH
async def test_what_a_kill_left_is_started(path, size):
    store = await a_large_store(path, size)
    wanted, found = await contents(store), as_a_kill_leaves_it(path)
    rev = store.rev
    await store.close()
    store = await opened(found)
    assert (store.rev, await contents(store)) == (rev, wanted)
    await write(store, put("a/0", "after"))
    await store.close()
    store = await opened(found)
    assert word_of((await store.latest()).get("a/0")) == "after"
    await store.close()


async def test_what_a_kill_left_is_kept_aside_whole_by_a_restore(path, tmp_path, size):
    store = await a_large_store(path, size)
    wanted, found = await contents(store), as_a_kill_leaves_it(path)
    await asyncio.to_thread(backup, path, tmp_path / "backup")
    await store.close()
    rev = restore(tmp_path / "backup", found, index=index)
    for name in (found, replaced_name(found, rev)):
        store = await opened(name)
        assert await contents(store) == wanted, name
        await store.close()


async def test_every_rev_is_the_same_in_a_file_larger_than_every_cache(path, size):
    """Read from the disk alone, while it is written and after it was closed."""
    store = await a_large_store(path, size)
    seen = await picture(store)
    assert await picture(store) == seen
    await store.close()
    store = await opened(path)
    assert await picture(store) == seen
    await store.close()


async def test_backups_of_a_store_that_is_being_written(path, tmp_path, size):
    """Each is of one rev, whatever the write-ahead log is doing meanwhile."""
    store = await a_large_store(path, size)
    done = False
    turn = 0

    async def writer() -> None:
        nonlocal turn
        while not done:
            await write(store, puts(**{f"a/{n}": f"{turn % 10}" * 9_000 for n in range(6)}))
            turn += 1

    writing = asyncio.create_task(writer())
    # Until then the keys have the revs of the writes that made the store large.
    await until(lambda: turn > 0)
    for number in range(2):
        await asyncio.to_thread(backup, path, tmp_path / f"backup-{number}")
    done = True
    await writing
    await store.close()
    for number in range(2):
        found = await restored(tmp_path / f"backup-{number}", tmp_path / f"other-{number}.db")
        assert len({rev for key, _, _, rev, *_ in found if key in CHANGED}) == 1


async def test_a_copy_is_as_private_as_the_store_from_its_first_byte(path, tmp_path, size, monkeypatch):
    """Also the draft that is being written, and what SQLite puts beside it."""
    umask = os.umask(0)
    monkeypatch.setattr(copying, "prove", lambda *_: seen.extend(found()))
    seen: list[str] = []

    def found() -> list[str]:
        drafts = [each for each in tmp_path.rglob("*") if each.is_file() and each.parent != tmp_path]
        return [f"{each.stat().st_mode & 0o777:o} {each.parent.stat().st_mode & 0o777:o}" for each in drafts]

    try:
        store = await a_large_store(path, size)
        await asyncio.to_thread(backup, path, tmp_path / "backup")
        await store.close()
    finally:
        os.umask(umask)
    assert seen == ["600 700"]
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600
