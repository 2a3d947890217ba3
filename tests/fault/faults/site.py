"""What a run works on: services that can be reached at ports, and what can be done to them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from tests.fault.visor_process import Serving


@dataclass(frozen=True)
class Fault:
    """`run` does it and mends it again, and takes about as many seconds as it is told. `kills` where it is
    the end of a service or of a leader, which a run has to have enough of."""

    name: str
    run: Callable[[float], Awaitable[None]]
    kills: bool = False


class Site(Protocol):
    """An installation. `main` is the fault that comes every few seconds, `others` those between. `quiet`
    where nothing of it is a service's to complain of."""

    services: list[Serving]
    quiet: bool
    services_rev: int
    """The rev of the registry, as whoever drives the run knows it."""
    main: Fault
    others: list[Fault]
    history: int

    async def start(self) -> None: ...

    async def every_second(self) -> None:
        """What goes on all the time."""

    async def close(self) -> None: ...

    async def findings(self) -> list[str]:
        """What is wrong with what lies below the services: not theirs to answer for."""


@dataclass
class Log:
    """What was done, and when: monotonic nanoseconds, and what. `kills` are counted by name."""

    entries: list[tuple[int, str]] = field(default_factory=list)
    kills: dict[str, int] = field(default_factory=dict)


async def kill_and_start(service: Serving, seconds: float) -> None:
    """SIGKILL; and after so many seconds it is there again."""
    await asyncio.to_thread(service.kill)
    await asyncio.sleep(seconds)
    await asyncio.to_thread(service.start_supervised)


async def end_and_start(service: Serving, seconds: float) -> None:
    """SIGTERM, as an upgrade does."""
    await asyncio.to_thread(service.terminate)
    await asyncio.sleep(seconds)
    await asyncio.to_thread(service.start_supervised)
