"""Leases: keys that go when nobody renews them."""

import asyncio

import pytest

from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import LeaseNotFound, Refused
from app.store.etcd.client.requests import Get, Put
from app.store.etcd.client.revisions import Progress
from tests.etcd.client.conftest import Keys


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
        async with asyncio.timeout(60):
            while not waiting.done():
                assert await client.keep_alive_once(lives.id) == lives.ttl
                await asyncio.wait([waiting], timeout=0.3)
        gone = waiting.result()
    assert not isinstance(gone, Progress)
    assert [event.kv.key for event in gone.events] == [keys("dies")]
    (alive,) = (await client.txn(success=[Get(keys("lives"))])).responses
    assert alive.kvs  # type: ignore[union-attr]
    await client.revoke(lives.id)


async def test_a_lease_that_is_not_there_is_said_to_be_so(client: EtcdClient, keys: Keys) -> None:
    for call in (client.revoke(98), client.keep_alive_once(98)):
        with pytest.raises(LeaseNotFound):
            await call
    with pytest.raises(LeaseNotFound):
        await client.txn(success=[Put(keys("a"), b"", 98)])
    with pytest.raises(Refused, match="too large lease TTL"):
        await client.grant(10**10)
