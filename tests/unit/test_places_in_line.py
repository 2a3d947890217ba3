"""Who gets a place that is free, in the one turn of the loop in which several may want it."""

import asyncio
from typing import Any

import pytest

from app.errors import TooManyRequests
from app.routers.admission import Admission
from app.routers.metrics import Metrics
from app.routers.places import Slot, Slots


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
    return slots, Admission(slots, Metrics(), patience=60, to_browsers=False)


def test_nobody_who_comes_later_takes_the_place_of_who_waits() -> None:
    """Not even between its being free and its being given."""

    async def main() -> None:
        slots, door = _door()
        first, waits = door.place("GET", b"/rev", []), Caller()
        assert first is not None
        door.wait("GET", waits)
        first.release()
        with pytest.raises(TooManyRequests):
            door.place("GET", b"/rev", [])
        assert door.place("GET", b"/livez", []) is None
        await asyncio.sleep(0)
        assert len(waits.told) == 1
        waits.told[0].release()
        assert door.place("GET", b"/rev", []) is not None
        assert slots.requests == 1

    asyncio.run(main())


def test_who_has_left_is_passed_over() -> None:
    async def main() -> None:
        slots, door = _door()
        first = door.place("GET", b"/rev", [])
        assert first is not None
        gone, stays = Caller(), Caller()
        door.wait("GET", gone).leave()
        door.wait("GET", stays)
        assert door.waiting == 1
        first.release()
        await asyncio.sleep(0)
        assert (gone.told, len(stays.told), slots.requests) == ([], 1, 1)

    asyncio.run(main())


def test_a_place_given_to_a_call_that_is_cancelled_meanwhile_is_given_on() -> None:
    """A call that waits to go on with its body is cancelled in the turn in which it gets its place."""

    async def main() -> None:
        slots, door = _door()
        slot = door.place("PUT", b"/x", [])
        assert slot is not None
        slot.step_aside()
        other = door.place("PUT", b"/y", [])
        assert other is not None
        back = asyncio.create_task(slot.step_back())
        await asyncio.sleep(0)
        other.release()
        back.cancel()
        with pytest.raises(asyncio.CancelledError):
            await back
        slot.release()
        assert slots.requests == slots.writes == door.waiting == 0

    asyncio.run(main())
