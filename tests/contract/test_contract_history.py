"""Time: snapshots at every kept rev, commits in order, compaction, waiting."""

import asyncio
from itertools import pairwise

import pytest
from contract_stores import EMBEDDED
from contract_words import ORIGIN, delete, increment, plain_commit, put, write

from app.errors import RevCompacted, RevInFuture
from app.store.history_size import kept_bytes
from app.store.snapshots import ask, scan


async def test_an_empty_store_is_at_rev_0(store):
    assert (store.rev, store.oldest_rev) == (0, 0)
    snapshot = await store.at(0)
    assert (snapshot.rev, scan(snapshot, "a/"), snapshot.count("a/"), snapshot.get("a/1")) == (0, [], 0, None)
    assert list(await store.commits(0, 10)) == []
    assert await store.journal_at(0) is None


async def test_a_rev_that_is_not_reached(store):
    await write(store, put("a/1", "x"))
    with pytest.raises(RevInFuture) as refused:
        await store.at(2)
    assert refused.value.members == {"current_rev": 1}


async def test_commits_are_whole_ordered_and_complete(store):
    await write(store, *(increment("a/n") for _ in range(20)), delete("a/n"))
    whole = [plain_commit(c) for c in await store.commits(0, 1000)]
    assert [c[0] for c in whole] == list(range(1, 22))
    paged, at = [], 0
    while page := await store.commits(at, 3):
        assert len(page) <= 3
        paged += [plain_commit(c) for c in page]
        at = page[-1].rev
    assert paged == whole
    # Each change begins where the one before it ended.
    for earlier, later in pairwise(whole):
        assert earlier[2][0][2] == later[2][0][1]


@pytest.mark.parametrize("make", EMBEDDED, indirect=True)
async def test_the_history_setting_compacts_by_itself(make):
    store = await make(history=10)
    for n in range(1, 31):
        await write(store, increment("a/n"))
        assert store.oldest_rev == max(0, n - 10)
    for rev in range(20, 31):
        assert (await store.at(rev)).get("a/n").rev == rev
    for rev in (0, 1, 19):
        with pytest.raises(RevCompacted) as refused:
            await store.at(rev)
        assert refused.value.members == {"oldest_rev": 20}
        with pytest.raises(RevCompacted):
            await store.commits(rev, 5)
    assert [c.rev for c in await store.commits(20, 100)] == list(range(21, 31))


async def kept(store):
    """Bytes that the kept commits take."""
    return sum(map(kept_bytes, await store.commits(store.oldest_rev, 10_000)))


def of_many_sizes(n):
    return put(f"a/{n % 3}", "x" * (n % 5) * 2_000)


@pytest.mark.parametrize("make", EMBEDDED, indirect=True)
async def test_the_kept_history_takes_so_many_bytes_and_no_more(make):
    """At every commit as much is kept as fits; what is kept is read as ever, what is not is compacted."""
    limit = 60_000
    store, whole = await make(history_bytes=limit), []
    states = {}
    for n in range(80):
        await write(store, of_many_sizes(n))
        whole += await store.commits(store.rev - 1, 1)
        states[store.rev] = [(r.key, r.value, r.rev) for r in scan(store.stale(), "a/")]
        size = await kept(store)
        assert size <= limit
        assert store.statistics()["history_bytes"] == size
        if store.oldest_rev:
            assert size + kept_bytes(whole[store.oldest_rev - 1]) > limit, "one more would have fitted"
    assert 10 < store.oldest_rev < 75
    for rev in range(store.oldest_rev, store.rev + 1):
        found = await ask(await store.at(rev), lambda s: scan(s, "a/"))
        assert [(r.key, r.value, r.rev) for r in found] == states[rev]
    with pytest.raises(RevCompacted) as refused:
        await store.at(store.oldest_rev - 1)
    assert refused.value.members == {"oldest_rev": store.oldest_rev}


@pytest.mark.parametrize("make", EMBEDDED, indirect=True)
async def test_the_newest_commit_is_kept_whatever_it_takes(make):
    store = await make(history_bytes=10_000)
    await write(store, *(of_many_sizes(n) for n in range(10)), put("a/1", "x" * 50_000))
    assert store.oldest_rev == store.rev - 1
    await write(store, put("a/2", "y"))
    assert store.oldest_rev == store.rev - 1
    await write(store, put("a/2", "z"))
    assert store.oldest_rev == store.rev - 2


