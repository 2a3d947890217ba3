"""Backups of a running store, and restores that never give a rev twice."""

import asyncio
import logging
import os
import time
from pathlib import Path

import apsw
import pytest
from contract_words import ORIGIN, delete, increment, index, picture, put, value_of, word_of, write

from app.errors import RevCompacted, StartError
from app.store.contract import Changes
from app.store.embedded.store import EmbeddedStore
from app.store.snapshots import scan
from app.store.sqlite import copying
from app.store.sqlite import restore as restore_module
from app.store.sqlite.backup import backup
from app.store.sqlite.log import SqliteLog
from app.store.sqlite.restore import replaced_name, restore


async def opened(path: Path, memory_revs: int = 5) -> EmbeddedStore:
    store = EmbeddedStore(SqliteLog(path), index, history=1000, memory_revs=memory_revs)
    await store.open()
    return store


@pytest.fixture
def saved(tmp_path):
    return tmp_path / "s.backup"


async def a_backup(path: Path, saved: Path) -> list[str]:
    """A store with twenty commits, and a backup of it; the store goes on to rev 25."""
    store = await opened(path)
    await write(store, *(put(f"a/{n}", f"w{n}") for n in range(18)), delete("a/3"), increment("a/n"))
    await asyncio.to_thread(backup, path, saved)
    await write(store, *(put(f"b/{n}", "later") for n in range(5)))
    await store.close()
    return [f"a/{n}" for n in range(18) if n != 3] + ["a/n"]


async def test_a_backup_of_a_running_store_is_one_rev_of_it(path, saved):
    store = await opened(path)
    done = False

    async def writer():
        while not done:
            await asyncio.gather(*(store.transact(increment("a/n"), ORIGIN) for _ in range(5)))

    writing = asyncio.create_task(writer())
    copies = []
    for n in range(5):
        copy = saved.with_suffix(f".{n}")
        low = store.rev
        await asyncio.to_thread(backup, path, copy)
        copies.append((low, copy, store.rev))
    done = True
    await writing
    seen = await picture(store)
    wal = path.with_name("s.db-wal")
    assert wal.exists()
    await store.close()
    for low, copy, high in copies:
        connection = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READONLY)
        rev = connection.execute("SELECT rev FROM state").get
        assert low <= rev <= high
        last = connection.execute("SELECT count(*) FROM commits").get
        assert last == rev
        connection.close()
    # It is one file, its owner's as the store is.
    assert sorted(p.name for p in path.parent.iterdir()) == [
        *(f"s.{n}" for n in range(5)),
        "s.db",
        "s.db.lock",
    ]
    assert copies[0][1].stat().st_mode & 0o777 == 0o600
    store = await opened(path)
    assert await picture(store) == seen
    await store.close()


async def test_a_backup_leaves_the_write_ahead_log_alone(path, saved):
    store = await opened(path)
    await write(store, *(increment("a/n") for _ in range(10)))
    wal = path.with_name("s.db-wal")
    before, database = wal.read_bytes(), path.stat()
    await asyncio.to_thread(backup, path, saved)
    assert wal.read_bytes() == before
    assert path.stat().st_mtime_ns == database.st_mtime_ns
    await write(store, increment("a/n"))
    await store.close()
    assert sorted(p.name for p in path.parent.iterdir()) == ["s.backup", "s.db", "s.db.lock"]


async def test_a_backup_of_what_a_crash_left(path, saved, tmp_path):
    store = await opened(path)
    await write(store, *(increment("a/n") for _ in range(10)))
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("s.db", "s.db-wal"):
        (crashed / name).write_bytes((tmp_path / name).read_bytes())
    await store.close()
    backup(crashed / "s.db", saved)
    assert (crashed / "s.db-wal").exists()
    restore(saved, path)
    store = await opened(path)
    assert word_of((await store.latest()).get("a/n")) == "10"
    await store.close()


