"""The fixtures that all suites share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import Service, serving


@pytest.fixture(params=["memory", "sqlite"])
def visor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A fresh service, on each store."""
    store = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/visor.db"
    with serving(store=store) as service:
        yield service
