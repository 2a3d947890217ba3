"""The history in memory is bounded by bytes too, on every store; what is read is the same."""

import asyncio
import itertools

import pytest
from contract_words import ORIGIN, index, picture, put, puts

from app.store.embedded.held import FORGET
from app.store.embedded.store import EmbeddedStore
from app.store.sqlite.log import SqliteLog

BOUND = 200_000


def a_store(path, memory_bytes: int | None) -> EmbeddedStore:
    return EmbeddedStore(
        SqliteLog(path), index, history=10_000, memory_revs=10_000, memory_bytes=memory_bytes
    )


async def fill(store: EmbeddedStore) -> None:
    """Revs of very different sizes, of one key and of many."""
    for n in range(60):
        await store.transact(put(f"a/{n % 5}", "x" * (n % 3) * 5_000), ORIGIN)
        await store.transact(puts(**{f"b/{m}": "y" * 100 for m in range(n % 7 * 5)}, one="z"), ORIGIN)


def held(store: EmbeddedStore) -> tuple[float, float]:
    statistics = store.statistics()
    return statistics["held_commits"], statistics["held_bytes"]


async def test_so_many_bytes_are_held_and_no_more(tmp_path):
    store, whole = a_store(tmp_path / "s.db", BOUND), a_store(tmp_path / "whole.db", None)
    await store.open()
    await whole.open()
    await fill(store)
    await fill(whole)
    commits, size = held(store)
    assert 1 < commits < held(whole)[0] == whole.rev
    assert size <= BOUND < held(whole)[1]
    # What is no longer held is read from the file, and is the same.
    shown, wanted = await picture(store), await picture(whole)
    assert [state for state, _, _ in shown.values()] == [state for state, _, _ in wanted.values()]
    await store.close()
    again = a_store(tmp_path / "s.db", BOUND)
    await again.open()
    assert held(again)[1] <= BOUND
    assert held(again)[0] >= commits // 2, "a start fills the memory again"
    assert await picture(again) == shown
    await again.close()
    await whole.close()


@pytest.mark.parametrize("reopened", [False, True])
async def test_what_is_dropped_from_memory_is_no_longer_counted(tmp_path, reopened):
    store = a_store(tmp_path / "s.db", None)
    await store.open()
    await fill(store)
    if reopened:
        await store.close()
        store = a_store(tmp_path / "s.db", None)
        await store.open()
    assert held(store)[1] > BOUND
    await store.compact(store.rev)
    assert held(store) == (0, 0)
    await store.close()


async def test_the_newest_commit_is_held_however_large_it_is(tmp_path):
    store = a_store(tmp_path / "s.db", 1_000)
    await store.open()
    await fill(store)
    await store.transact(put("a/1", "x" * 100_000), ORIGIN)
    assert held(store)[0] == 1
    assert len(await store.commits(store.rev - 1, 10)) == 1
    await store.close()


@pytest.mark.parametrize("asked_for", [True, False])
async def test_dropping_much_at_once_lets_others_have_their_turn(tmp_path, asked_for):
    store = a_store(tmp_path / "s.db", None)
    await store.open()
    ends = [store.transact(put(f"a/{n}", "x"), ORIGIN) for n in range(4 * FORGET)]
    await asyncio.gather(*ends)
    held_then = [held(store)[0]]
    done = False

    async def look() -> None:
        while not done:
            held_then.append(held(store)[0])
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    if asked_for:
        await store.compact(store.rev)
        assert held(store)[0] == 0
    else:
        store._held._keep = 1  # as where the setting was lowered
        await store.transact(put("b/1", "x"), ORIGIN)
    done = True
    await looking
    steps = [before - after for before, after in itertools.pairwise(held_then)]
    assert max(steps) <= FORGET
    assert max(steps) > 0
    await store.close()
