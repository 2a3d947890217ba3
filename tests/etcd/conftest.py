"""What the tests of the store on etcd share."""

from collections.abc import Iterator

import pytest

from tests.etcd.cluster import Cluster


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An etcd that is compacted at will."""
    cluster = Cluster(tmp_path_factory.mktemp("own")).start()
    yield cluster
    cluster.stop()
