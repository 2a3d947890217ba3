"""What a closed client leaves behind: nothing."""

import asyncio
import gc
import logging
import threading

import pytest

from app.store.etcd.client.calls import Timeouts
from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import Ambiguous, NotDone, WatchLost
from app.store.etcd.client.requests import Put
from tests.etcd.client.conftest import Keys
from tests.etcd.cluster import Cluster, eventually, free_port
from tests.etcd.proxy import Proxy


async def test_no_task_and_no_warning_is_left(
    etcd: Cluster, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    before = asyncio.all_tasks()
    async with EtcdClient([*etcd.endpoints, f"127.0.0.1:{free_port()}"]) as client:
        watches = [await client.watch(keys(n)) for n in range(3)]
        await client.txn(success=[Put(keys(0), b"")])
        await watches[0].take()
        waiting = asyncio.ensure_future(watches[1].take())
        await asyncio.sleep(0)
    with pytest.raises(WatchLost):
        await waiting

    async def quiet() -> bool:
        return asyncio.all_tasks() <= before

    await eventually(quiet)
    await client.close()
    for call in (client.range(keys("a")), client.txn(success=[Put(keys("a"), b"")]), client.watch(keys("a"))):
        with pytest.raises(NotDone):
            await call
    del client, watches, waiting
    gc.collect()
    await asyncio.sleep(0)
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record for record in warnings if not of_a_closed_loop(record)] == []


def of_a_closed_loop(record: logging.LogRecord) -> bool:
    """Whether gRPC tells the loop of an earlier test, closed since, that one of its calls has ended: it has
    one queue of such news for all loops of a process, and whichever loop runs brings them."""
    error = record.exc_info and record.exc_info[1]
    return "PollerCompletionQueue" in record.getMessage() and str(error) == "Event loop is closed"


async def test_a_transaction_under_way_when_it_is_closed_is_ambiguous(etcd: Cluster, keys: Keys) -> None:
    async with Proxy(etcd.members[0].port) as proxy:
        client = EtcdClient([proxy.endpoint], timeouts=Timeouts(request=10))
        await client.range(keys("a"))
        proxy.lose_replies = True
        sent = asyncio.ensure_future(client.txn(success=[Put(keys("a"), b"")]))
        await proxy.lost.wait()
        await client.close()
        with pytest.raises(Ambiguous):
            await sent


async def test_who_is_cancelled_is_cancelled(etcd: Cluster, keys: Keys) -> None:
    async with Proxy(etcd.members[0].port) as proxy, EtcdClient([proxy.endpoint]) as client:
        await client.range(keys("a"))
        proxy.lose_replies = True
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.txn(success=[Put(keys("a"), b"")], within=10)


def test_clients_in_several_loops_do_not_disturb_each_other(
    etcd: Cluster, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[int] = []

    async def work(name: int) -> None:
        async with EtcdClient(etcd.endpoints) as client:
            async with await client.watch(keys(name)) as watch:
                for n in range(20):
                    await client.txn(success=[Put(keys(name), str(n).encode())])
                    await watch.take()
            done.append(name)

    for _ in range(3):
        threads = [threading.Thread(target=lambda n=n: asyncio.run(work(n))) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(done) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    # What gRPC still had to say to a loop that has ended would be an error in the next one's log.
    asyncio.run(work(3))
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
