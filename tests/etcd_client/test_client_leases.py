"""Leases: keys that go when nobody renews them."""

import asyncio

import pytest

from app.store.etcd.client.client import EtcdClient, Get, LeaseExists, LeaseNotFound, Progress, Put, Refused
from tests.etcd_client.conftest import Keys


async def test_a_lease_has_the_time_and_the_keys_it_was_given(client: EtcdClient, keys: Keys) -> None:
    lease = await client.grant(60)
    await client.txn(success=[Put(keys("a"), b"", lease.id), Put(keys("b"), b"", lease.id)])
    left = await client.time_to_live(lease.id, keys=True)
    assert (left.id, left.granted, set(left.keys)) == (lease.id, 60, {keys("a"), keys("b")})
    assert 55 <= left.ttl <= 60
    assert (await client.range(keys("a"))).kvs[0].lease == lease.id
    await client.revoke(lease.id)


async def test_an_id_can_be_chosen_once(client: EtcdClient) -> None:
    assert (await client.grant(60, 4711)).id == 4711
    with pytest.raises(LeaseExists):
        await client.grant(60, 4711)
    await client.revoke(4711)


async def test_a_revoked_lease_takes_its_keys_with_it_at_one_revision(client: EtcdClient, keys: Keys) -> None:
    lease = await client.grant(60)
    put = await client.txn(success=[Put(keys("a"), b"", lease.id), Put(keys("b"), b"", lease.id)])
    async with await client.watch(keys.prefix, keys.end, start_revision=put.revision + 1) as watch:
        await client.revoke(lease.id)
        gone = await anext(watch)
    assert not isinstance(gone, Progress)
    assert [(event.kv.key, event.deleted) for event in gone.events] == [
        (keys("a"), True),
        (keys("b"), True),
    ]


async def test_a_lease_that_is_not_renewed_ends_and_one_that_is_stays(client: EtcdClient, keys: Keys) -> None:
    dies, lives = await client.grant(2), await client.grant(2)
    put = await client.txn(success=[Put(keys("dies"), b"", dies.id), Put(keys("lives"), b"", lives.id)])
    async with await client.watch(keys.prefix, keys.end, start_revision=put.revision + 1) as watch:
        waiting = asyncio.ensure_future(anext(watch))
        async with asyncio.timeout(15):
            while not waiting.done():
                assert await client.keep_alive_once(lives.id) == lives.ttl
                await asyncio.wait([waiting], timeout=0.3)
        gone = waiting.result()
    assert not isinstance(gone, Progress)
    assert [event.kv.key for event in gone.events] == [keys("dies")]
    (alive,) = (await client.txn(success=[Get(keys("lives"))])).responses
    assert alive.kvs  # type: ignore[union-attr]
    await client.revoke(lives.id)


async def test_many_are_renewed_in_one_exchange(client: EtcdClient) -> None:
    ids = [(await client.grant(60)).id for _ in range(50)]
    assert await client.keep_alive([*ids, 99]) == {**dict.fromkeys(ids, 60), 99: 0}
    assert await client.keep_alive([]) == {}
    for lease_id in ids:
        await client.revoke(lease_id)


async def test_a_lease_that_is_not_there_is_said_to_be_so(client: EtcdClient, keys: Keys) -> None:
    for call in (client.revoke(98), client.keep_alive_once(98), client.time_to_live(98)):
        with pytest.raises(LeaseNotFound):
            await call
    with pytest.raises(LeaseNotFound):
        await client.txn(success=[Put(keys("a"), b"", 98)])
    with pytest.raises(Refused, match="too large lease TTL"):
        await client.grant(10**10)
