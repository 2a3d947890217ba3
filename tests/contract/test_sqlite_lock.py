"""One service to a store file, by whatever name it is reached, and a lock that is never held by nobody."""

import asyncio
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from contract_words import increment, put, until, write
from test_sqlite_refusals import HOLDER, a_store, refusal

from app.errors import CoordinatorUnavailable, StartError
from app.store.snapshots import scan
from app.store.sqlite import archive, file_lock
from app.store.sqlite.backup import backup
from app.store.sqlite.file_lock import FileLock
from app.store.sqlite.restore import restore


@contextmanager
def mounted(source: Path, place: Path) -> Iterator[None]:
    """The same file or directory under another name, as a container may have it."""
    tried = subprocess.run(["mount", "--bind", source, place], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"no bind mounts here: {tried.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@contextmanager
def other_name(way: str, path: Path) -> Iterator[Path]:
    """Another name of the file at `path`, which is there already."""
    other = path.parent / "other"
    other.mkdir()
    if way == "hard link":
        os.link(path, other / "o.db")
        yield other / "o.db"
    elif way == "mounted file":
        (other / "o.db").touch()
        with mounted(path, other / "o.db"):
            yield other / "o.db"
    else:
        with mounted(path.parent, other):
            yield other / path.name


@pytest.mark.parametrize("way", ["hard link", "mounted file", "mounted directory"])
async def test_a_second_service_under_another_name_is_refused(path, way):
    """Both would acknowledge, and each would lose what the other wrote."""
    script = HOLDER.format(tests=str(Path(__file__).parent), path=str(path))
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert await holder.stdout.readline() == b"open\n"
        with other_name(way, path) as other:
            said = await refusal(other)
            assert "is in use by another process" in said
            assert "under another name" in said or f"pid {holder.pid}" in said
            backup(path, path.parent / "saved")
            with pytest.raises(StartError, match="in use by another process"):
                restore(path.parent / "saved", other)
            holder.kill()
            await holder.communicate()
            # Its end, however it came, has let go of the lock.
            store = a_store(other)
            await store.open()
            await store.close()
    finally:
        if holder.returncode is None:
            holder.kill()
            await holder.communicate()


async def test_the_lock_of_the_file_outlasts_every_other_use_of_it(path):
    """SQLite opens and closes it for each backup and each read of the past; the lock is none of those."""
    store = a_store(path, memory_revs=1)
    await store.open()
    await write(store, *(increment("a/n") for _ in range(5)))
    path.with_name("link.db").hardlink_to(path)
    backup(path, path.with_name("saved"))
    assert (await store.at(1)).count("a/") == 1
    assert "under another name" in await refusal(path.with_name("link.db"))
    await store.close()


async def test_who_holds_it_is_named_with_its_host(path):
    """In another container every service has the same pid."""
    store = a_store(path)
    await store.open()
    assert f"(pid {os.getpid()} on host {socket.gethostname()})" in await refusal(path)
    await store.close()


async def test_a_file_with_two_names_is_served_with_a_warning(path, caplog):
    store = a_store(path)
    await store.open()
    await store.close()
    path.with_name("link.db").hardlink_to(path)
    store = a_store(path)
    await store.open()
    assert "has 2 names (hard links)" in caplog.text
    await store.close()


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS])
async def test_a_lock_is_held_where_its_holder_cannot_be_written(path, monkeypatch, caplog, number):
    """A disk that fails for a moment must not lock the service out of its own store."""

    def fail(*_):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        for call in ("ftruncate", "pwrite"):
            broken.setattr(file_lock.os, call, fail)
        lock = FileLock(path)
        lock.acquire()
        assert os.strerror(number) in caplog.text
        with pytest.raises(StartError, match="pid unknown"):
            FileLock(path).acquire()
    lock.release()
    again = FileLock(path)
    again.acquire()
    again.release()


async def test_the_file_is_let_go_of_when_it_is_closed_while_it_is_read(path, monkeypatch):
    """Nobody of this process may have it open when its lock goes: that would end SQLite's locks under him."""
    store = a_store(path, memory_revs=1, history=10**6)
    await store.open()
    await write(store, *(put(f"a/{n}", "x" * 1000) for n in range(300)))
    snapshot = await store.at(280)
    began, ended = asyncio.Event(), []
    loop = asyncio.get_running_loop()

    def slow_index(key, value):
        loop.call_soon_threadsafe(began.set)
        return ("a/",)

    snapshot._index = slow_index

    def read() -> None:
        try:
            while True:
                scan(snapshot, "a/")
        except CoordinatorUnavailable:
            ended.append(True)

    monkeypatch.setattr(archive, "CLOSE_SECONDS", 60.0)
    reading = asyncio.create_task(asyncio.to_thread(read))
    await began.wait()
    await store.close()
    still_open = [name for name in open_files() if name.startswith(str(path)) and "lock" not in name]
    await until(lambda: bool(ended))
    await reading
    assert still_open == []


def open_files() -> list[str]:
    """The names of what this process has open."""
    names = []
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("this system does not say what a process has open")
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            names.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return names
