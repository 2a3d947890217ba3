"""Services as processes that can be killed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.fault.visor_process import Launcher, Serving

Serve = Callable[..., Serving]


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    with closing(Launcher()) as launcher:
        yield launcher


@pytest.fixture
def serve(launcher: Launcher, tmp_path: Path) -> Iterator[Serve]:
    """Starts services: `serve()` on a file in the test's directory, `serve("other.db", history=10)`."""
    with ExitStack() as running:

        def start(name: str = "visor.db", **flags: Any) -> Serving:
            service = running.enter_context(closing(Serving(launcher, tmp_path / name, **flags)))
            service.start()
            return service

        yield start
