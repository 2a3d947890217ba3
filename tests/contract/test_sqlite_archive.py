"""Old revs in the file: the same after a restart, from many threads, and under a compaction."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import apsw
import pytest
from contract_words import ORIGIN, delete, increment, index, picture, plain, put, puts, write

from app.errors import CoordinatorUnavailable, RevCompacted
from app.store.embedded.store import EmbeddedStore
from app.store.snapshots import scan
from app.store.sqlite.archive import prefix_end
from app.store.sqlite.compaction import STEP
from app.store.sqlite.log import SqliteLog


async def opened(path, *, history=10_000, memory_revs=5) -> EmbeddedStore:
    store = EmbeddedStore(SqliteLog(path), index, history=history, memory_revs=memory_revs)
    await store.open()
    return store


async def some_history(store) -> None:
    for n in range(40):
        await write(store, puts(**{f"a/{n % 7}": f"w{n}", f"b/{n}": f"{n}"}))
        if n % 4 == 0:
            await write(store, delete(f"a/{n % 5}"), delete(prefixes=["b/1"]))


def rows(path, *tables) -> int:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    count = sum(connection.execute(f"SELECT count(*) FROM {table}").get for table in tables)
    connection.close()
    return count


async def test_a_restart_changes_nothing_at_any_rev(path):
    store = await opened(path)
    await some_history(store)
    seen = await picture(store)
    await store.close()
    for memory_revs in (1, 7, 10_000):
        store = await opened(path, memory_revs=memory_revs)
        assert await picture(store) == seen
        await store.close()


async def test_the_window_decides_who_reads_and_not_what_is_read(path):
    store = await opened(path, memory_revs=6)
    await some_history(store)
    old, new = await store.at(store.rev - 6), await store.at(store.rev - 5)
    assert old.blocking or new.blocking is False
    assert (await store.at(3)).blocking
    assert not (await store.at(store.rev)).blocking
    await store.close()


async def test_many_threads_read_at_once(path):
    store = await opened(path)
    await some_history(store)
    wanted = {rev: [plain(r) for r in scan((await store.at(rev)), "a/")] for rev in range(store.rev + 1)}
    snapshots = [await store.at(rev) for rev in range(store.rev - 10)]
    assert all(s.blocking for s in snapshots)
    together = threading.Barrier(8)

    def read(share):
        together.wait()
        return [(s.rev, [plain(r) for r in scan(s, "a/")]) for s in snapshots[share::8] for _ in range(5)]

    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(8) as pool:
        writing = [asyncio.create_task(store.transact(increment("a/n"), ORIGIN)) for _ in range(200)]
        ends = await asyncio.gather(*(loop.run_in_executor(pool, read, share) for share in range(8)))
        await asyncio.gather(*writing)
    for end in ends:
        for rev, found in end:
            assert found == wanted[rev]
    await store.close()


async def test_a_compaction_that_overtakes_a_reader_is_said(path):
    store = await opened(path)
    await some_history(store)
    snapshot = await store.at(10)
    assert snapshot.blocking
    assert scan(snapshot, "a/")
    await store.compact(30)
    for read in (lambda: snapshot.get("a/1"), lambda: scan(snapshot, "a/"), lambda: snapshot.count("a/")):
        with pytest.raises(RevCompacted) as refused:
            read()
        assert refused.value.members == {"oldest_rev": 30}
    assert scan((await store.at(30)), "a/")
    await store.close()
    with pytest.raises(CoordinatorUnavailable):
        snapshot.get("a/1")


async def test_a_scan_that_began_before_a_compaction_ends_as_it_began(path):
    """The reader's transaction holds the file as it was, even while the rows are dropped."""
    store = await opened(path)
    await some_history(store)
    log = store._log
    wanted = scan((await store.at(10)), "a/")
    with log._archive.reading(10) as connection:
        await store.compact(store.rev)
        found = list((await asyncio.to_thread(log.snapshot, 10))._iterate(connection, (("a/",),), "", False))
    assert [plain(r) for r in found] == [plain(r) for r in wanted]
    await store.close()


