"""The contract with data at its limits: the largest values, the fullest commits, lists over many pages."""

import asyncio

from contract_words import ORIGIN, delete, plain, plain_commit, put, puts, word_of, write

from app.store.contract import MAX_CHANGES, MAX_VALUE, Record, Snapshot, Store

AROUND = 20
"""Bytes of a value besides its word."""

PAGE = 1000
"""As many items as a page of a list may have."""


async def listed(store: Store, rev: int, term: str = "a/") -> list[Record]:
    """A whole list, page by page: in a thread, as one that is read from a disk or from etcd has to be."""
    return await asyncio.to_thread(pages, await store.at(rev), term)


def pages(snapshot: Snapshot, term: str) -> list[Record]:
    found: list[Record] = []
    while True:
        page = snapshot.scan(term, after=found[-1].key if found else "", limit=PAGE)
        found += page
        if len(page) < PAGE:
            return found


async def test_the_largest_values_are_the_same_in_every_answer(store):
    words = {f"a/{n}": f"{n}" * (MAX_VALUE - AROUND) for n in range(5)}
    ends = await asyncio.gather(*(store.transact(put(key, word), ORIGIN) for key, word in words.items()))
    for (key, word), end in zip(words.items(), ends, strict=True):
        assert word_of(end.record) == word
        assert word_of((await store.latest()).get(key)) == word
        [commit] = await store.commits(end.rev - 1, 1)
        assert [word_of(change.after) for change in commit.changes] == [word]
    await write(store, *(put(key, "small") for key in words))
    found = await listed(store, max(end.rev for end in ends))
    assert {record.key: word_of(record) for record in found} == words


async def test_a_commit_with_as_many_changes_as_may_be_each_large(store):
    # Together as much as one request to a coordinator takes.
    words = {f"a/{n:03}": "w" + f"{n % 10}" * 8_000 for n in range(MAX_CHANGES)}
    [made] = await write(store, puts(**words))
    [ended] = await write(store, delete(*words))
    assert (await store.latest()).count("a/") == 0
    found = await listed(store, made.rev)
    assert {record.key: word_of(record) for record in found} == words
    gone = (await store.commits(made.rev, 1))[0].changes
    assert [plain(change.before) for change in gone] == [plain(record) for record in found]
    assert {change.after for change in gone} == {None}
    assert ended.rev == made.rev + 1


async def test_a_list_longer_than_every_page_at_every_rev(make):
    store = await make()
    keys = [f"a/{n:05}" for n in range(2 * PAGE + 300)]
    await write(
        store, *(puts(**dict.fromkeys(keys[n : n + 100], f"word {n}")) for n in range(0, len(keys), 100))
    )
    full = store.rev
    await write(store, put("b/1", "beside"))
    # One change for the rule, thousands for the commit.
    await write(store, delete(prefixes=["a/"]))
    for rev in (full, full + 1):
        snapshot = await store.at(rev)
        found = await listed(store, rev)
        assert [record.key for record in found] == keys
        assert await asyncio.to_thread(snapshot.count, "a/") == len(keys)
        last = await asyncio.to_thread(snapshot.scan, "a/", limit=3, reverse=True)
        assert [plain(record) for record in last] == [plain(record) for record in found[:-4:-1]]
        assert len(await listed(store, rev, "a/?letter=w")) == len(keys)
    assert (await store.latest()).scan("a/") == []
    [commit] = await store.commits(full + 1, 1)
    assert [change.key for change in commit.changes] == keys
    seen = [plain_commit(each) for each in await store.commits(0, 100)]
    assert len(seen) == store.rev
    if make.durable:
        await store.close()
        store = await make()
        assert [plain_commit(each) for each in await store.commits(0, 100)] == seen
        assert [record.key for record in await listed(store, full)] == keys


async def test_a_commit_of_thousands_is_whole_for_who_reads_while_it_is_made(make):
    """A store may make it in many turns of the loop: in each of them all of it is there, or nothing."""
    store = await make()
    keys = [f"a/{n:05}" for n in range(2 * PAGE)]
    await write(store, *(puts(**dict.fromkeys(keys[n : n + 100], "w")) for n in range(0, len(keys), 100)))
    before, seen = store.rev, set()
    removing = asyncio.create_task(store.transact(delete(prefixes=["a/"]), ORIGIN))
    beside = asyncio.create_task(store.transact(put("b/one", "beside"), ORIGIN))
    while not beside.done():
        snapshot = store.stale()
        looked = (
            snapshot.count("a/"),
            snapshot.count("a/?letter=w"),
            len(snapshot.scan("a/", after=keys[700])),
            len(snapshot.scan("a/", limit=3, reverse=True)),
            len(snapshot.select([["a/"], ["a/?letter=w"]], limit=900)),
            sum(snapshot.get(key) is not None for key in keys[::100]),
        )
        seen.add((snapshot.rev - before, looked))
        await asyncio.sleep(0)
    all_there = (len(keys), len(keys), len(keys) - 701, 3, 900, len(keys) // 100)
    nothing = (0,) * 6
    # Which of the two comes first is the store's affair.
    assert seen <= {(0, all_there), (1, all_there), (1, nothing), (2, nothing)}
    assert (0, all_there) in seen
    assert {(await removing).rev, (await beside).rev} == {before + 1, before + 2}
    assert (await store.latest()).scan("a/") == []
    assert (await store.at(before)).count("a/") == len(keys)
