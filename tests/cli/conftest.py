"""One service for the commands of a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import Service, serving


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving() as service:
        yield service


@pytest.fixture
def commands(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """`VISOR_URL` names the service; nobody's own contexts are looked at."""
    monkeypatch.setenv("VISOR_URL", service.url)
    monkeypatch.setenv("VISOR_ACTOR", "anna")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return service