async def test_what_no_kept_rev_needs_leaves_the_file(path):
    store = await opened(path, history=50)
    for n in range(400):
        await write(store, put(f"a/{n % 5}", f"{n}"))
    # Five live keys, and the last 50 commits with the versions they hide.
    assert rows(path, "versions", "recent") <= 50 + 5
    assert rows(path, "commits") <= 50 + 1
    assert len(await store.commits(store.oldest_rev, 1000)) == 50
    await store.close()


async def test_deleted_keys_leave_the_file_altogether(path):
    store = await opened(path, history=10)
    for n in range(100):
        await write(store, put(f"a/{n}", "x"), delete(f"a/{n}"))
    assert rows(path, "versions", "recent") <= 10
    await store.compact(store.rev)
    assert rows(path, "versions", "recent") == 0
    assert (await store.latest()).count("a/") == 0
    await store.close()


async def test_a_large_backlog_is_dropped_in_steps(path):
    store = await opened(path)
    ends = [store.transact(put("a/1", f"{n}"), ORIGIN) for n in range(STEP * 4)]
    await asyncio.gather(*ends)
    await store.compact(store.rev)
    left = [rows(path, "commits")]
    while left[-1] > 1:
        await store.compact(store.rev)
        left.append(rows(path, "commits"))
        assert left[-2] - left[-1] <= STEP
    assert len(left) == 4
    seen = await picture(store)
    await store.close()
    store = await opened(path)
    assert await picture(store) == seen
    await store.close()


async def test_a_restart_in_the_middle_of_a_backlog(path):
    store = await opened(path)
    await some_history(store)
    seen = await picture(store)
    await store.compact(40)
    await store.close()
    store = await opened(path)
    assert store.oldest_rev == 40
    assert await picture(store) == {rev: shown for rev, shown in seen.items() if rev >= 40}
    await store.close()


async def test_a_smaller_history_setting_takes_hold_at_the_start(path):
    store = await opened(path)
    await some_history(store)
    seen = await picture(store)
    await store.close()
    store = await opened(path, history=4)
    assert store.oldest_rev == store.rev - 4
    with pytest.raises(RevCompacted):
        await store.at(store.rev - 5)
    assert await picture(store) == {rev: shown for rev, shown in seen.items() if rev >= store.oldest_rev}
    await store.close()


@pytest.mark.parametrize("table", ["recent", "versions"])
async def test_a_damage_that_is_met_while_reading_is_not_answered_with(path, table):
    store = await opened(path, memory_revs=1)
    await some_history(store)
    if table == "versions":
        await store.close()
        store = await opened(path, memory_revs=1)
    damage = store._log._connection.execute
    rev = (await store.at(20)).get("b/9").rev
    damage(f"DELETE FROM {table} WHERE key = 'b/9' AND rev = ?", (rev,))
    with pytest.raises(CoordinatorUnavailable):
        await store.commits(rev - 1, 1)
    assert len(await store.commits(rev, 1)) == 1
    damage("DELETE FROM commits WHERE rev = 30")
    with pytest.raises(CoordinatorUnavailable):
        await store.commits(28, 10)
    damage(f"DELETE FROM {table} WHERE rev = 35; DELETE FROM commits WHERE rev = 35")
    with pytest.raises(CoordinatorUnavailable):
        await store.commits(33, 10)
    damage("UPDATE commits SET at = at + 1 WHERE rev = 7")
    with pytest.raises(CoordinatorUnavailable):
        await store.journal_at(7)
    damage(f"UPDATE {table} SET value = CAST('{{}}' AS BLOB) WHERE key = 'a/1'")
    with pytest.raises(CoordinatorUnavailable):
        (await store.at(5)).get("a/1")
    with pytest.raises(CoordinatorUnavailable):
        await store.commits(1, 10)
    await store.close()


@pytest.mark.parametrize(
    ("prefix", "end"),
    [
        ("a/", "a0"),
        ("é", "ê"),
        ("a\ud7ff", "a\ue000"),
        ("a\U0010ffff", "b"),
        ("\U0010ffff", None),
        ("", None),
    ],
)
def test_the_end_of_a_prefix(prefix, end):
    assert prefix_end(prefix) == end
