"""Waiting costs one timer, whichever event loop it is."""

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Callable

import pytest
import uvloop

from app.events.waiter import Waiter

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


class Counted(Waiter):
    """Counts how often its timer is set."""

    __slots__ = ("set",)

    def __init__(self) -> None:
        super().__init__()
        self.set = 0

    def _set_timer(self) -> None:
        self.set += 1
        super()._set_timer()


@pytest.mark.parametrize("loop", LOOPS)
def test_a_wait_to_its_end_sets_its_timer_once(loop: Callable[[], AbstractEventLoop]) -> None:
    """At whatever part of a millisecond it ends: else the loop would spin until that is over."""

    async def wait() -> None:
        clock = asyncio.get_running_loop().time
        for part in range(10):
            waiter = Counted()
            until = clock() + 0.003 + part / 10_000
            await waiter.wait({}, until)
            assert clock() >= until
            assert waiter.set == 1

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(wait())


@pytest.mark.parametrize("loop", LOOPS)
def test_waits_that_are_ended_share_one_timer(loop: Callable[[], AbstractEventLoop]) -> None:
    """Their ends may move on; only one that is sooner needs a timer of its own."""

    async def wait() -> None:
        running = asyncio.get_running_loop()
        waiter, among = Counted(), {}
        for later in range(100):
            running.call_soon(waiter.wake)
            await waiter.wait(among, running.time() + 1000 + later)
            assert not among
        assert waiter.set == 1
        await waiter.wait(among, running.time() + 0.001)
        assert waiter.set == 2

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(wait())
