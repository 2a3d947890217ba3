"""Services as processes that can be killed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.fault.visor_process import Launcher, Serving
from tests.serving import Service, serving

Serve = Callable[..., Serving]


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    with closing(Launcher()) as launcher:
        yield launcher


@pytest.fixture(params=["memory", "sqlite"])
def visor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A fresh service in this process, on each store of one machine."""
    with serving(
        store="memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/visor.db"
    ) as service:
        yield service


@pytest.fixture
def serve(launcher: Launcher, tmp_path: Path) -> Iterator[Serve]:
    """Starts services: `serve()` on a file in the test's directory, `serve("other.db", history=10)`."""
    with ExitStack() as running:

        def start(name: str = "visor.db", **flags: Any) -> Serving:
            service = running.enter_context(closing(Serving(launcher, tmp_path / name, **flags)))
            service.start()
            return service

        yield start
