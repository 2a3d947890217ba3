"""Which request gets a permit that is free, in the one turn of the loop in which several may want it."""

import asyncio
from typing import Any

import pytest

from app.errors import TooManyRequests
from app.http.admission import Admission, PendingRequest
from app.http.permits import Capacity, Permit


class Applicant:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def admitted(self, permit: Permit) -> None:
        self.told.append(permit)

    def refused(self, error: TooManyRequests) -> None:
        self.told.append(error)


def _line() -> tuple[Capacity, Admission]:
    capacity = Capacity(max_requests=1, max_subscribers=1)
    return capacity, Admission(capacity, patience=60)


def _come(
    admission: Admission, method: str, applicant: Applicant | None = None
) -> Permit | PendingRequest | None:
    return admission.apply(method, b"/rev", [], applicant or Applicant())


def test_nobody_who_comes_later_takes_the_place_of_who_waits() -> None:
    """Not even between its being free and its being given."""

    async def main() -> None:
        capacity, admission = _line()
        first, waits, later = _come(admission, "GET"), Applicant(), Applicant()
        assert isinstance(first, Permit)
        _come(admission, "GET", waits)
        first.release()
        assert isinstance(_come(admission, "GET", later), PendingRequest)
        assert admission.apply("GET", b"/livez", [], Applicant()) is None
        await asyncio.sleep(0)
        assert (len(waits.told), later.told) == (1, [])
        waits.told[0].release()
        await asyncio.sleep(0)
        assert len(later.told) == 1
        later.told[0].release()
        assert isinstance(_come(admission, "GET"), Permit)
        assert capacity.requests == 1

    asyncio.run(main())


def test_who_has_left_is_passed_over() -> None:
    async def main() -> None:
        capacity, admission = _line()
        first = _come(admission, "GET")
        assert isinstance(first, Permit)
        gone, stays = Applicant(), Applicant()
        left = _come(admission, "GET", gone)
        assert isinstance(left, PendingRequest)
        left.leave()
        _come(admission, "GET", stays)
        assert admission.waiting == 1
        first.release()
        await asyncio.sleep(0)
        assert (gone.told, len(stays.told), capacity.requests) == ([], 1, 1)

    asyncio.run(main())


def test_a_place_given_to_a_call_that_is_cancelled_meanwhile_is_given_on() -> None:
    """A call that waits to go on with its body is cancelled in the turn in which it gets its place."""

    async def main() -> None:
        capacity, admission = _line()
        permit = _come(admission, "PUT")
        assert isinstance(permit, Permit)
        permit.step_aside()
        other = _come(admission, "PUT")
        assert isinstance(other, Permit)
        back = asyncio.create_task(admission.readmit(permit))
        await asyncio.sleep(0)
        other.release()
        back.cancel()
        with pytest.raises(asyncio.CancelledError):
            await back
        permit.release()
        assert capacity.requests == capacity.writes == admission.waiting == 0

    asyncio.run(main())
