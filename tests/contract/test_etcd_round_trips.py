"""What a write on etcd waits for: one call to etcd, and nothing besides."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from contract_stores import SHARED, build
from contract_words import ORIGIN, increment, put, write

from app.errors import AlreadyExists, CoordinatorUnavailable
from app.store.contract import Changes
from app.store.etcd import heartbeat, writer
from app.store.etcd.client import revisions
from app.store.etcd.client.calls import Calls
from app.store.etcd.client.client import EtcdClient

pytestmark = pytest.mark.parametrize("make", SHARED, indirect=True)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls to etcd, by name. Nothing else than what is asked for makes one meanwhile."""
    monkeypatch.setattr(heartbeat, "HEARTBEAT", 1000.0)
    unary, made = Calls.unary, list[str]()

    async def counted(self: Calls, name: str, *given: Any, **more: Any) -> Any:
        made.append(name)
        return await unary(self, name, *given, **more)

    monkeypatch.setattr(Calls, "unary", counted)
    return made


async def undisturbed(store: Any, work: Callable[[], Awaitable[None]]) -> None:
    """Do the work, again where the watch was lost meanwhile, or a read could not be confirmed in time: on a
    slow machine etcd may be silent for too long, and what is asked when it is begun anew is none of it."""
    for _ in range(5):
        watch = await store._store._follower.settled()
        try:
            await work()
        except CoordinatorUnavailable:
            continue
        if store._store._follower._watch is watch and not watch.over:
            return
    pytest.fail("the watch is lost each time")


async def test_a_write_alone_is_one_call_to_etcd(make: Any, calls: list[str]) -> None:
    """No lease is renewed before it, no read confirmed, and it is not read back."""
    store = await make()
    await write(store, put("a/1", "x"))

    async def work() -> None:
        calls.clear()
        for _ in range(20):
            await write(store, increment("n/1"))

    await undisturbed(store, work)
    assert calls == ["Txn"] * 20


async def test_writes_that_come_at_once_share_their_calls(
    make: Any, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A group is as large as what waits, on a slow machine too.
    monkeypatch.setattr(writer, "TURN", 60.0)
    store = await make()
    await write(store, put("a/1", "x"))

    async def work() -> None:
        calls.clear()
        await asyncio.gather(*(store.transact(put(f"a/{n}", "x"), ORIGIN) for n in range(40)))

    await undisturbed(store, work)
    assert set(calls) == {"Txn"}
    assert len(calls) < 20


async def test_a_refusal_is_one_read_of_etcd(make: Any, calls: list[str]) -> None:
    """It counts only on the latest state, which etcd is asked for."""

    def refuses(snapshot: Any, at: Any) -> Changes:
        raise AlreadyExists("taken")

    store = await make()
    await write(store, put("a/1", "x"))

    async def work() -> None:
        calls.clear()
        with pytest.raises(AlreadyExists):
            await store.transact(refuses, ORIGIN)

    await undisturbed(store, work)
    assert calls == ["Range"]


async def test_what_a_replica_has_sent_is_not_taken_out_of_the_watch_again(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each group its journal entry at most; another replica reads all of it."""
    event_of, taken = revisions._event, list[bytes]()

    def counted(event: Any) -> Any:
        taken.append(event.kv.key)
        return event_of(event)

    store = await make()
    other = build(make.kind, make.place)
    await other.open()
    await write(store, put("a/1", "x"))
    await other.latest()
    monkeypatch.setattr(revisions, "_event", counted)
    monkeypatch.setattr(writer, "TURN", 60.0)

    async def work() -> None:
        taken.clear()
        watch = await other._store._follower.settled()
        await asyncio.gather(*(store.transact(put(f"a/{n}", "x"), ORIGIN) for n in range(30)))
        await store.latest()
        await other.latest()
        if other._store._follower._watch is not watch:
            await work()

    await undisturbed(store, work)
    by_key = {key.rpartition(b"/")[2]: 0 for key in taken}
    for key in taken:
        by_key[key.rpartition(b"/")[2]] += 1
    assert {by_key[b"%d" % n] for n in range(1, 30)} == {1}, "by the other replica alone"
    await other.close()


async def test_that_nothing_is_compacted_is_one_small_read(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the history is, which a watch from its beginning would bring."""
    store = await make()
    await asyncio.gather(*(store.transact(increment("n/1"), ORIGIN) for _ in range(50)))
    watched: list[int] = []
    watch: Callable[..., Any] = EtcdClient.watch

    async def counted(self: EtcdClient, *given: Any, **more: Any) -> Any:
        watched.append(more["start_revision"])
        return await watch(self, *given, **more)

    monkeypatch.setattr(EtcdClient, "watch", counted)
    oldest, first = store.oldest_rev, max(store._store._kept._compacted, 1)
    await store._store._kept.learn()
    assert first not in watched
    await store.compact(20)
    await store._store._kept.learn()
    assert store.oldest_rev > oldest
