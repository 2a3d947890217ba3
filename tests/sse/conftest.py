"""Services with settings of their own, and streams that are closed when the test is over."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.serving import Service, serving
from tests.sse.sse_reader import SseStream

Serve = Callable[..., Service]
Follow = Callable[..., SseStream]


@pytest.fixture(params=["memory", "sqlite", "sqlite-archive"])
def serve(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Serve]:
    """Starts services with the settings a test gives, on each store; the archive reads nearly all of
    its history from disk."""
    with ExitStack() as running:
        started = 0

        def start(**settings: Any) -> Service:
            nonlocal started
            started += 1
            if request.param != "memory":
                settings.setdefault("store", f"sqlite:///{tmp_path}/visor-{started}.db")
            if request.param == "sqlite-archive":
                settings.setdefault("memory_revs", 2)
            return running.enter_context(serving(**settings))

        yield start


@pytest.fixture
def follow() -> Iterator[Follow]:
    """Opens streams: `follow(visor, rev=0)`, `follow(visor, "/apps/cat/events")`."""
    with ExitStack() as opened:

        def open_stream(visor: Service, path: str = "/events", **more: Any) -> SseStream:
            return opened.enter_context(SseStream(visor.port, path, **more))

        yield open_stream
