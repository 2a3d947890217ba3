"""Writes of one process that change the same key take turns: none loses a race to another."""

import asyncio

import pytest

from app.errors import CoordinatorUnavailable
from app.store.etcd.write_queue import Turns

A, B = b"a", b"b"


async def test_a_key_goes_from_one_to_the_next_in_line():
    turns = Turns()
    first = turns.turn()
    assert first.take({A}, {A}) is None
    order = []

    async def write(name):
        turn = turns.turn()
        while (busy := turn.take({A}, {A})) is not None:
            await turn.wait(busy, 10)
        order.append(name)
        await asyncio.sleep(0)
        turn.release()

    tasks = [asyncio.create_task(write(n)) for n in range(20)]
    await asyncio.sleep(0)
    assert order == []
    first.release()
    await asyncio.gather(*tasks)
    assert order == list(range(20))
    assert turns._lines == {}


async def test_who_only_reads_a_key_that_is_being_written_waits_too_and_others_do_not():
    turns = Turns()
    writer, reader, other = turns.turn(), turns.turn(), turns.turn()
    assert writer.take({A}, {A}) is None
    assert reader.take({A, B}, {B}) == A
    assert other.take({B}, {B}) is None


async def test_two_that_want_each_others_keys_both_get_them():
    turns = Turns()

    async def write(first, second):
        turn = turns.turn()
        for keys in ({first}, {first, second}):
            while (busy := turn.take(keys, keys)) is not None:
                await turn.wait(busy, 10)
            await asyncio.sleep(0)
        turn.release()

    async with asyncio.timeout(10):
        await asyncio.gather(*(write(*pair) for pair in [(A, B), (B, A)] * 10))
    assert turns._lines == {}


async def test_a_line_that_moves_is_waited_in_and_one_that_does_not_is_left():
    """Each of those before takes longer than the last one has: it waits on as long as etcd answers them."""
    turns = Turns()
    holder = turns.turn()
    assert holder.take({A}, {A}) is None

    async def write(turn, answered):
        await turn.wait(A, 10)
        await asyncio.sleep(0.05)
        turn.release(answered=answered)

    before = [asyncio.create_task(write(turns.turn(), True)) for _ in range(5)]
    await asyncio.sleep(0)
    last = asyncio.create_task(turns.turn().wait(A, 0.1))
    await asyncio.sleep(0)
    holder.release(answered=True)
    assert await last is True
    await asyncio.gather(*before)

    stuck = turns.turn()
    stuck.take({B}, {B})
    silent = asyncio.create_task(turns.turn().wait(B, 0.05))
    with pytest.raises(CoordinatorUnavailable, match="Nothing was written"):
        await silent
    stuck.release()
    assert B not in turns._lines


async def test_who_stops_waiting_leaves_the_line_and_holds_nothing():
    turns = Turns()
    holder = turns.turn()
    assert holder.take({A}, {A}) is None
    with pytest.raises(CoordinatorUnavailable, match="Nothing was written"):
        await turns.turn().wait(A, 0)
    cancelled = asyncio.create_task(turns.turn().wait(A, 10))
    await asyncio.sleep(0)
    cancelled.cancel()
    holder.release()
    await asyncio.gather(cancelled, return_exceptions=True)
    assert turns._lines == {}
