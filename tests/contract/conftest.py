"""Every store that the contract suite runs against."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from contract_stores import KINDS, Maker, place_of
from lossy_disk import LossyDisk, lossy_disk
from shifted_store import ShiftedStore

from app.store.embedded.store import EmbeddedStore
from tests.etcd.cluster import Cluster


@pytest.fixture(scope="session")
def contract_etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An etcd of this suite's own: its tests compact, and that is of a whole etcd."""
    cluster = Cluster(tmp_path_factory.mktemp("contract")).start()
    yield cluster
    cluster.stop()


@pytest.fixture(params=KINDS)
async def make(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Maker]:
    maker = Maker(request.param, place_of(request.param, tmp_path, request))
    yield maker
    await maker.close()


@pytest.fixture
async def store(make: Maker) -> EmbeddedStore | ShiftedStore:
    return await make()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store's file may be."""
    return tmp_path / "s.db"


@pytest.fixture
def disk() -> Iterator[LossyDisk]:
    """A disk of our own, that can be cut off."""
    with lossy_disk() as disk:
        yield disk
