"""Services with settings of their own, and streams that are closed when the test is over."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import STORES, store_of
from tests.serving import Service, serving
from tests.sse.sse_reader import SseStream

Serve = Callable[..., Service]
Follow = Callable[..., SseStream]


@contextmanager
def _starting(kind: str, path: Path, request: pytest.FixtureRequest) -> Iterator[Serve]:
    with ExitStack() as running:
        started = 0

        def start(**settings: Any) -> Service:
            nonlocal started
            started += 1
            below = path / str(started)
            below.mkdir()
            settings.setdefault("store", store_of(kind.removesuffix("-archive"), below, request))
            if kind.endswith("-archive"):
                settings.setdefault("memory_revs", 2)
            return running.enter_context(serving(**settings))

        yield start


EMBEDDED = ["memory", "sqlite", "sqlite-archive"]
"""The archive reads nearly all of its history from disk."""


@pytest.fixture(params=[*EMBEDDED, *(["etcd"] if "etcd" in STORES else [])])
def serve(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Serve]:
    """Starts services with the settings a test gives, on each store."""
    with _starting(request.param, tmp_path, request) as start:
        yield start


@pytest.fixture(params=EMBEDDED)
def embedded_serve(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Serve]:
    """As `serve`, on the stores of one process: those that drop what is older than the setting `history`
    with each commit. On etcd that is done now and then, and for all who use it."""
    with _starting(request.param, tmp_path, request) as start:
        yield start


@pytest.fixture
def follow() -> Iterator[Follow]:
    """Opens streams: `follow(visor, rev=0)`, `follow(visor, "/apps/cat/events")`."""
    with ExitStack() as opened:

        def open_stream(visor: Service, path: str = "/events", **more: Any) -> SseStream:
            return opened.enter_context(SseStream(visor.port, path, **more))

        yield open_stream
