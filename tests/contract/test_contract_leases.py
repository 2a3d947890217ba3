"""Keys that live by a lease: they go by a commit of their own, unless they are renewed."""

import asyncio

import pytest
from contract_words import delete, put, write

from app.store.contract import Changes
from app.store.snapshots import ask

TTL = 2
"""Seconds; the least that etcd keeps to."""


def lease(key, seconds, word="x"):
    return put(key, word, ttls={key: seconds})


def renew(key):
    return lambda snapshot, at: Changes(renews={key}, answer=key)


async def gone(store, key, seconds):
    async with asyncio.timeout(seconds):
        while (await store.latest()).get(key) is not None:
            await store.wait(store.rev)


async def test_a_lease_that_ends_is_a_commit(store):
    await write(store, lease("a/1", TTL), put("a/2", "stays"))
    assert (await store.latest()).get("a/1").leased
    await gone(store, "a/1", 3 * TTL)
    [commit] = await store.commits(2, 10)
    assert [(c.key, c.after) for c in commit.changes] == [("a/1", None)]
    assert (commit.journal.actor, commit.journal.request) == ("visor", "ttl")
    assert (await ask(await store.at(2), lambda s: s.get("a/1"))).leased


async def test_renewing_makes_no_commit_and_keeps_the_key(store):
    await write(store, lease("a/1", TTL), lease("a/2", TTL))
    for _ in range(6):
        await asyncio.sleep(0.3 * TTL)
        [outcome] = await write(store, renew("a/1"))
        assert not outcome.committed
    await gone(store, "a/2", 2 * TTL)
    assert (await store.latest()).get("a/1") is not None
    # The one commit is the end of the other. (etcd may count a revision for a lease without keys.)
    assert [[c.key for c in commit.changes] for commit in await store.commits(2, 10)] == [["a/2"]]


async def test_the_last_put_decides_whether_and_how_long(store):
    await write(store, lease("a/1", TTL), put("a/1", "for ever"), lease("a/2", TTL), delete("a/2"))
    await write(store, lease("a/3", TTL), lease("a/3", 60))
    await asyncio.sleep(1.6 * TTL)
    assert list(await store.commits(6, 10)) == []
    assert not (await store.latest()).get("a/1").leased
    assert (await store.latest()).get("a/3").leased


@pytest.mark.parametrize("make", ["sqlite"], indirect=True)
async def test_a_restart_keeps_leases_and_gives_them_their_time_again(make):
    store = await make()
    await write(store, lease("a/1", TTL))
    await store.close()
    await asyncio.sleep(1.1 * TTL)
    store = await make()
    assert (await store.latest()).get("a/1").leased
    await gone(store, "a/1", 3 * TTL)
