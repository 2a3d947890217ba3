"""What was planned on a snapshot, and is written later: it is written only if nothing of what was read has
changed since, and who loses that race again and again may write alone."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from contract_words import ORIGIN, delete, increment, put, until, value_of, word_of, write

from app.store.contract import Changes, Outcome, Rule, Snapshot, Store, Transact
from app.store.reads import Moved, Remembering
from app.store.snapshots import scan

READINGS: dict[str, Callable[[Snapshot, str], Any]] = {
    "a key": lambda seen, at: seen.get(f"{at}1"),
    "a key that is not there": lambda seen, at: seen.get(f"{at}9"),
    "a list": lambda seen, at: scan(seen, at),
    "the first of a list": lambda seen, at: scan(seen, at, limit=1),
    "a selection": lambda seen, at: seen.find([[at], [f"{at}?letter=w"]]),
    "a count": lambda seen, at: seen.count(at),
}
WRITES: dict[str, Callable[[str], Rule]] = {
    "beside": lambda at: put("beside/1", "w"),
    "another value": lambda at: put(f"{at}1", "w2"),
    "a new key": lambda at: put(f"{at}9", "w"),
    "a key less": lambda at: delete(f"{at}1"),
    "all below it gone": lambda at: delete(prefixes=[at]),
}
CHANGED = {
    "a key": {"another value", "a key less", "all below it gone"},
    "a key that is not there": {"a new key"},
    "a count": {"a new key", "a key less", "all below it gone"},
}
ALL = WRITES.keys() - {"beside"}


def planned(seen: Remembering, changes: Changes) -> Rule:
    """The rule that makes changes which were planned on what was seen."""

    def rule(snapshot: Snapshot, at: datetime) -> Changes:
        if snapshot.has_changed(seen.reads):
            raise Moved
        return changes

    return rule


@pytest.mark.parametrize("together", [False, True], ids=["one after the other", "in one group"])
async def test_only_what_touches_what_was_read_keeps_a_plan_from_being_committed(make, together):
    store = await make()
    for number, (reading, read) in enumerate(READINGS.items()):
        for letter, (writing, rule_of) in zip("abcdefg", WRITES.items(), strict=False):
            at = f"{letter}{number}/"
            await write(store, put(f"{at}1", "w1"), put(f"{at}2", "w1"))
            seen = Remembering(await store.latest())
            read(seen, at)
            mine = planned(seen, Changes(puts={f"mine/{at}": value_of("m")}))
            if together:
                _, end = await asyncio.gather(store.transact(rule_of(at), ORIGIN), _end(store.transact, mine))
            else:
                await write(store, rule_of(at))
                end = await _end(store.transact, mine)
            moved = writing in CHANGED.get(reading, ALL)
            assert isinstance(end, Moved) == moved, (reading, writing)
            assert ((await store.latest()).get(f"mine/{at}") is None) == moved


async def _end(transact: Transact, rule: Rule) -> Outcome | Moved:
    try:
        return await transact(rule, ORIGIN)
    except Moved as moved:
        return moved


async def test_of_plans_that_race_none_overwrites_what_it_has_not_seen(make):
    """Through two stores where a coordinator has two: a number, and a list whose keys are numbered."""
    stores = [await make() for _ in range(1 if make.kind not in ("etcd", "etcd-small-window") else 2)]

    async def plan(store: Store, transact: Transact) -> Outcome | Moved:
        seen = Remembering(await store.latest())
        number = int(word_of(seen.get("number")) or 0)
        await asyncio.sleep(0)
        count = seen.count("a/")
        puts = {"number": value_of(f"{number + 1}"), f"a/{count:04}": value_of(f"{number}")}
        return await _end(transact, planned(seen, Changes(puts=puts)))

    async def until_done(store: Store, times: int) -> None:
        for _ in range(times):
            for _ in range(3):
                if not isinstance(await plan(store, store.transact), Moved):
                    break
            else:
                async with store.alone() as transact:
                    while isinstance(await plan(store, transact), Moved):
                        pass

    await asyncio.gather(*(until_done(store, 5) for store in stores for _ in range(4)))
    done = len(stores) * 4 * 5
    snapshot = await stores[0].latest()
    assert word_of(snapshot.get("number")) == str(done)
    found = scan(snapshot, "a/")
    assert [record.key for record in found] == [f"a/{number:04}" for number in range(done)]
    assert [word_of(record) for record in found] == [f"{number}" for number in range(done)]


async def test_a_plan_that_always_loses_is_made_while_the_others_wait(make):
    """Writes to the same key go on all the time; none of them is lost, and none comes between."""
    store = await make()
    written, stop = 0, False

    async def go_on() -> None:
        nonlocal written
        while not stop:
            await write(store, increment("n"))
            written += 1

    async def plan(transact: Transact) -> Outcome | Moved:
        seen = Remembering(await store.latest())
        before = int(word_of(seen.get("n")) or 0)
        for _ in range(50):
            await asyncio.sleep(0.001)
        return await _end(transact, planned(seen, Changes(puts={"n": value_of(f"{before + 1000}")})))

    going = [asyncio.create_task(go_on()) for _ in range(3)]
    await until(lambda: written > 5, 30)
    assert isinstance(await plan(store.transact), Moved)
    async with store.alone() as transact:
        end = await plan(transact)
    assert isinstance(end, Outcome)
    counted = written
    await until(lambda: written > counted + 5, 30)
    stop = True
    await asyncio.gather(*going)
    assert word_of((await store.latest()).get("n")) == str(written + 1000)


async def test_who_writes_alone_and_fails_leaves_the_others_to_go_on(make):
    store = await make()
    waiting = None
    with suppress(ZeroDivisionError):
        async with store.alone():
            waiting = asyncio.create_task(store.transact(put("a", "w"), ORIGIN))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            raise ZeroDivisionError
    async with asyncio.timeout(30):
        assert (await waiting).committed


async def test_who_writes_alone_and_goes_away_leaves_the_commit_whole(make):
    """It is cancelled at any moment: what it has begun is there or not, and the next writes go on from it."""
    store = await make()

    async def alone(number: int) -> None:
        async with store.alone() as transact:
            await transact(put("a/1", f"w{number}"), ORIGIN)

    for number in range(12):
        writing = asyncio.create_task(alone(number))
        for _ in range(number % 6):
            await asyncio.sleep(0)
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        async with asyncio.timeout(30):
            await write(store, increment("n"))
    async with asyncio.timeout(30):
        await write(store, put("b/1", "w"))
    commits = await store.commits(0, 100)
    assert [commit.rev for commit in commits] == list(range(1, store.rev + 1))
    assert word_of((await store.latest()).get("n")) == "12"
    if make.durable:
        rev = store.rev
        await store.close()
        assert (await make()).rev == rev
