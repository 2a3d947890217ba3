"""The README's five commands, run on the day of the demo: `python -m tests.docs.demo_session --write` brings
their output up to date, and the test compares it."""

import asyncio
import contextlib
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from app.cli.demo.cast import apps_of, hosts_of
from app.cli.demo.clock import DemoClock
from app.cli.demo.day import live_through
from app.cli.demo.platform import DemoPlatform
from app.registry.readable import index
from app.settings import Settings
from app.store.embedded.memory_log import NoLog
from app.store.embedded.store import EmbeddedStore
from tests.cli.typed import printed
from tests.docs.session import steps
from tests.serving import Service

README = Path(__file__).parents[2] / "README.md"
NOW = datetime(2026, 11, 29, 22, 30, tzinfo=UTC)
"""When the README was typed."""


@contextmanager
def after_the_day() -> Iterator[None]:
    """The commands are typed at NOW, on a service that has had the demo's day, in UTC."""
    clock = DemoClock()
    store = EmbeddedStore(NoLog(), index, history=100_000, memory_revs=100_000, clock=clock)
    service = Service(Settings(store="memory:", log_level="error", final_kept=0), store)
    random = Random(7)
    platform = DemoPlatform(service.url, random, apps_of(random, 12, ""), hosts_of(6), clock.set)

    async def live() -> None:
        await live_through(platform, NOW, lambda part: None)
        await platform.close()

    with contextlib.ExitStack() as ends, pytest.MonkeyPatch.context() as patched:
        ends.callback(service.stop)
        patched.setenv("TZ", "UTC")
        time.tzset()
        ends.callback(time.tzset)
        for name in [name for name in os.environ if name.startswith("VISOR_")]:
            patched.delenv(name)
        patched.setenv("VISOR_URL", service.url)
        patched.setattr("app.cli.calling.clock", lambda: NOW)
        asyncio.run(live())
        yield


def run(command: str) -> str | None:
    """What a command of the README prints; None for what is not of the command line."""
    name, _, rest = command.partition(" ")
    return printed(rest).rstrip("\n") if name == "visor" else None


def shape(text: str) -> str:
    """Without what is different each time: the port."""
    return re.sub(r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:8000", text)


def _written(text: str) -> str:
    for command, old in steps(text):
        new = run(command)
        if new is not None:
            before = f"$ {command}\n{old}\n" if old else f"$ {command}\n"
            text = text.replace(before, f"$ {command}\n{shape(new)}\n", 1)
    return text


if __name__ == "__main__" and "--write" in sys.argv:
    with after_the_day():
        README.write_text(_written(README.read_text()))
