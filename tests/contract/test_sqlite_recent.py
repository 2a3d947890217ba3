"""What came last lies in the order it came in, and is sorted in by key later: nobody can tell."""

import asyncio

import apsw
import pytest
from contract_words import ORIGIN, delete, increment, index, picture, plain, put, puts, until, write

from app.errors import StartError
from app.store.embedded.store import EmbeddedStore
from app.store.snapshots import scan
from app.store.sqlite.backup import backup
from app.store.sqlite.log import SqliteLog
from app.store.sqlite.restore import restore
from app.store.sqlite.schema import SCHEMA
from app.store.sqlite.versions import RECENT_COMMITS, RECENT_PAGES

FRAME = 4096 + 24
GROUP = 16


async def opened(path, *, memory_revs=1, recent=RECENT_COMMITS, vfs=None) -> EmbeddedStore:
    log = SqliteLog(path, recent=recent, vfs=vfs)
    store = EmbeddedStore(log, index, history=10**6, memory_revs=memory_revs)
    await store.open()
    return store


async def some_history(store) -> None:
    for n in range(40):
        await write(store, puts(**{f"a/{n % 7}": f"w{n}", f"b/{n % 3}": f"{n}"}), increment("a/n"))
        if n % 5 == 0:
            await write(store, delete(f"a/{n % 7}"), delete(prefixes=["b/"]))


def ask(path, statement: str) -> list[tuple]:
    connection = apsw.Connection(str(path))
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize("recent", [1, 2, 5, 30, 10_000])
async def test_wherever_a_version_lies_it_is_read_the_same(tmp_path, recent):
    """Every rev, every list, forwards and back: as where all is held in memory."""
    held = await opened(tmp_path / "held.db", memory_revs=10_000)
    store = await opened(tmp_path / "read.db", recent=recent)
    await some_history(held)
    await some_history(store)
    for rev in range(1, store.rev - 1):
        wanted, found = await held.at(rev), await store.at(rev)
        assert found.blocking
        for term in ("a/", "b/", "a/?letter=w"):
            for reverse in (False, True):
                for limit in (None, 0, 1, 3):
                    keys = [r.key for r in scan(wanted, term, limit=limit, reverse=reverse)]
                    assert [r.key for r in scan(found, term, limit=limit, reverse=reverse)] == keys
            assert found.count(term) == wanted.count(term)
        for key in ("a/n", "b/2", *(f"a/{n}" for n in range(7))):
            assert plain(found.get(key)) == plain(wanted.get(key))
        after = [(r.key, r.rev) for r in scan(wanted, "a/", after="a/3", limit=2)]
        assert [(r.key, r.rev) for r in scan(found, "a/", after="a/3", limit=2)] == after
    for store_read in (held, store):
        await store_read.close()


async def test_a_group_costs_a_few_pages_however_many_keys_it_changes(path):
    """Sorted in at once, each of its keys costs a page."""
    store = await opened(path)
    await write(store, *(put(f"a/{n:05}", "x" * 1000) for n in range(600)))
    before = path.with_name("s.db-wal").stat().st_size
    await asyncio.gather(*(store.transact(put(f"a/{n * 35:05}", "short"), ORIGIN) for n in range(GROUP)))
    assert path.with_name("s.db-wal").stat().st_size - before <= 6 * FRAME
    await store.close()


