"""The contract with data at its limits: the largest values, the fullest commits, lists over many pages."""

import asyncio
from datetime import datetime

from contract_words import ORIGIN, delete, plain, plain_commit, put, puts, value_of, word_of, write

from app.store.contract import MAX_VALUE, Changes, Rule, Snapshot, Store
from app.store.records import Record
from app.store.snapshots import scan

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
        page = scan(snapshot, term, after=found[-1].key if found else "", limit=PAGE)
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
    words = {f"a/{n:03}": "w" + f"{n % 10}" * 8_000 for n in range(120)}
    [made] = await write(store, puts(**words))
    [ended] = await write(store, delete(*words))
    assert (await store.latest()).count("a/") == 0
    found = await listed(store, made.rev)
    assert {record.key: word_of(record) for record in found} == words
    gone = (await store.commits(made.rev, 1))[0].changes
    assert [plain(change.before) for change in gone] == [plain(record) for record in found]
    assert {change.after for change in gone} == {None}
    assert ended.rev == made.rev + 1


async def test_1900_keys_are_made_changed_and_deleted_in_one_commit_each(make):
    """All of it at one rev, for who reads, for who follows, and after a restart."""
    store = await make()
    keys = [f"a/{n:04}" for n in range(1900)]
    word = "w" * 500
    await write(store, put("b/1", "beside"))
    made, changed, ended = await write(
        store,
        puts(**dict.fromkeys(keys, word)),
        puts(**dict.fromkeys(keys, word[1:])),
        delete(*keys),
    )
    assert (made.rev, changed.rev, ended.rev) == (2, 3, 4)

    async def look() -> None:
        for rev, words in ((1, {}), (2, dict.fromkeys(keys, word)), (3, dict.fromkeys(keys, word[1:]))):
            found = await listed(store, rev)
            assert {record.key: word_of(record) for record in found} == words
            assert {(record.created_rev, record.rev) for record in found} <= {(2, rev)}
        assert await listed(store, 4) == []
        commits = await store.commits(1, 10)
        assert [(each.rev, len(each.changes)) for each in commits] == [(2, 1900), (3, 1900), (4, 1900)]

    await look()
    if make.durable:
        await store.close()
        store = await make()
        await look()


async def test_a_large_commit_is_guarded_by_all_that_it_has_read_and_writes(make):
    """Others write its keys, new ones beside, and take some away, while it is made again and again."""
    store = await make()
    keys = [f"a/{n:04}" for n in range(1000)]
    await write(store, puts(**dict.fromkeys(keys, "w0")))

    def add(snapshot: Snapshot, at: datetime) -> Changes:
        found = scan(snapshot, "a/")
        return Changes(puts={r.key: value_of(f"w{int(word_of(r)[1:]) + 1}") for r in found})

    async def disturb(number: int) -> None:
        for key in keys[number::400]:
            await write(store, increment_word(key), delete(key), put(key, "w0"), put(f"{key}x", "w0"))

    await asyncio.gather(*(store.transact(add, ORIGIN) for _ in range(4)), *(disturb(n) for n in range(3)))
    model: dict[str, int] = {}
    for commit in await store.commits(0, 1000):
        for key, before, after in commit.changes:
            assert (word_of(before) if before else None) == (f"w{model[key]}" if key in model else None)
            if after is None:
                del model[key]
            else:
                model[key] = int(word_of(after)[1:])
        if len(commit.changes) > 900 and commit.rev > 1:
            assert len(commit.changes) == len(model), "it has left out what it should have seen"
    assert {r.key: word_of(r) for r in await listed(store, store.rev)} == {
        key: f"w{number}" for key, number in model.items()
    }


def increment_word(key: str) -> Rule:
    return lambda snapshot, at: Changes(puts={key: value_of(f"w{int(word_of(snapshot.get(key))[1:]) + 1}")})


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
        last = await asyncio.to_thread(scan, snapshot, "a/", limit=3, reverse=True)
        assert [plain(record) for record in last] == [plain(record) for record in found[:-4:-1]]
        assert len(await listed(store, rev, "a/?letter=w")) == len(keys)
    assert scan((await store.latest()), "a/") == []
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
            len(scan(snapshot, "a/", after=keys[700])),
            len(scan(snapshot, "a/", limit=3, reverse=True)),
            len(snapshot.find([["a/"], ["a/?letter=w"]], limit=900)),
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
    assert scan((await store.latest()), "a/") == []
    assert (await store.at(before)).count("a/") == len(keys)
