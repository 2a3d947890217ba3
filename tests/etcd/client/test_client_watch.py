"""A watch gives whole revisions, in order, each once, and never ends without saying why."""

import asyncio
from collections.abc import Sequence

import pytest

from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import Compacted, RevisionWentBack, WatchLost
from app.store.etcd.client.requests import Delete, Put
from app.store.etcd.client.revisions import EtcdRevision, Progress
from app.store.etcd.client.watch import Watch
from tests.etcd.client.conftest import Keys
from tests.etcd.cluster import Cluster
from tests.etcd.proxy import Proxy


async def revisions(watch: Watch, count: int) -> list[EtcdRevision]:
    found: list[EtcdRevision] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            found += [item for item in await watch.take() if isinstance(item, EtcdRevision)]
    return found


async def write(client: EtcdClient, keys: Keys, count: int) -> list[int]:
    """So many revisions of two keys each, in their order."""

    async def some(worker: int) -> list[int]:
        numbers = range(worker, count, 50)
        puts = [[Put(keys(f"a{n}"), b"1"), Put(keys(f"b{n}"), b"2")] for n in numbers]
        return [(await client.txn(success=put)).revision for put in puts]

    return sorted(n for part in await asyncio.gather(*map(some, range(50))) for n in part)


async def test_a_revision_comes_with_all_its_events(client: EtcdClient, keys: Keys) -> None:
    first = (await client.txn(success=[Put(keys("a"), b"1"), Put(keys("b"), b"1")])).revision
    async with await client.watch(keys.prefix, keys.end, start_revision=first, prev_kv=True) as watch:
        second = (await client.txn(success=[Put(keys("a"), b"2"), Delete(keys("b"))])).revision
        one, two = await revisions(watch, 2)
    assert (one.revision, two.revision) == (first, second)
    assert [(event.kv.key, event.kv.value, event.before) for event in one.events] == [
        (keys("a"), b"1", None),
        (keys("b"), b"1", None),
    ]
    put, delete = two.events
    assert (put.deleted, put.kv.value, put.kv.version) == (False, b"2", 2)
    assert (delete.deleted, delete.kv.key, delete.kv.mod_revision) == (True, keys("b"), second)
    assert put.before is not None
    assert delete.before is not None
    assert (put.before.value, delete.before.value) == (b"1", b"1")


async def test_without_a_start_it_gives_what_comes_after_its_confirmation(
    client: EtcdClient, keys: Keys
) -> None:
    before = (await client.txn(success=[Put(keys("a"), b"1")])).revision
    async with await client.watch(keys.prefix, keys.end) as watch:
        assert watch.revision == watch.last >= before
        after = (await client.txn(success=[Put(keys("a"), b"2")])).revision
        assert [one.revision for one in await revisions(watch, 1)] == [after]
        assert watch.last == after


async def test_a_revision_too_large_for_one_response_still_comes_whole(
    client: EtcdClient, keys: Keys
) -> None:
    first = 0
    for value in (b"x", b"y", b"z"):
        puts = [Put(keys(n), value * 14_000) for n in range(100)]
        last = (await client.txn(success=puts)).revision
        first = first or last
    async with await client.watch(keys.prefix, keys.end, start_revision=first, prev_kv=True) as watch:
        found = await revisions(watch, 3)
    assert [len(one.events) for one in found] == [100, 100, 100]
    assert all(event.kv.mod_revision == one.revision for one in found for event in one.events)


async def test_cut_in_catch_up_it_says_so_and_resumes_without_a_gap_or_a_repeat(
    etcd: Cluster, client: EtcdClient, keys: Keys
) -> None:
    written = await write(client, keys, 5000)
    async with (
        Proxy(etcd.members[0].port) as proxy,
        EtcdClient([proxy.endpoint]) as far,
    ):
        seen: list[EtcdRevision] = []
        cuts = 0
        start = written[0]
        async with asyncio.timeout(40):
            while len(seen) < 5000:
                proxy.budget = 150_000 if cuts < 4 else None
                try:
                    async with await far.watch(keys.prefix, keys.end, start_revision=start) as watch:
                        while len(seen) < 5000:
                            item = await anext(watch)
                            if isinstance(item, EtcdRevision):
                                seen.append(item)
                except WatchLost:
                    cuts += 1
                start = watch.last + 1
    assert cuts == 4
    assert [one.revision for one in seen] == written
    assert {len(one.events) for one in seen} == {2}


