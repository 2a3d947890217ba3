"""The fixtures that all suites share."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.etcd.cluster import Cluster
from tests.serving import Service, serving

# A run that a shell has started in the background ignores Ctrl-C, and so would what tests end by it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What tests start is started as by anybody: with this, what a program forgets to flush is seen all the same.
os.environ.pop("PYTHONUNBUFFERED", None)


# An example that took long says that the machine is busy, and nothing of the code.
settings.register_profile("visor", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("visor")


@pytest.fixture(scope="session")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One etcd for the tests that leave it as they found it; each has keys of its own."""
    cluster = Cluster(tmp_path_factory.mktemp("etcd")).start()
    yield cluster
    cluster.stop()


def store_of(kind: str, path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of an empty store of this kind, for the test whose directory this is."""
    if kind == "etcd":
        cluster: Cluster = request.getfixturevalue("etcd")
        return f"etcd://{cluster.endpoints[0]}{path}"
    return "memory:" if kind == "memory" else f"sqlite:///{path}/visor.db"


STORES = os.environ.get("VISOR_TEST_STORES", "memory sqlite etcd").split()
"""What the shared suites run on; `VISOR_TEST_STORES=memory` is the quickest."""


EMBEDDED = [kind for kind in STORES if kind != "etcd"] or ["memory"]


@pytest.fixture(params=STORES)
def visor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A fresh service, on each store."""
    with serving(store=store_of(request.param, tmp_path, request)) as service:
        yield service


@pytest.fixture(params=EMBEDDED)
def embedded_visor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A fresh service, on each store of one process: for what etcd does in another way."""
    with serving(store=store_of(request.param, tmp_path, request)) as service:
        yield service