async def test_a_restore_brings_back_what_there_was(path, saved, caplog):
    keys = await a_backup(path, saved)
    before = time.time_ns() // 1000
    with caplog.at_level(logging.WARNING):
        rev = restore(saved, path)
    assert str(replaced_name(path, rev)) in caplog.text
    assert rev > before > 25
    store = await opened(path)
    assert (store.rev, store.oldest_rev) == (rev, rev)
    snapshot = await store.latest()
    assert {r.key for r in scan(snapshot, "a/")} == set(keys)
    assert snapshot.count("b/") == 0
    assert snapshot.get("a/n").rev == 20
    journal = await store.journal_at(rev)
    assert (journal.actor, journal.request) == ("visor", "restore")
    for old in (20, 25, rev - 1):
        with pytest.raises(RevCompacted) as refused:
            await store.commits(old, 10)
        assert refused.value.members == {"oldest_rev": rev}
    [outcome] = await write(store, put("a/new", "x"))
    assert outcome.rev == rev + 1
    seen = await picture(store)
    await store.close()
    store = await opened(path)
    assert await picture(store) == seen
    await store.close()
    # The replaced one is whole, with what came after the backup.
    old = await opened(replaced_name(path, rev))
    assert (old.rev, (await old.latest()).count("b/")) == (25, 5)
    await old.close()


async def test_restoring_twice_gives_no_rev_twice_even_where_the_first_is_lost(path, saved):
    await a_backup(path, saved)
    given: set[int] = set(range(26))
    for lose in (False, True, True, False):
        if lose:
            path.unlink()
        rev = restore(saved, path)
        assert rev > max(given)
        given.add(rev)
        store = await opened(path)
        for _ in range(30):
            [outcome] = await write(store, increment("a/n"))
            assert outcome.rev not in given
            given.add(outcome.rev)
        await store.close()


async def test_a_restore_adjusts_in_its_own_commit(path, saved):
    await a_backup(path, saved)
    asked = []

    def adjust(snapshot, at, rev):
        asked.append((snapshot.rev, snapshot.count("a/"), word_of(snapshot.get("a/n")), rev))
        return Changes(puts={"a/n": value_of("1000"), "a/fresh": value_of("x")}, deletes={"a/1"})

    rev = restore(saved, path, adjust=adjust, index=index)
    assert asked == [(20, 18, "1", rev)]
    store = await opened(path)
    snapshot = await store.latest()
    assert (word_of(snapshot.get("a/n")), snapshot.get("a/n").rev) == ("1000", rev)
    assert (snapshot.get("a/fresh").created_rev, snapshot.get("a/1")) == (rev, None)
    await store.close()


async def test_a_restore_to_where_nothing_was(tmp_path, path, saved):
    keys = await a_backup(path, saved)
    fresh = tmp_path / "fresh.db"
    rev = restore(saved, fresh)
    assert not replaced_name(fresh, rev).exists()
    store = await opened(fresh)
    assert (await store.latest()).count("a/") == len(keys)
    await store.close()


async def test_old_rows_leave_a_restored_file(path, saved):
    await a_backup(path, saved)
    restore(saved, path)
    store = await opened(path)
    await write(store, *(increment("a/n") for _ in range(3)))
    seen = await picture(store)
    await store.close()
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    assert connection.execute("SELECT count(*) FROM commits").get == 4
    connection.close()
    store = await opened(path)
    assert await picture(store) == seen
    await store.close()


async def test_a_restore_is_refused_while_a_service_runs(path, saved):
    await a_backup(path, saved)
    store = await opened(path)
    with pytest.raises(StartError, match=f"pid {os.getpid()}"):
        restore(saved, path)
    await write(store, put("a/1", "still here"))
    assert store.rev == 26
    await store.close()


async def test_a_service_does_not_start_on_a_backup(path, saved):
    await a_backup(path, saved)
    with pytest.raises(StartError, match="visor restore"):
        await opened(saved)


async def test_a_backup_overwrites_nothing(path, saved):
    await a_backup(path, saved)
    before = saved.read_bytes()
    with pytest.raises(StartError, match="exists"):
        backup(path, saved)
    assert saved.read_bytes() == before


