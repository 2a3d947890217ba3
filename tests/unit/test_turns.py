"""Long work is done a little in each turn of the event loop, by all who do some, one after the other."""

import asyncio

from app.events import turns as turns_module
from app.events.turns import Turns


async def _work(turns: Turns, name: str, pieces: int, done: list[str]) -> None:
    for _ in range(pieces):
        done.append(name)
        if turns.over:
            await turns.give_way()


async def test_everything_else_has_its_turn_between_the_pieces(monkeypatch):
    monkeypatch.setattr(turns_module, "SECONDS", 0.0)
    turns, done, other = Turns(), [], []

    async def beside() -> None:
        while len(done) < 100:
            other.append(len(done))
            await asyncio.sleep(0)

    await asyncio.gather(_work(turns, "a", 100, done), beside())
    assert len(set(other)) > 40, "a few pieces for each turn, not all in one"


async def test_all_who_work_get_on(monkeypatch):
    monkeypatch.setattr(turns_module, "SECONDS", 0.0)
    turns, done = Turns(), []
    await asyncio.gather(*(_work(turns, name, 30, done) for name in "abc"))
    third = done[:45]
    assert min(third.count(name) for name in "abc") >= 8


async def test_a_turn_is_shared_by_all_who_work_in_it(monkeypatch):
    """Forty who take a piece each in one turn would keep it as long as one who takes forty."""
    monkeypatch.setattr(turns_module, "SECONDS", 0.0)
    turns, turn, pieces = Turns(), [0], []

    async def count() -> None:
        while len(pieces) < 400:
            turn[0] += 1
            await asyncio.sleep(0)

    async def work() -> None:
        await turns.give_way()
        for _ in range(10):
            pieces.append(turn[0])
            if turns.over:
                await turns.give_way()

    await asyncio.gather(count(), *(work() for _ in range(40)))
    assert max(map(pieces.count, set(pieces))) <= 4


async def test_one_that_is_cancelled_holds_up_nobody(monkeypatch):
    monkeypatch.setattr(turns_module, "SECONDS", 0.0)
    turns, done = Turns(), []
    tasks = [asyncio.create_task(_work(turns, name, 20, done)) for name in "abcdef"]
    for steps, task in enumerate(tasks[:4]):
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
    async with asyncio.timeout(20):
        await asyncio.gather(*tasks[4:])
    assert done.count("e") == done.count("f") == 20


async def test_with_time_left_nobody_gives_way(monkeypatch):
    monkeypatch.setattr(turns_module, "SECONDS", 1000.0)
    turns = Turns()
    assert not any(turns.over for _ in range(1000))
