"""A full disk: 507, nothing kept, reads go on, and writes too as soon as there is room."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from contract_words import ORIGIN, index, picture, put, until, word_of, write
from lossy_disk import lossy_disk

from app.errors import StorageFull
from app.store.embedded.store import EmbeddedStore
from app.store.sqlite.log import SqliteLog


@pytest.fixture(autouse=True)
def no_patience(monkeypatch):
    monkeypatch.setattr("app.store.embedded.recovery.REOPEN_SECONDS", 0.05)


def a_store(path: Path, vfs: str | None = None) -> EmbeddedStore:
    return EmbeddedStore(SqliteLog(path, vfs=vfs), index, history=1000, memory_revs=5)


def run(*command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, capture_output=True, check=False)


async def fill(store) -> int:
    """Write until there is no room; how many writes were acknowledged."""
    for n in range(10_000):
        try:
            await store.transact(put(f"a/{n}", "x" * 20_000), ORIGIN)
        except StorageFull:
            return n
    raise AssertionError("it never became full")


async def is_full_and_recovers(store, make_room) -> None:
    acknowledged = await fill(store)
    assert acknowledged > 3
    assert not store.health().ready
    assert "no room" in store.health().reason
    seen = await picture(store)
    assert len(seen) == acknowledged + 1
    for _ in range(3):
        with pytest.raises(StorageFull, match="Free space"):
            await store.transact(put("a/more", "y" * 20_000), ORIGIN)
    assert (await store.latest()).get("a/more") is None
    assert store.rev == acknowledged
    assert await picture(store) == seen
    make_room()
    # It finds out by itself: a service that is not ready may be sent no write.
    await until(lambda: store.health().ready)
    [outcome] = await write(store, put("a/more", "y" * 20_000))
    assert outcome.rev == acknowledged + 1
    assert store.health().ready
    seen = await picture(store)
    await store.close()


async def test_no_room_for_the_write_ahead_log(tmp_path):
    with lossy_disk() as disk:
        store = a_store(tmp_path / "s.db", disk.name)
        await store.open()
        disk.room = 400_000

        def make_room():
            disk.room = None

        await is_full_and_recovers(store, make_room)
    store = a_store(tmp_path / "s.db")
    await store.open()
    assert word_of((await store.latest()).get("a/more")).startswith("yyy")
    await store.close()


async def test_no_page_left(tmp_path):
    log = SqliteLog(tmp_path / "s.db")
    store = EmbeddedStore(log, index, history=1000, memory_revs=5)
    await store.open()
    log._connection.execute("PRAGMA max_page_count = 100")
    acknowledged = await fill(store)
    assert acknowledged > 3
    [small] = await write(store, put("a/small", "z"))
    assert small.rev == acknowledged + 1
    log._connection.execute("PRAGMA max_page_count = 100000")
    await write(store, put("a/more", "y" * 20_000))
    await store.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
async def test_a_small_file_system(tmp_path):
    mount = tmp_path / "small"
    mount.mkdir()
    mounted = await asyncio.to_thread(run, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount))
    if mounted.returncode:
        pytest.skip(f"no tmpfs here: {mounted.stderr.decode()}")
    try:
        ballast = mount / "ballast"
        ballast.write_bytes(bytes(400_000))
        store = a_store(mount / "s.db")
        await store.open()
        await is_full_and_recovers(store, ballast.unlink)
        store = a_store(mount / "s.db")
        await store.open()
        assert (await store.latest()).get("a/more") is not None
        await store.close()
    finally:
        await asyncio.to_thread(run, "umount", "-l", str(mount))


LIMITED = """
import asyncio, resource, sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
from test_sqlite_full import a_store, is_full_and_recovers

async def main():
    store = a_store(Path({path!r}))
    await store.open()
    soft = resource.RLIMIT_FSIZE
    resource.setrlimit(soft, (300_000, resource.RLIM_INFINITY))
    await is_full_and_recovers(store, lambda: resource.setrlimit(soft, (resource.RLIM_INFINITY,) * 2))

asyncio.run(main())
print("recovered")
"""


def test_a_limit_on_the_size_of_files(tmp_path):
    script = LIMITED.format(tests=str(Path(__file__).parent), path=str(tmp_path / "s.db"))
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.stdout.strip() == "recovered", ended.stderr
