"""A power cut: whatever was acknowledged is there afterwards, whole, and nothing else is wrong.

SIGKILL cannot show this, for the kernel keeps what was written; so the disk is one of our own. That
the test bites is shown by the same cut with a store that syncs less. `VISOR_TEST_CUTS` says how often it
is cut inside a write (12; the long form: 200).
"""

import asyncio
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from contract_words import ORIGIN, index, put, until, word_of, write
from lossy_disk import lossy_disk

from app.errors import CoordinatorUnavailable
from app.store.embedded.store import EmbeddedStore
from app.store.sqlite import file
from app.store.sqlite.log import SqliteLog

WRITERS = 6
LONG = 300


async def cut_while_writing(
    tmp_path: Path, keep: Callable[[], bool], *, after: int = 0, at_write: int = 0
) -> tuple[int, int]:
    """Write, and cut the power after so many answers, or at so many writes to the disk; how many
    acknowledged writes there were and how many of them are lost."""
    before, found = tmp_path / "before", tmp_path / "found"
    before.mkdir()
    found.mkdir()
    acknowledged: dict[str, tuple[int, str]] = {}
    with lossy_disk() as disk:
        store = EmbeddedStore(SqliteLog(before / "s.db", vfs=disk.name), index, history=10**6, memory_revs=5)
        await store.open()
        disk.countdown, disk.when_counted = at_write, lambda: disk.cut(found, keep)

        async def writer(name: int) -> None:
            try:
                for n in range(10**6):
                    word = f"{n}" * random.Random(n).randint(1, 4000)
                    outcome = await store.transact(put(f"a/{name}/{n}", word), ORIGIN)
                    acknowledged[f"a/{name}/{n}"] = (outcome.rev, word)
                    if len(acknowledged) == after:
                        disk.cut(found, keep)
                    if disk.off:
                        return
            except CoordinatorUnavailable:
                pass

        async with asyncio.timeout(30):
            tasks = [asyncio.create_task(writer(n)) for n in range(WRITERS)]
            await until(lambda: disk.off, 30)
            await store.close()
            await asyncio.gather(*tasks)
        # The long runs pass a checkpoint, so that one may be cut short, too.
        assert after < LONG or disk.synced("s.db") > 0
    store = EmbeddedStore(SqliteLog(found / "s.db"), index, history=10**6, memory_revs=5)
    await store.open()
    snapshot = await store.latest()
    lost = 0
    for key, (rev, word) in acknowledged.items():
        record = snapshot.get(key)
        if record is None or word_of(record) != word or record.rev != rev:
            lost += 1
    for rev in range(0, store.rev, 1 + store.rev // 20):
        assert (await store.at(rev)).count("a/") == rev
    assert len(await store.commits(0, 10**6)) == store.rev
    await store.transact(put("a/after", "x"), ORIGIN)
    await store.close()
    return len(acknowledged), lost


@pytest.fixture(autouse=True)
def no_patience(monkeypatch):
    monkeypatch.setattr("app.store.embedded.recovery.REOPEN_SECONDS", 0.01)


@pytest.fixture(autouse=True, params=[file.CACHE_KIB, 64], ids=["all in the cache", "larger than the cache"])
def cache(request, monkeypatch):
    """With the small one a group spills into the write-ahead log before it commits."""
    monkeypatch.setattr(file, "CACHE_KIB", request.param)


@pytest.mark.parametrize("after", [1, 2, 17, 100, LONG, LONG + 7])
@pytest.mark.parametrize("survives", ["nothing", "some"])
async def test_no_acknowledged_write_is_lost(tmp_path, after, survives):
    dice = random.Random(after)
    acknowledged, lost = await cut_while_writing(
        tmp_path, (lambda: False) if survives == "nothing" else (lambda: dice.random() < 0.5), after=after
    )
    assert acknowledged >= after
    assert lost == 0


@pytest.mark.parametrize("seed", range(int(os.environ.get("VISOR_TEST_CUTS", "12"))))
async def test_no_acknowledged_write_is_lost_when_it_is_cut_inside_one(tmp_path, seed):
    dice = random.Random(seed)
    share = dice.choice([0, 0.1, 0.5, 0.9])
    _, lost = await cut_while_writing(tmp_path, lambda: dice.random() < share, at_write=dice.randint(1, 4000))
    assert lost == 0


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
async def test_it_would_show_a_store_that_syncs_less(tmp_path, monkeypatch, synchronous):
    monkeypatch.setattr(file, "SYNCHRONOUS", synchronous)
    _, lost = await cut_while_writing(tmp_path, lambda: False, after=50)
    assert lost > 0


async def test_a_store_whose_last_commit_is_compacted_is_known_again(path, disk, monkeypatch):
    """After a failed sync it is opened again: that its last commit is not kept is nothing against it."""
    monkeypatch.setattr("app.store.embedded.recovery.REOPEN_SECONDS", 0.01)
    store = EmbeddedStore(SqliteLog(path, vfs=disk.name), index, history=1000, memory_revs=1000)
    await store.open()
    await write(store, *(put(f"a/{n}", "x") for n in range(20)))
    await store.compact(store.rev)
    disk.failing_syncs = 1
    with pytest.raises(CoordinatorUnavailable):
        await store.transact(put("a/no", "x"), ORIGIN)
    await until(lambda: store.health().ready)
    [outcome] = await write(store, put("a/yes", "x"))
    assert outcome.rev in (21, 22)
    await store.close()