async def test_compaction_under_a_watch_ends_it_with_the_revision_that_is_left(
    etcd: Cluster, client: EtcdClient, keys: Keys
) -> None:
    first = (await client.txn(success=[Put(keys("a"), b"1")])).revision
    last = (await client.txn(success=[Put(keys("a"), b"2")])).revision
    async with await client.watch(keys.prefix, keys.end, start_revision=last) as watch:
        await revisions(watch, 1)
        etcd.compact(last)
        # One that is not behind goes on.
        after = (await client.txn(success=[Put(keys("a"), b"3")])).revision
        assert [one.revision for one in await revisions(watch, 1)] == [after]
    with pytest.raises(Compacted) as gone:
        async with await client.watch(keys.prefix, keys.end, start_revision=first) as watch:
            await watch.take()
    assert gone.value.revision == last


async def test_compaction_while_it_catches_up_loses_nothing_in_silence(
    etcd: Cluster, client: EtcdClient, keys: Keys
) -> None:
    written = await write(client, keys, 3000)
    async with Proxy(etcd.members[0].port) as proxy, EtcdClient([proxy.endpoint]) as far:
        watch = await far.watch(keys.prefix, keys.end, start_revision=written[0])
        proxy.budget = 60_000
        with pytest.raises(WatchLost):
            await revisions(watch, 3000)
        held = watch.last
        assert held < written[-1]
        etcd.compact(written[-1])
        with pytest.raises(Compacted) as gone:
            async with await far.watch(keys.prefix, keys.end, start_revision=held + 1) as watch:
                await watch.take()
        assert gone.value.revision == written[-1]


async def test_progress_is_told_when_it_is_asked_for(client: EtcdClient, keys: Keys) -> None:
    async with await client.watch(keys.prefix, keys.end) as watch:
        other = (await client.txn(success=[Put(b"/other", b"")])).revision
        async with asyncio.timeout(60):
            while True:
                await watch.request_progress()
                (mark,) = await watch.take()
                assert isinstance(mark, Progress)
                if mark.revision >= other:
                    break
        status = await client.status(client.endpoints[0])
        assert mark.trusted == status.progress_trusted


async def test_who_gives_up_waiting_has_lost_nothing(client: EtcdClient, keys: Keys) -> None:
    async with await client.watch(keys.prefix, keys.end) as watch:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await watch.take()
        put = await client.txn(success=[Put(keys("a"), b"")])
        assert [one.revision for one in await revisions(watch, 1)] == [put.revision]


async def test_a_slow_reader_gets_all_of_it(
    client: EtcdClient, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.etcd.client.watch._AHEAD", 10)
    written = await write(client, keys, 2500)  # etcd sends a thousand at a time
    async with await client.watch(keys.prefix, keys.end, start_revision=written[0]) as watch:
        found: list[EtcdRevision] = []
        async for item in watch:
            if isinstance(item, EtcdRevision):
                found.append(item)
            if len(found) == 2500:
                break
            await asyncio.sleep(0)
    assert [one.revision for one in found] == written


async def test_a_closed_watch_tells_whoever_waits(client: EtcdClient, keys: Keys) -> None:
    watch = await client.watch(keys.prefix, keys.end)
    waiting = asyncio.ensure_future(watch.take())
    await asyncio.sleep(0)
    await watch.close()
    with pytest.raises(WatchLost):
        await waiting
    with pytest.raises(WatchLost):
        await watch.request_progress()
    await watch.close()


async def test_a_start_that_etcd_has_never_reached_means_that_it_went_back(
    etcd: Cluster, client: EtcdClient, keys: Keys
) -> None:
    async with await client.watch(keys.prefix, keys.end, start_revision=etcd.revision() + 1):
        pass
    with pytest.raises(RevisionWentBack):
        await client.watch(keys.prefix, keys.end, start_revision=etcd.revision() + 1000)


async def test_two_watches_do_not_disturb_each_other(client: EtcdClient, keys: Keys) -> None:
    async with (
        await client.watch(keys("a")) as one,
        await client.watch(keys("b")) as other,
    ):
        puts: Sequence[Put] = [Put(keys("a"), b""), Put(keys("b"), b"")]
        both = (await client.txn(success=puts)).revision
        for watch, key in ((one, keys("a")), (other, keys("b"))):
            (found,) = await revisions(watch, 1)
            assert (found.revision, [event.kv.key for event in found.events]) == (both, [key])