async def test_what_cannot_be_backed_up_leaves_no_file(tmp_path, path):
    with pytest.raises(StartError, match="does not exist"):
        backup(path, tmp_path / "b")
    path.write_text("no database " * 1000)
    with pytest.raises(StartError):
        backup(path, tmp_path / "b")
    path.unlink()
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(StartError, match="not a Visor store"):
        backup(path, tmp_path / "b")
    with pytest.raises(StartError, match=r"the directory of .*/none/b does not exist: make it"):
        backup(path, tmp_path / "none" / "b")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.db"]


async def test_a_damaged_backup_replaces_nothing(path, saved):
    await a_backup(path, saved)
    before = path.read_bytes()
    connection = apsw.Connection(str(saved))
    connection.execute("UPDATE recent SET value = CAST('{}' AS BLOB) WHERE key = 'a/1'")
    connection.close()
    with pytest.raises(StartError, match="damaged"):
        restore(saved, path)
    saved.write_bytes(saved.read_bytes()[:9000])
    with pytest.raises(StartError):
        restore(saved, path)
    with pytest.raises(StartError, match="not a file"):
        restore(saved.with_name("none"), path)
    with pytest.raises(StartError, match="from itself"):
        restore(path, path)
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["s.backup", "s.db", "s.db.lock"]


@pytest.mark.parametrize("table", ["recent", "versions"])
async def test_a_store_that_is_damaged_in_its_past_is_not_backed_up(path, saved, table):
    store = await opened(path)
    await write(store, *(increment("a/n") for _ in range(10)))
    await store.close()
    if table == "versions":
        await (await opened(path)).close()
    connection = apsw.Connection(str(path))
    connection.execute(f"UPDATE {table} SET value = CAST('{{}}' AS BLOB) WHERE rev = 3")
    connection.close()
    with pytest.raises(StartError, match="at rev 3 is wrong"):
        backup(path, saved)
    assert not saved.exists()


async def test_a_damaged_store_is_replaced_with_its_write_ahead_log(path, saved):
    keys = await a_backup(path, saved)
    path.write_bytes(b"ruin" * 4000)
    path.with_name("s.db-wal").write_bytes(b"and its log")
    rev = restore(saved, path)
    store = await opened(path)
    assert (await store.latest()).count("a/") == len(keys)
    await store.close()
    aside = replaced_name(path, rev)
    assert aside.read_bytes() == b"ruin" * 4000
    assert aside.with_name(aside.name + "-wal").read_bytes() == b"and its log"


STEPS = {
    copying: ("_copy", "_mark", "prove"),
    restore_module: ("_begin_anew", "_own_as", "_keep_aside", "sync_path"),
    os: ("replace",),
}


@pytest.mark.parametrize(("place", "step"), [(place, step) for place in STEPS for step in STEPS[place]])
async def test_a_restore_that_is_cut_short_leaves_the_old_store(path, saved, monkeypatch, place, step):
    await a_backup(path, saved)
    with monkeypatch.context() as broken:

        def crash(*arguments, **more):
            raise OSError("the machine is gone")

        broken.setattr(place, step, crash)
        with pytest.raises(StartError, match="run it again"):
            restore(saved, path)
    store = await opened(path)
    assert (store.rev, (await store.latest()).count("b/")) == (25, 5)
    await store.close()
    restore(saved, path)
    store = await opened(path)
    assert (await store.latest()).count("b/") == 0
    await store.close()


async def test_a_crash_of_the_old_store_is_settled_before_it_is_kept_aside(path, saved, tmp_path):
    await a_backup(path, saved)
    store = await opened(path)
    await write(store, *(increment("a/n") for _ in range(10)))
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("s.db", "s.db-wal"):
        (crashed / name).write_bytes((tmp_path / name).read_bytes())
    await store.close()
    rev = restore(saved, crashed / "s.db")
    assert not (crashed / "s.db-wal").exists()
    old = await opened(replaced_name(crashed / "s.db", rev))
    assert (old.rev, word_of((await old.latest()).get("a/n"))) == (35, "11")
    await old.close()
