"""A client of an etcd that only these tests share, and keys of its own for each test.

Compaction is of a whole etcd: what these tests compact would be gone for the others.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.requests import prefix_end
from tests.etcd.cluster import Cluster


@pytest.fixture(scope="session")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("etcd-client")).start()
    yield cluster
    cluster.stop()


@pytest.fixture
async def client(etcd: Cluster) -> AsyncIterator[EtcdClient]:
    async with EtcdClient(etcd.endpoints) as client:
        yield client


class Keys:
    """The keys of one test."""

    def __init__(self, name: str) -> None:
        self.prefix = f"/{name}/".encode()
        self.end = prefix_end(self.prefix)

    def __call__(self, name: str | int) -> bytes:
        return self.prefix + str(name).encode()


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path.name)
