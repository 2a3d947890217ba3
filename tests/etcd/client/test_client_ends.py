"""How a transaction can end, and that it is sent once, whatever happens to the answer."""

import asyncio
from pathlib import Path

import pytest

from app.store.etcd.client.calls import Timeouts
from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import Ambiguous, EtcdError, NoSpace, NotDone, WatchLost
from app.store.etcd.client.requests import Compare, Put
from app.store.etcd.client.watch import Watch
from tests.etcd.client.conftest import Keys
from tests.etcd.cluster import Cluster, eventually, free_port
from tests.etcd.proxy import Proxy

PATIENT = Timeouts(request=10.0)


async def version(client: EtcdClient, key: bytes) -> int:
    """How often the key was put."""
    return sum(kv.version for kv in (await client.range(key)).kvs)


async def drained(watch: Watch) -> None:
    """Take what comes, until the watch ends with its exception."""
    while True:
        await watch.take()


async def test_a_reply_lost_after_the_commit_is_ambiguous_and_the_commit_happened_once(
    etcd: Cluster, client: EtcdClient, keys: Keys
) -> None:
    async with Proxy(etcd.members[0].port) as proxy, EtcdClient([proxy.endpoint], timeouts=PATIENT) as far:
        await far.txn(success=[Put(keys("warm"), b"")])
        proxy.lose_replies = True
        sent = asyncio.ensure_future(far.txn(success=[Put(keys("a"), b"")]))

        async def committed() -> bool:
            return await version(client, keys("a")) == 1

        await eventually(committed)
        assert not sent.done()
        await proxy.cut()
        with pytest.raises(Ambiguous):
            await sent
        proxy.lose_replies = False
        # The connection comes back, and nothing of before is sent on it.
        await far.range(keys("warm"))
        await far.txn(success=[Put(keys("warm"), b"")])
        assert await version(client, keys("a")) == 1


async def test_a_compare_and_set_whose_reply_is_lost_is_not_reported_as_failed(
    etcd: Cluster, client: EtcdClient, keys: Keys
) -> None:
    async with Proxy(etcd.members[0].port) as proxy, EtcdClient([proxy.endpoint], timeouts=PATIENT) as far:
        await far.range(keys("a"))
        proxy.lose_replies = True
        absent = Compare(keys("a"), "version", "=", 0)
        sent = asyncio.ensure_future(far.txn([absent], [Put(keys("a"), b"mine")]))
        await proxy.lost.wait()

        async def committed() -> bool:
            return await version(client, keys("a")) == 1

        await eventually(committed)
        await proxy.cut()
        with pytest.raises(Ambiguous):
            await sent


async def test_an_answer_that_does_not_come_in_time_is_ambiguous(
    etcd: Cluster, client: EtcdClient, keys: Keys
) -> None:
    async with Proxy(etcd.members[0].port) as proxy, EtcdClient([proxy.endpoint]) as far:
        await far.range(keys("a"))
        proxy.lose_replies = True
        with pytest.raises(Ambiguous, match="DEADLINE"):
            await far.txn(success=[Put(keys("a"), b"")], within=0.3)
        assert await version(client, keys("a")) == 1


async def test_where_nobody_listens_nothing_is_sent(keys: Keys) -> None:
    nobody = [f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"]
    async with EtcdClient(nobody, timeouts=Timeouts(request=0.3)) as far:
        for call in (
            far.txn(success=[Put(keys("a"), b"")]),
            far.range(keys("a")),
            far.watch(keys("a")),
            far.grant(60),
            far.keep_alive_once(1),
        ):
            with pytest.raises(NotDone, match=r"can be reached"):
                await call
        with pytest.raises(EtcdError):
            await far.status(nobody[0])


async def test_a_read_whose_reply_is_lost_is_asked_again(etcd: Cluster, keys: Keys) -> None:
    async with Proxy(etcd.members[0].port) as proxy, EtcdClient([proxy.endpoint]) as far:
        await far.range(keys("a"))
        proxy.lose_replies = True
        read = asyncio.ensure_future(far.range(keys("a")))
        await proxy.lost.wait()
        proxy.lose_replies = False
        await proxy.cut()
        assert (await read).total == 0


async def test_after_an_outage_the_first_success_comes_within_a_second_and_a_half(
    etcd: Cluster, client: EtcdClient, keys: Keys
) -> None:
    loop = asyncio.get_running_loop()
    async with Proxy(etcd.members[0].port) as proxy, EtcdClient([proxy.endpoint]) as far:
        watch = await far.watch(keys.prefix, keys.end)
        await proxy.down()
        with pytest.raises(WatchLost):
            await drained(watch)
        away = loop.time()
        while loop.time() < away + 5:
            began = loop.time()
            with pytest.raises(NotDone):
                await far.range(keys("a"))
            assert loop.time() - began < 20
        await proxy.up()
        back = loop.time()
        async with await far.watch(keys.prefix, keys.end, start_revision=watch.last + 1) as watch:
            await far.txn(success=[Put(keys("a"), b"")])
            assert loop.time() - back < 20
            await watch.take()


async def test_a_full_etcd_says_so_and_what_it_had_taken_can_be_found(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, args=["--quota-backend-bytes", str(1024 * 1024)]).start()
    try:
        async with EtcdClient(cluster.endpoints) as client:

            async def fill(n: int) -> None:
                await client.txn(success=[Put(f"{n:04}".encode(), bytes(100_000))], within=10)

            ends: list[BaseException | None] = []
            while not any(isinstance(end, NoSpace) for end in ends):
                more = range(len(ends), len(ends) + 20)
                ends += await asyncio.gather(*map(fill, more), return_exceptions=True)
            assert all(end is None or isinstance(end, NoSpace) for end in ends), ends
            # A refused one may be there as well: etcd says so after it has carried it out, too. But by
            # then it is settled: a read tells.
            done = {kv.key for kv in (await client.range(b"\0", b"\0", keys_only=True)).kvs}
            assert all(f"{n:04}".encode() in done for n, end in enumerate(ends) if end is None)

            async def alarmed() -> bool:
                said = (await client.status(client.endpoints[0])).errors
                return any("NOSPACE" in word for word in said)

            await eventually(alarmed)
            with pytest.raises(NoSpace):
                await client.txn(success=[Put(b"more", b"")])
            assert (await client.range(b"more")).total == 0
            assert {kv.key for kv in (await client.range(b"\0", b"\0", keys_only=True)).kvs} == done
    finally:
        cluster.stop()
