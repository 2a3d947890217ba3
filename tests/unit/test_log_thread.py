"""The thread in which a store's log is written: in order, one at a time, and each caller is told the end."""

import asyncio
import threading

import pytest

from app.store.embedded.log_thread import LogThread


async def test_calls_are_run_in_their_order_and_tell_how_they_ended() -> None:
    thread, seen = LogThread("log"), list[int]()

    def call(number: int) -> int:
        seen.append(number)
        if number == 2:
            raise OSError("no room")
        return number * 10

    results = [thread.run(call, 1), thread.run(call, 2)]
    thread.submit(lambda: seen.append(3))
    ends = await asyncio.gather(*results, thread.run(call, 4), return_exceptions=True)
    assert [str(end) for end in ends] == ["10", "no room", "40"]
    assert seen == [1, 2, 3, 4]
    thread.end()
    thread.join()


async def test_who_stops_waiting_stops_nothing() -> None:
    """A client that goes away takes back nothing that was begun."""
    thread, may, done = LogThread("log"), threading.Event(), list[int]()

    def call() -> None:
        may.wait(60)
        done.append(1)

    waiting = thread.run(call)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    may.set()
    await thread.run(lambda: None)
    assert done == [1]
    thread.end()
    thread.join()


def test_a_call_that_ends_after_its_event_loop_is_told_to_nobody() -> None:
    thread, may = LogThread("log"), threading.Event()

    async def begin() -> None:
        thread.run(may.wait, 10)

    asyncio.run(begin())
    may.set()
    seen = list[int]()
    thread.submit(lambda: seen.append(1))
    thread.end()
    thread.join()
    assert seen == [1], "the thread goes on"
