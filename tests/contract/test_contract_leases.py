"""Keys that live by a lease: they go by a commit of their own, unless they are renewed."""

import asyncio

import pytest
from contract_words import delete, put, write

from app.store.contract import Changes
from app.store.snapshots import ask
from tests.leases import tries

TTL = 2
"""Seconds; the least that etcd keeps to."""


def lease(key, seconds, word="x"):
    return put(key, word, ttls={key: seconds})


def renew(key):
    return lambda snapshot, at: Changes(renews={key}, answer=key)


async def gone(store, key):
    async with asyncio.timeout(60):
        while (await store.latest()).get(key) is not None:
            await store.wait(store.rev)


async def test_a_lease_that_ends_is_a_commit(store):
    await write(store, lease("a/1", TTL), put("a/2", "stays"))
    assert (await store.latest()).get("a/1").leased
    await gone(store, "a/1")
    [commit] = await store.commits(2, 10)
    assert [(c.key, c.after) for c in commit.changes] == [("a/1", None)]
    assert (commit.journal.actor, commit.journal.request) == ("visor", "ttl")
    assert (await ask(await store.at(2), lambda s: s.get("a/1"))).leased


async def test_renewing_makes_no_commit_and_keeps_the_key(store):
    kept = ends = ""
    for attempt in tries(TTL, 10, 40):
        for key in filter(None, (kept, ends)):  # of a try that was too slow: not to end in this one
            await gone(store, key)
        kept, ends, before = f"a/{attempt.number}", f"b/{attempt.number}", store.rev
        with attempt:
            with attempt.in_time():
                await write(store, lease(kept, attempt.ttl), lease(ends, attempt.ttl))
            for _ in range(6):
                await asyncio.sleep(0.3 * attempt.ttl)
                with attempt.in_time():
                    [outcome] = await write(store, renew(kept))
                assert not outcome.committed
            await gone(store, ends)
            with attempt.in_time():
                assert (await store.latest()).get(kept) is not None
            # The one commit is the end of the other. (etcd may count a revision for a lease without keys.)
            commits = await store.commits(before + 2, 10)
            assert [[c.key for c in commit.changes] for commit in commits] == [[ends]]


async def test_the_last_put_decides_whether_and_how_long(store):
    a = ""
    for attempt in tries(TTL, 10, 40):
        if a:
            await write(store, delete(a))
        a, b, c = (f"{name}/{attempt.number}" for name in "abc")
        before = store.rev
        with attempt:
            with attempt.in_time():
                await write(store, lease(a, attempt.ttl))
            with attempt.in_time():
                await write(store, put(a, "for ever"), lease(b, attempt.ttl), delete(b))
                await write(store, lease(c, attempt.ttl), lease(c, 600))
            await asyncio.sleep(1.6 * attempt.ttl)
            assert list(await store.commits(before + 6, 10)) == []
            assert not (await store.latest()).get(a).leased
            assert (await store.latest()).get(c).leased


@pytest.mark.parametrize("make", ["sqlite"], indirect=True)
async def test_a_restart_keeps_leases_and_gives_them_their_time_again(make):
    store = await make()
    await write(store, lease("a/1", TTL))
    await store.close()
    await asyncio.sleep(1.1 * TTL)
    store = await make()
    assert (await store.latest()).get("a/1").leased
    await gone(store, "a/1")
