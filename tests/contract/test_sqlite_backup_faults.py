"""Backups and restores that cannot be: two at once, nowhere to write, a bit that has flipped."""

import asyncio
import random
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
from contract_words import delete, increment, plain, put, write
from test_sqlite_backup import a_backup, opened
from test_sqlite_refusals import flip, make_file

from app.errors import StartError
from app.store.snapshots import scan
from app.store.sqlite import backup as backup_module
from app.store.sqlite.backup import backup
from app.store.sqlite.drafts import drafting
from app.store.sqlite.restore import restore


@pytest.fixture
def saved(tmp_path):
    return tmp_path / "s.backup"


@contextmanager
def mounted_read_only(place: Path) -> Iterator[None]:
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "none", place]
    tried = subprocess.run(mount, capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {tried.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def refusal_of(call: Callable[[], object]) -> str | None:
    """The line with which a call is refused."""
    try:
        call()
    except StartError as error:
        return str(error)
    return None


async def state_of(path: Path) -> list:
    store = await opened(path)
    try:
        return [plain(record) for record in scan((await store.latest()), "a/")]
    finally:
        await store.close()


def leftovers(directory: Path) -> list[str]:
    return [each.name for each in directory.iterdir() if "draft" in each.name]


async def test_of_two_backups_to_one_name_one_is_made_and_one_is_refused(path, saved, monkeypatch):
    """Each has a draft of its own: neither takes the other's from under it."""
    await a_backup(path, saved)
    target = saved.with_name("both")
    meet = threading.Barrier(2, timeout=60)
    copy_store = backup_module.copy_store

    def together(*arguments):
        meet.wait()
        copy_store(*arguments)
        meet.wait()

    monkeypatch.setattr(backup_module, "copy_store", together)
    ends = await asyncio.gather(
        *(asyncio.to_thread(backup, path, target) for _ in range(2)), return_exceptions=True
    )
    assert sorted(map(type, ends), key=str) == [type(None), StartError]
    assert "exists: name a file that does not" in str(ends)
    assert leftovers(path.parent) == []
    restore(target, path)


async def test_what_a_killed_backup_left_is_removed_by_the_next(path, saved):
    await a_backup(path, saved)
    abandoned = path.parent / ".visor-draft-abcd"
    abandoned.mkdir()
    (abandoned / "backup.db").write_bytes(b"half")
    with drafting(path.parent) as used:
        backup(path, saved.with_name("next"))
        assert leftovers(path.parent) == [used.name]
    assert leftovers(path.parent) == []


async def test_a_backup_to_where_nothing_can_be_written_is_one_line(path, saved, tmp_path):
    await a_backup(path, saved)
    place = tmp_path / "mounted"
    place.mkdir()
    with mounted_read_only(place):
        for call in (lambda: backup(path, place / "b"), lambda: restore(saved, place / "s.db")):
            with pytest.raises(StartError, match="Read-only file system") as refused:
                call()
            assert "\n" not in str(refused.value)


async def test_a_loop_of_links_is_one_line(path, saved):
    await a_backup(path, saved)
    loop = path.with_name("loop")
    loop.symlink_to(loop)
    for call in (
        lambda: backup(loop, saved.with_name("b")),
        lambda: backup(path, loop),
        lambda: restore(loop, path),
    ):
        with pytest.raises(StartError) as refused:
            call()
        assert "\n" not in str(refused.value)


async def test_one_flipped_bit_of_a_backup_is_told_plainly_or_does_no_harm(path, saved, tmp_path):
    """Every page in turn: one in use is named as damaged, and replaces nothing; a free one is nothing."""
    await make_file(path)
    backup(path, saved)
    fresh = tmp_path / "fresh.db"
    restore(saved, fresh)
    wanted = await state_of(fresh)
    dice = random.Random(5)
    ends = {"refused": 0, "restored": 0}
    size = saved.stat().st_size
    for place in [*range(0, 100, 9), *(page + dice.randrange(4096) for page in range(0, size, 4096))]:
        bad = tmp_path / "bad"
        shutil.copyfile(saved, bad)
        flip(bad, place, 1 << dice.randrange(8))
        target = tmp_path / f"target-{place}.db"
        said = refusal_of(lambda bad=bad, target=target: restore(bad, target))
        if said:
            ends["refused"] += 1
            assert re.search(rf"{bad} is (damaged|not a Visor store) \(", said)
            assert "not an error" not in said
            assert "SQLITE_" not in said
            assert not target.exists()
        else:
            ends["restored"] += 1
            assert await state_of(target) == wanted
    assert ends["refused"] > size // 4096 // 2, ends


async def test_a_free_page_that_has_gone_bad_keeps_nobody_from_a_backup(path, saved, caplog):
    """SQLite reads it for nothing but a copy; the store serves, and has to be backed up."""
    store = await opened(path)
    await write(store, *(put(f"a/{n}", "x" * 60_000) for n in range(8)))
    await write(store, delete(*(f"a/{n}" for n in range(7))))
    await store.compact(store.rev)
    await write(store, *(increment("b/n") for _ in range(30)))
    await store.close()
    connection = apsw.Connection(str(path))
    assert connection.execute("PRAGMA freelist_count").get > 20
    connection.close()
    size, backups = path.stat().st_size, 0
    for page in range(4096, size, 4096):
        bad = path.with_name("bad.db")
        shutil.copyfile(path, bad)
        flip(bad, page + 2000, 1)
        target = path.with_name(f"backup-{page}")
        said = refusal_of(lambda bad=bad, target=target: backup(bad, target))
        if said:
            assert "bad.db is damaged" in said
        else:
            backups += 1
            restore(target, path.with_name(f"restored-{page}.db"))
    assert backups > 20
    assert "that is free has gone bad" in caplog.text