@pytest.mark.parametrize("make", EMBEDDED, indirect=True)
async def test_a_group_of_writes_keeps_to_the_bytes_too(make):
    """Many at a time, together far over the bound."""
    store = await make(history_bytes=30_000)
    await asyncio.gather(*(store.transact(of_many_sizes(n), ORIGIN) for n in range(300)))
    assert store.rev == 300
    assert 10_000 < await kept(store) <= 30_000


@pytest.mark.parametrize("make", ["sqlite", "sqlite-small-window"], indirect=True)
async def test_the_bound_in_bytes_goes_on_after_a_restart_as_if_there_had_been_none(make):
    limit, ends = 60_000, []
    for restarts in (False, True):
        make.place.path = make.place.path.with_name(f"{restarts}.db")
        store = await make(history_bytes=limit)
        for n in range(90):
            await write(store, of_many_sizes(n))
            if restarts and n % 13 == 0:
                before = store.oldest_rev, await kept(store)
                await store.close()
                store = await make(history_bytes=limit)
                assert (store.oldest_rev, await kept(store)) == before
        ends.append((store.rev, store.oldest_rev, await kept(store)))
        await store.close()
    assert ends[0] == ends[1]
    again = await make(history_bytes=limit // 3)
    assert await kept(again) <= limit // 3, "a lower bound holds from the start on"


async def test_compact_drops_what_is_before_the_rev(store):
    await write(store, *(increment("a/n") for _ in range(10)), put("a/other", "x"))
    await store.compact(4)
    assert store.oldest_rev == 4
    await store.compact(2)
    assert store.oldest_rev == 4
    with pytest.raises(RevCompacted):
        await store.at(3)
    assert (await ask(await store.at(4), lambda s: s.get("a/n"))).rev == 4
    assert [c.rev for c in await store.commits(4, 100)] == list(range(5, 12))
    assert (await store.journal_at(4)) is not None
    await store.compact(10**9)
    assert store.oldest_rev == store.rev == 11
    assert (await ask(await store.at(11), lambda s: s.get("a/n"))).rev == 10
    assert (await store.journal_at(11)).request == ORIGIN.request


async def test_the_journal_of_every_kept_rev(store):
    await write(store, *(increment("a/n") for _ in range(12)))
    await store.compact(7)
    journals = [await store.journal_at(rev) for rev in range(store.oldest_rev, store.rev + 1)]
    assert None not in journals
    assert journals[1:] == [c.journal for c in await store.commits(store.oldest_rev, 100)]


async def test_a_held_snapshot_refuses_rather_than_move(make):
    store = await make(history=10)
    await write(store, put("a/1", "old"))
    snapshot = await store.latest()
    await write(store, *(put("a/1", "new") for _ in range(30)))
    for read in (lambda: snapshot.get("a/1"), lambda: scan(snapshot, "a/"), lambda: snapshot.count("a/")):
        with pytest.raises(RevCompacted):
            read()


async def test_waiting_ends_with_the_next_commit(store):
    waiters = [asyncio.create_task(store.wait(0)) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert not any(w.done() for w in waiters)
    await write(store, put("a/1", "x"))
    async with asyncio.timeout(60):
        await asyncio.gather(*waiters)
        await store.wait(0)
    later = asyncio.create_task(store.wait(1))
    await asyncio.sleep(0.01)
    assert not later.done()
    await store.close()
    async with asyncio.timeout(60):
        await later


async def test_a_waiter_sees_the_commit_it_was_woken_for(store):
    seen = []

    async def follow():
        at = 0
        while at < 100:
            await store.wait(at)
            for commit in await store.commits(at, 7):
                seen.append(commit.rev)
                at = commit.rev

    follower = asyncio.create_task(follow())
    await asyncio.gather(*(store.transact(increment("a/n"), ORIGIN) for _ in range(100)))
    async with asyncio.timeout(60):
        await follower
    assert seen == list(range(1, 101))


async def test_a_read_after_an_acknowledged_write_sees_it(store):
    for n in range(20):
        [outcome] = await write(store, increment("a/n"))
        assert (await store.latest()).rev >= outcome.rev == n + 1
        assert store.stale().rev >= outcome.rev
