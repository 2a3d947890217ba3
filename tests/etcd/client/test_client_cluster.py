"""Three members: one may freeze or die, and the client goes to another."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import Ambiguous, Away, EtcdError, NotDone, WatchLost
from app.store.etcd.client.requests import Put
from app.store.etcd.client.revisions import EtcdRevision
from app.store.etcd.client.watch import Watch
from tests.etcd.client.conftest import Keys
from tests.etcd.cluster import Cluster, Member


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("trio"), 3).start()
    yield cluster
    cluster.stop()


@pytest.fixture
def whole(trio: Cluster) -> Iterator[Cluster]:
    """All three members are up, before and after."""
    yield trio
    for member in trio.members:
        if member.process is None:
            member.start()
        member.thaw()
    for member in trio.members:
        trio.wait_healthy(member)


@pytest.fixture
async def client(whole: Cluster) -> AsyncIterator[EtcdClient]:
    async with EtcdClient(in_order(whole, whole.followers()[0])) as client:
        yield client


def in_order(cluster: Cluster, first: Member) -> list[str]:
    """The endpoints, so that a client begins with this member."""
    return [first.endpoint, *(one.endpoint for one in cluster.members if one is not first)]


def member_of(cluster: Cluster, endpoint: str) -> Member:
    return next(one for one in cluster.members if one.endpoint == endpoint)


async def settled(client: EtcdClient) -> None:
    """Connected to all, and using the first: on a busy machine another may have been taken for a while."""
    for endpoint in client.endpoints:
        await client.status(endpoint)
    endpoints = client._calls.endpoints
    endpoints._current = first = endpoints.all[0]
    async with asyncio.timeout(60):
        while endpoints.best() is not first:
            await asyncio.sleep(0.05)
            endpoints._current = first
    await client.range(b"/")


async def ended(watch: Watch, seconds: float) -> EtcdError:
    async with asyncio.timeout(seconds):
        try:
            while True:
                await watch.take()
        except EtcdError as error:
            return error


async def test_a_frozen_member_is_left_within_the_deadline_of_a_read(
    whole: Cluster, client: EtcdClient, keys: Keys
) -> None:
    await settled(client)
    loop = asyncio.get_running_loop()
    member_of(whole, client.endpoints[0]).freeze()
    began = loop.time()
    await client.range(keys("a"))
    assert loop.time() - began < 20
    began = loop.time()
    for _ in range(20):
        await client.range(keys("a"))
        await client.txn(success=[Put(keys("a"), b"")])
    assert loop.time() - began < 20, "the next calls do not try the frozen one first"


async def test_a_transaction_sent_to_a_frozen_member_is_ambiguous_and_the_next_goes_elsewhere(
    whole: Cluster, client: EtcdClient, keys: Keys
) -> None:
    await settled(client)
    frozen = member_of(whole, client.endpoints[0])
    frozen.freeze()
    with pytest.raises(Ambiguous):
        await client.txn(success=[Put(keys("a"), b"")], within=0.5)
    await client.txn(success=[Put(keys("b"), b"")])
    # What lay in the frozen member's buffers may still be carried out, later: that is what it means.
    frozen.thaw()
    whole.wait_healthy(frozen)
    assert (await client.range(keys("a"))).total in (0, 1)


async def test_a_watch_on_a_frozen_member_ends_and_resumes_on_another(
    whole: Cluster, client: EtcdClient, keys: Keys
) -> None:
    await settled(client)
    first = (await client.txn(success=[Put(keys("a"), b"1")])).revision
    watch = await client.watch(keys.prefix, keys.end, start_revision=first)
    assert isinstance((await watch.take())[0], EtcdRevision)
    member_of(whole, client.endpoints[0]).freeze()
    missed = [(await client.range(keys("a"))).revision]
    missed.append((await client.txn(success=[Put(keys("a"), b"2")])).revision)
    assert isinstance(await ended(watch, 3), WatchLost)
    async with await client.watch(keys.prefix, keys.end, start_revision=watch.last + 1) as watch:
        (item,) = await watch.take()
    assert item.revision == missed[-1]


async def test_the_leader_is_killed_and_writes_go_on(whole: Cluster, client: EtcdClient, keys: Keys) -> None:
    await settled(client)
    watch = await client.watch(keys.prefix, keys.end)
    leader = whole.leader()
    leader.kill()
    loop = asyncio.get_running_loop()
    began = loop.time()
    acknowledged: list[int] = []
    while not acknowledged:
        try:
            acknowledged.append((await client.txn(success=[Put(keys("a"), b"")], within=1)).revision)
        except Away:
            assert loop.time() - began < 20
            await asyncio.sleep(0.02)
    seen: list[int] = []
    while acknowledged[-1] not in seen:
        try:
            async with asyncio.timeout(60):
                seen += [item.revision for item in await watch.take() if isinstance(item, EtcdRevision)]
        except WatchLost:
            watch = await client.watch(keys.prefix, keys.end, start_revision=watch.last + 1)
    assert seen == sorted(set(seen))
    leader.start()


async def test_a_member_that_has_lost_the_majority_says_so_and_its_watch_ends(
    whole: Cluster, client: EtcdClient, keys: Keys
) -> None:
    await settled(client)
    watch = await client.watch(keys.prefix, keys.end)
    alone = member_of(whole, client.endpoints[0])
    for member in whole.members:
        if member is not alone:
            member.freeze()
    assert isinstance(await ended(watch, 60), WatchLost)
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(NotDone):
        await client.range(keys("a"))
    assert loop.time() - began < 20
    with pytest.raises(Away):
        await client.watch(keys.prefix, keys.end)
    assert (await client.status(alone.endpoint)).leader == 0
    async with EtcdClient([alone.endpoint]) as only:
        # It can say for certain that it will not do it.
        with pytest.raises(NotDone, match="no leader"):
            await only.txn(success=[Put(keys("a"), b"")])
    for member in whole.members:
        member.thaw()
    async with asyncio.timeout(60):
        while True:
            try:
                await client.txn(success=[Put(keys("a"), b"")])
                break
            except Away:
                await asyncio.sleep(0.02)


async def test_each_member_speaks_for_itself(whole: Cluster, client: EtcdClient) -> None:
    told = [await client.status(endpoint) for endpoint in client.endpoints]
    members = {status.member_id for status in told}
    assert len(members) == len(told)
    assert len({status.cluster_id for status in told}) == 1
    leader = whole.leader()
    (leading,) = [status for status in told if status.endpoint == leader.endpoint]
    assert {status.leader for status in told} == {leading.member_id}
    for status in told:
        assert (status.errors, status.is_learner) == ((), False)
        assert status.db_size > 0
    with pytest.raises(ValueError, match="none of"):
        await client.status("127.0.0.1:1")
