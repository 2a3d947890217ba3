"""Who gets a place that is free, in the one turn of the loop in which several may want it."""

import asyncio
from typing import Any

import pytest

from app.errors import TooManyRequests
from app.http.admission import Admission, Waiting
from app.http.places import Slot, Slots


class Caller:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def let_in(self, slot: Slot) -> None:
        self.told.append(slot)

    def turn_away(self, error: TooManyRequests) -> None:
        self.told.append(error)


def _door() -> tuple[Slots, Admission]:
    slots = Slots(max_requests=1, max_subscribers=1)
    return slots, Admission(slots, patience=60)


def _come(door: Admission, method: str, caller: Caller | None = None) -> Slot | Waiting | None:
    return door.place(method, b"/rev", [], caller or Caller())


def test_nobody_who_comes_later_takes_the_place_of_who_waits() -> None:
    """Not even between its being free and its being given."""

    async def main() -> None:
        slots, door = _door()
        first, waits, later = _come(door, "GET"), Caller(), Caller()
        assert isinstance(first, Slot)
        _come(door, "GET", waits)
        first.release()
        assert isinstance(_come(door, "GET", later), Waiting)
        assert door.place("GET", b"/livez", [], Caller()) is None
        await asyncio.sleep(0)
        assert (len(waits.told), later.told) == (1, [])
        waits.told[0].release()
        await asyncio.sleep(0)
        assert len(later.told) == 1
        later.told[0].release()
        assert isinstance(_come(door, "GET"), Slot)
        assert slots.requests == 1

    asyncio.run(main())


def test_who_has_left_is_passed_over() -> None:
    async def main() -> None:
        slots, door = _door()
        first = _come(door, "GET")
        assert isinstance(first, Slot)
        gone, stays = Caller(), Caller()
        left = _come(door, "GET", gone)
        assert isinstance(left, Waiting)
        left.leave()
        _come(door, "GET", stays)
        assert door.waiting == 1
        first.release()
        await asyncio.sleep(0)
        assert (gone.told, len(stays.told), slots.requests) == ([], 1, 1)

    asyncio.run(main())


def test_a_place_given_to_a_call_that_is_cancelled_meanwhile_is_given_on() -> None:
    """A call that waits to go on with its body is cancelled in the turn in which it gets its place."""

    async def main() -> None:
        slots, door = _door()
        slot = _come(door, "PUT")
        assert isinstance(slot, Slot)
        slot.step_aside()
        other = _come(door, "PUT")
        assert isinstance(other, Slot)
        back = asyncio.create_task(slot.step_back())
        await asyncio.sleep(0)
        other.release()
        back.cancel()
        with pytest.raises(asyncio.CancelledError):
            await back
        slot.release()
        assert slots.requests == slots.writes == door.waiting == 0

    asyncio.run(main())
