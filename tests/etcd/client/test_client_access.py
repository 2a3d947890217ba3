"""TLS, client certificates, users and passwords."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import pytest

from app.store.etcd.client.calls import Timeouts
from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import Denied, NotDone
from app.store.etcd.client.requests import Put
from app.store.etcd.client.revisions import EtcdRevision
from tests.etcd.certificates import Certificates
from tests.etcd.client.conftest import Keys
from tests.etcd.cluster import Cluster

PASSWORD = "open-sesame"
TOKEN_TTL = 1
SHORT = Timeouts(request=0.5)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    directory = tmp_path_factory.mktemp("tls")
    cluster = Cluster(directory, certificates=Certificates(directory)).start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    args = ["--auth-token", "simple", "--auth-token-ttl", str(TOKEN_TTL), "--bcrypt-cost", "4"]
    cluster = Cluster(tmp_path_factory.mktemp("auth"), args=args).start()
    cluster.enable_auth(PASSWORD)
    yield cluster
    cluster.stop()


class Files(TypedDict, total=False):
    ca: str
    cert: str
    key: str


def files(certificates: Certificates | None) -> Files:
    assert certificates is not None
    return {
        "ca": str(certificates.ca),
        "cert": str(certificates.client),
        "key": str(certificates.client_key),
    }


def logins(cluster: Cluster) -> float:
    """How often anyone has asked for a token."""
    return cluster.metric('grpc_server_started_total{grpc_method="Authenticate"')


async def test_over_tls_with_a_client_certificate(secured: Cluster, keys: Keys) -> None:
    async with EtcdClient([f"https://{secured.endpoints[0]}"], **files(secured.certificates)) as client:
        put = await client.txn(success=[Put(keys("a"), b"secret")])
        async with await client.watch(keys.prefix, keys.end, start_revision=put.revision) as watch:
            assert isinstance((await watch.take())[0], EtcdRevision)
        assert (await client.status(f"https://{secured.endpoints[0]}")).leader


async def test_without_a_certificate_or_with_another_authority_nothing_is_sent(
    secured: Cluster, keys: Keys, tmp_path: Path
) -> None:
    other = files(Certificates(tmp_path))
    own = files(secured.certificates)
    wrongs: list[Files] = [{"ca": own["ca"]}, {**own, "ca": other["ca"]}, {**other, "ca": own["ca"]}, {}]
    for wrong in wrongs:
        async with EtcdClient(secured.endpoints, **wrong, timeouts=SHORT) as client:
            with pytest.raises(NotDone):
                await client.txn(success=[Put(keys("a"), b"")])


async def test_a_password_opens_and_a_wrong_one_does_not(guarded: Cluster, keys: Keys) -> None:
    async with EtcdClient(guarded.endpoints, user="root", password=PASSWORD) as client:
        await client.txn(success=[Put(keys("a"), b"")])
    for user, password in (("root", "wrong"), ("nobody", PASSWORD), ("", "")):
        async with EtcdClient(guarded.endpoints, user=user, password=password) as client:
            with pytest.raises(Denied):
                await client.range(keys("a"))
            with pytest.raises(Denied):
                await client.txn(success=[Put(keys("a"), b"")])
            with pytest.raises(Denied):
                await client.watch(keys("a"))


async def test_a_token_that_has_expired_is_renewed_and_the_watch_goes_on(
    guarded: Cluster, keys: Keys
) -> None:
    async with EtcdClient(guarded.endpoints, user="root", password=PASSWORD) as client:
        first = (await client.txn(success=[Put(keys("a"), b"1")])).revision
        watch = await client.watch(keys.prefix, keys.end, start_revision=first)
        await watch.take()
        expired = client._calls.metadata()
        await asyncio.sleep(TOKEN_TTL * 2.5)
        # A transaction with the old token; the watch that is there has not noticed.
        second = (await client.txn(success=[Put(keys("a"), b"2")])).revision
        async with asyncio.timeout(60):
            (item,) = await watch.take()
        assert item.revision == second
        assert client._calls.metadata() != expired
        await asyncio.sleep(TOKEN_TTL * 2.5)
        async with await client.watch(keys.prefix, keys.end, start_revision=first) as again:
            async with asyncio.timeout(60):
                found = [item for item in await again.take() if isinstance(item, EtcdRevision)]
            assert [one.revision for one in found] == [first, second]
        await watch.close()


async def test_many_calls_with_an_expired_token_log_in_once(guarded: Cluster, keys: Keys) -> None:
    async with EtcdClient(guarded.endpoints, user="root", password=PASSWORD) as client:
        await client.range(keys("a"))
        await asyncio.sleep(TOKEN_TTL * 2.5)
        before = logins(guarded)
        await asyncio.gather(*(client.range(keys("a")) for _ in range(50)))
        assert logins(guarded) - before == 1


async def test_a_user_where_no_user_is_asked_for_does_not_matter(etcd: Cluster, keys: Keys) -> None:
    async with EtcdClient(etcd.endpoints, user="root", password=PASSWORD) as client:
        assert (await client.range(keys("a"))).total == 0
