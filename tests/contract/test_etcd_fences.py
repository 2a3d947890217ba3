"""Fences on etcd do not pile up: one whose set has become empty goes, and nobody's change is lost by that."""

import pytest
from contract_stores import Maker, build
from contract_words import ORIGIN, delete, put, value_of, word_of, write

from app.store.contract import Changes
from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.requests import prefix_end

pytestmark = pytest.mark.parametrize("make", ["etcd"], indirect=True)


async def fences_of(make: Maker) -> set[str]:
    """Those of sets that are not all below a prefix."""
    begin = f"{make.place.path}/fence/".lstrip("/").encode()
    async with EtcdClient([str(make.place.etcd)]) as client:
        found = await client.range(begin, prefix_end(begin), keys_only=True)
    return {name for kv in found.kvs if "?" in (name := kv.key[len(begin) :].decode())}


async def test_the_fence_of_a_set_that_stays_empty_goes(make: Maker) -> None:
    store = await make()
    fences = store._store._old_fences
    await write(store, put("a/1", "x"), put("a/2", "y"), delete("a/1"))
    assert await fences_of(make) == {"a/?letter=x", "a/?letter=y"}
    await fences.drop()
    assert len(await fences_of(make)) == 2, "it may just have become empty"
    await fences.drop()
    assert await fences_of(make) == {"a/?letter=y"}
    assert (await store.latest()).count("a/") == 1
    await write(store, put("a/3", "x"))
    await fences.drop()
    await fences.drop()
    assert await fences_of(make) == {"a/?letter=x", "a/?letter=y"}, "what stands for something stays"


async def test_a_fence_that_is_put_meanwhile_stays(make: Maker) -> None:
    """Another replica fills the set after it was looked at, and before the fence is deleted."""
    store = await make()
    other = build(make.kind, make.place)
    await other.open()
    fences = store._store._old_fences
    await write(store, put("a/1", "x"), delete("a/1"))
    await fences.drop()
    transact, runs = fences._transact, list[int]()

    async def disturbed(rule, origin):
        def late(snapshot, at):
            runs.append(snapshot.rev)
            return rule(snapshot, at)

        await other.transact(put("a/2", "x"), ORIGIN)
        return await transact(late, origin)

    fences._transact = disturbed
    await fences.drop()
    assert runs, "it was to be deleted"
    assert await fences_of(make) == {"a/?letter=x"}
    await other.close()


async def test_who_has_seen_the_set_with_its_fence_runs_again_when_that_has_gone(make: Maker) -> None:
    """The set is filled between the reading and the commit: with the fence gone before that, or not."""
    store = await make()
    other = build(make.kind, make.place)
    await other.open()
    await write(store, put("a/1", "x"), delete("a/1"))
    seen = list[int]()

    def counting(snapshot, at):
        seen.append(snapshot.count("a/?letter=x"))
        return Changes(puts={"b/count": value_of(f"{seen[-1]}")}, answer="b/count")

    send = store._store._writer._sender.send

    async def late(*given):
        if len(seen) == 1:
            for _ in range(2):
                await other._store._old_fences.drop()
            await other.transact(put("a/2", "x"), ORIGIN)
        return await send(*given)

    store._store._writer._sender.send = late
    outcome = await store.transact(counting, ORIGIN)
    assert seen == [0, 1]
    assert word_of(outcome.record) == "1"
    await other.close()
