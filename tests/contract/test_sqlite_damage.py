"""One byte of the store's file is not what was written: it is refused or seen, never believed.

`VISOR_TEST_DAMAGES` says at how many places (40 before the start and
40 while the store runs; the long form: 200).
"""

import asyncio
import os
import random
import shutil
from pathlib import Path

import pytest
from contract_words import ORIGIN, picture, plain, plain_commit, put
from test_sqlite_refusals import a_store, flip, make_file

from app.errors import CoordinatorUnavailable, StartError
from app.store.contract import Snapshot
from app.store.snapshots import scan
from app.store.sqlite import examine, file, loading

PLACES = int(os.environ.get("VISOR_TEST_DAMAGES", "40"))
TERMS = ("a/", "b/", "?")


async def read_all(store, wanted) -> int:
    """Read everything at every rev that was ever given: each answer is the right one, or an error that
    says so. How many errors there were."""
    errors = 0

    async def tried(read, right, what) -> None:
        nonlocal errors
        try:
            answer = read()
            answer = await answer if hasattr(answer, "__await__") else answer
        except CoordinatorUnavailable:
            errors += 1
            return
        assert answer == right, f"a wrong answer to {what}"

    for rev, (scanned, commits, journal) in wanted.items():

        async def following(rev=rev):
            return [plain_commit(commit) for commit in await store.commits(rev, 1)]

        await tried(following, commits, f"commits after {rev}")
        await tried(lambda rev=rev: store.journal_at(rev), journal, f"journal at {rev}")
        snapshot: Snapshot = await store.at(rev)
        for term, right in zip(TERMS, scanned, strict=True):
            await tried(
                lambda term=term, snapshot=snapshot: [plain(one) for one in scan(snapshot, term)],
                right,
                f"{term} at {rev}",
            )
            # One by one at some revs: it is the same search as the list's.
            for one in right if rev % 10 == 0 else []:
                await tried(
                    lambda one=one, snapshot=snapshot: plain(snapshot.get(one[0])), one, f"{one[0]} at {rev}"
                )
    return errors


@pytest.fixture(autouse=True)
def _quiet_and_quick(caplog, monkeypatch):
    """The log says each time that the file cannot be read: thousands of lines here. The caches are small, so
    that the file is read again and again."""
    for module in (file, loading, examine):
        monkeypatch.setattr(module, "CACHE_KIB", 16)
    monkeypatch.setattr(file, "READER_CACHE_KIB", 16)
    caplog.set_level("CRITICAL")
    monkeypatch.setattr("app.store.embedded.recovery.REOPEN_SECONDS", 0.01)
    monkeypatch.setattr("app.store.embedded.recovery.GIVE_UP_SECONDS", 0.05)


@pytest.fixture
async def sound(tmp_path) -> tuple[Path, dict]:
    """A file with some history, and what it says at each rev."""
    path = tmp_path / "sound.db"
    await make_file(path, 20)
    store = a_store(path, memory_revs=5)
    await store.open()
    wanted = await picture(store, TERMS)
    await store.close()
    return path, wanted


def copy_of(path: Path) -> Path:
    for old in path.parent.glob("damaged.db*"):
        old.unlink()
    copy = path.with_name("damaged.db")
    shutil.copyfile(path, copy)
    return copy


async def test_damage_is_seen_at_the_start_or_when_it_is_met(sound):
    path, wanted = sound
    dice = random.Random(20_261)
    refused = 0
    for _ in range(PLACES):
        copy = copy_of(path)
        place = dice.randrange(copy.stat().st_size)
        flip(copy, place, dice.randint(1, 255))
        store = a_store(copy, memory_revs=dice.choice([1, 1000]))
        try:
            await store.open()
            await read_all(store, wanted)
        except StartError:
            refused += 1
        finally:
            await store.close()
    assert refused > PLACES // 4


async def test_damage_while_the_store_runs_is_never_answered_with(sound):
    """Reads of old revs go to the file; reads of what is in memory are right whatever happens to it; and
    a write goes through, or says that it does not."""
    path, wanted = sound
    dice = random.Random(20_262)
    seen = refused_writes = 0
    for turn in range(PLACES):
        copy = copy_of(path)
        store = a_store(copy, memory_revs=1)
        await store.open()
        try:
            place = dice.randrange(copy.stat().st_size)
            flip(copy, place, dice.randint(1, 255))
            seen += bool(await read_all(store, wanted))
            newest = await store.latest()
            kept = [[plain(one) for one in scan(newest, term)] for term in TERMS]
            assert kept == wanted[max(wanted)][0], "what is in memory has changed"
            try:
                async with asyncio.timeout(20):
                    outcome = await store.transact(put("a/new", f"{turn}"), ORIGIN)
            except CoordinatorUnavailable:
                refused_writes += 1
            else:
                assert plain((await store.latest()).get("a/new"))[0] == "a/new"
                assert outcome.rev == max(wanted) + 1
        finally:
            await store.close()
    assert seen > PLACES // 4, "the damage was not met"
    assert refused_writes, "no write has met it"
