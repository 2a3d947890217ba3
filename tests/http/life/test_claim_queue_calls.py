"""The queue of hosts that wait: one call for each ticket, and no call is lost."""

import asyncio
from contextlib import ExitStack

from app.events.claim_queue import ClaimQueue, Place
from app.models import keys
from app.store.records import Change, Commit, Journal, Record
from tests.unit.life_registry import START


def ticket(id: int, app: str = "cat", proctype: str = "web") -> Commit:
    """A commit in which a ticket becomes pending."""
    terms = (keys.pending(), keys.pending(app), keys.pending(app, proctype), keys.pending(None, proctype))
    record = Record(keys.instance(id), b"{}", id, id, terms=terms)
    return Commit(id, Journal(START, "tester", "TEST"), (Change(record.key, None, record),))


def waiting(
    queue: ClaimQueue, stack: ExitStack, app: str | None = None, proctype: str | None = None
) -> Place:
    return stack.enter_context(queue.place(app, proctype))


def called(*places: Place) -> list[bool]:
    return [place.called for place in places]


def test_a_ticket_calls_the_first_that_it_fits_and_nobody_else() -> None:
    queue = ClaimQueue()
    with ExitStack() as stack:
        dog, cat, other = (waiting(queue, stack, app) for app in ("dog", "cat", "cat"))
        queue.listen(ticket(1))
        assert called(dog, cat, other) == [False, True, False]
        queue.listen(ticket(2))
        assert called(dog, cat, other) == [False, True, True]
        queue.listen(ticket(3))
        assert called(dog, cat, other) == [False, True, True]
    assert len(queue) == 0


def test_what_is_no_ticket_calls_nobody() -> None:
    queue = ClaimQueue()
    with ExitStack() as stack:
        place = waiting(queue, stack)
        record = Record(keys.instance(1), b"{}", 1, 1, terms=(keys.LIVE, keys.instances_in("claimed")))
        queue.listen(Commit(1, Journal(START, "tester", "TEST"), (Change(record.key, None, record),)))
        queue.listen(Commit(2, Journal(START, "tester", "TEST"), (Change(record.key, record, None),)))
        assert not place.called


def test_a_call_that_is_not_answered_is_handed_on_to_any_that_the_ticket_fits() -> None:
    """Not only to those that wait for the same as the one that leaves."""
    queue = ClaimQueue()
    with ExitStack() as stack:
        with ExitStack() as leaving:
            waiting(queue, leaving)
            dog, cat = waiting(queue, stack, "dog"), waiting(queue, stack, "cat")
            queue.listen(ticket(1))
            assert called(dog, cat) == [False, False]
        assert called(dog, cat) == [False, True]


async def test_a_call_that_came_together_with_its_hosts_leaving_is_handed_on() -> None:
    """The host was told its turn, but nobody is there any more to try."""
    queue = ClaimQueue()
    with ExitStack() as stack:
        with ExitStack() as leaving:
            gone = waiting(queue, leaving)
            other = waiting(queue, stack, None, "web")
            queue.listen(ticket(1))
            assert await gone.turn(1)
        assert other.called


async def test_a_call_that_was_answered_is_not_handed_on() -> None:
    queue = ClaimQueue()
    with ExitStack() as stack:
        with ExitStack() as leaving:
            place = waiting(queue, leaving)
            other = waiting(queue, stack)
            queue.listen(ticket(1))
            assert await place.turn(1)
            place.claimed = keys.instance(1)
        assert not other.called


async def test_who_took_another_ticket_hands_on_the_one_it_was_called_for() -> None:
    queue = ClaimQueue()
    with ExitStack() as stack:
        with ExitStack() as leaving:
            place = waiting(queue, leaving)
            dog, cat = waiting(queue, stack, "dog"), waiting(queue, stack, "cat")
            queue.listen(ticket(2, "dog"))
            assert await place.turn(1)
            queue.listen(ticket(3))  # comes while it tries, and calls it again
            place.claimed = keys.instance(1)  # an older one, which another was called for
        assert called(dog, cat) == [True, True]


async def test_a_ticket_that_another_has_taken_is_not_handed_on() -> None:
    """Of two who are called at a time each may take the other's: who is behind them has no call from it."""
    taken: set[str] = set()
    queue = ClaimQueue(lambda ticket: ticket not in taken)
    with ExitStack() as stack:
        with ExitStack() as leaving:
            first, second = waiting(queue, leaving), waiting(queue, leaving)
            behind = waiting(queue, stack)
            queue.listen(ticket(1))
            queue.listen(ticket(2))
            assert await first.turn(1)
            assert await second.turn(1)
            first.claimed, second.claimed = keys.instance(2), keys.instance(1)
            taken |= {keys.instance(1), keys.instance(2)}
        assert not behind.called


async def test_who_found_nothing_waits_on_and_owes_nobody_a_call() -> None:
    queue = ClaimQueue()
    with ExitStack() as stack:
        with ExitStack() as leaving:
            place = waiting(queue, leaving)
            other = waiting(queue, stack)
            queue.listen(ticket(1))
            assert await place.turn(1)
            assert not await place.turn(0.001)
        assert not other.called


async def test_a_time_that_is_over_ends_the_wait_and_a_call_in_that_moment_is_handed_on() -> None:
    queue = ClaimQueue()
    with ExitStack() as stack:
        with ExitStack() as leaving:
            place = waiting(queue, leaving)
            other = waiting(queue, stack)
            task = asyncio.create_task(place.turn(0))
            await asyncio.sleep(0)
            queue.listen(ticket(1))
            if await task:
                place.claimed = keys.instance(1)
        assert other.called == (place.claimed is None)


def test_when_commits_were_missed_all_are_called() -> None:
    queue = ClaimQueue()
    with ExitStack() as stack:
        places = [waiting(queue, stack, app) for app in (None, "cat", "dog")]
        queue.listen(None)
        assert called(*places) == [True] * 3