async def test_what_is_recent_stays_little(path):
    """By commits where they are of the same keys, by pages where they are of many."""
    store = await opened(path, memory_revs=100)
    most = 0
    for _ in range(RECENT_COMMITS // 50 + 20):
        await asyncio.gather(*(store.transact(increment(f"a/{n % 3}"), ORIGIN) for n in range(50)))
        most = max(most, *ask(path, "SELECT count(*) FROM recent")[0])
    assert RECENT_COMMITS <= most <= RECENT_COMMITS + 200
    for m in range(30):
        await asyncio.gather(*(store.transact(put(f"b/{m}/{n}", "x"), ORIGIN) for n in range(50)))
        if m > RECENT_PAGES // 50:
            assert ask(path, "SELECT count(*) FROM recent WHERE key > 'b'")[0][0] <= RECENT_PAGES + 100
    await store.close()


async def test_a_start_sorts_in_what_is_left(path):
    store = await opened(path)
    await some_history(store)
    seen = await picture(store)
    await store.close()
    assert ask(path, "SELECT count(*) FROM recent") != [(0,)]
    store = await opened(path)
    assert await picture(store) == seen
    await store.close()
    assert ask(path, "SELECT count(*) FROM recent") == [(0,)]


async def test_a_sorting_in_that_fails_loses_nothing(disk, path, tmp_path, monkeypatch):
    """What it is not known of what became of it is looked up anew, before the next write is answered."""
    monkeypatch.setattr("app.store.embedded.recovery.REOPEN_SECONDS", 0.01)
    store = await opened(path, recent=20, vfs=disk.name)
    await write(store, *(increment(f"a/{n % 4}") for n in range(19)))
    log = store._log

    def fail(*_):
        disk.failing_syncs = 1

    append = log.append
    monkeypatch.setattr(log, "append", lambda *group: (append(*group), fail()))
    await write(store, increment("a/4"))
    monkeypatch.setattr(log, "append", append)
    await until(lambda: not disk.failing_syncs)
    [ended] = await asyncio.gather(store.transact(increment("a/5"), ORIGIN), return_exceptions=True)
    assert "Nothing was changed" in ended.detail
    assert store.rev == 20
    await write(store, increment("a/6"))
    seen = await picture(store)
    (tmp_path / "found").mkdir()
    disk.cut(tmp_path / "found")
    again = await opened(tmp_path / "found" / "s.db")
    assert await picture(again) == seen
    await again.close()
    await store.close()


async def a_file_of_schema_1(path) -> dict:
    """As a Visor made it that sorted in everything at once."""
    store = await opened(path)
    await some_history(store)
    seen = await picture(store)
    await store.close()
    await (await opened(path)).close()
    ask(path, "DROP TABLE recent")
    ask(path, "PRAGMA user_version = 1")
    return seen


async def test_a_file_of_schema_1_is_served_and_brought_up(path):
    seen = await a_file_of_schema_1(path)
    store = await opened(path)
    assert await picture(store) == seen
    await write(store, increment("a/n"))
    seen = await picture(store)
    await store.close()
    assert ask(path, "PRAGMA user_version") == [(SCHEMA,)]
    store = await opened(path)
    assert await picture(store) == seen
    await store.close()


async def test_a_file_of_schema_2_is_brought_up_so_that_older_versions_refuse_it(path):
    """They would not keep the targets of scales true. Its tables are as they were."""
    store = await opened(path)
    await some_history(store)
    seen = await picture(store)
    await store.close()
    ask(path, "PRAGMA user_version = 2")
    store = await opened(path)
    assert await picture(store) == seen
    await write(store, increment("a/n"))
    await store.close()
    assert ask(path, "PRAGMA user_version") == [(SCHEMA,)]
    assert SCHEMA > 2


async def test_a_file_of_schema_1_is_backed_up_and_restored(path, tmp_path):
    seen = await a_file_of_schema_1(path)
    backup(path, tmp_path / "saved")
    assert ask(path, "PRAGMA user_version") == [(1,)], "a backup changes nothing"
    restore(tmp_path / "saved", tmp_path / "back.db", index=index)
    store = await opened(tmp_path / "back.db")
    latest = await store.latest()
    lists, _, _ = seen[max(seen)]
    assert [[r.key for r in scan(latest, term)] for term in ("a/", "b/")] == [
        [key for key, *_ in rows] for rows in lists[:2]
    ]
    await store.close()


async def test_a_damaged_file_of_schema_1_is_refused(path):
    await a_file_of_schema_1(path)
    ask(path, "DELETE FROM versions WHERE rev = 30")
    store = EmbeddedStore(SqliteLog(path), index, history=10**6, memory_revs=1)
    with pytest.raises(StartError, match="changes"):
        await store.open()
    assert ask(path, "PRAGMA user_version") == [(1,)]
    await store.close()
