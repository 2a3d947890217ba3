"""The journal as a list, and times that are settled."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from contract_stores import EMBEDDED
from contract_words import delete, increment, put, write

from app.errors import RevCompacted
from app.store.records import Entry


async def test_the_journal_is_the_commits_without_what_they_changed(make):
    store = await make()
    await write(store, *(increment("a/n") for _ in range(20)), delete("a/n"))
    if make.durable:
        await store.close()
        store = await make()
    whole = [Entry(commit.rev, commit.journal) for commit in await store.commits(0, 1000)]
    assert list(await store.journals(0, 1000)) == whole
    paged, at = [], 0
    while page := await store.journals(at, 3):
        paged += page
        at = page[-1].rev
    assert paged == whole
    await store.compact(5)
    with pytest.raises(RevCompacted):
        await store.journals(4, 1)
    assert [entry.rev for entry in await store.journals(5, 2)] == [6, 7]


async def test_what_is_before_the_settled_time_stays_as_it_is(make):
    """Whoever commits after a time was settled does so at a later one, whatever the clock says."""
    now = datetime(2026, 11, 30, 18, tzinfo=UTC)
    store = await make(clock=lambda: now)
    await write(store, put("a/1", "x"))
    for at in (now - timedelta(hours=1), now - timedelta(microseconds=1), now, now + timedelta(hours=1)):
        settled = await store.settle(at)
        assert settled.now == now
        assert settled.until <= min(at, now)
    last = (await store.latest()).rev
    await write(store, put("a/1", "y"))
    assert all(entry.journal.at > settled.until for entry in await store.journals(last, 10))


@pytest.mark.parametrize("make", EMBEDDED, indirect=True)
async def test_one_process_settles_the_present_itself(make):
    """A commit that is on its way when a time is settled is there at that time, or later than it."""
    now = datetime(2026, 11, 30, 18, tzinfo=UTC)
    store = await make(clock=lambda: now)
    writes = [asyncio.create_task(write(store, increment("a/n"))) for _ in range(20)]
    for _ in range(10):
        await asyncio.sleep(0)
        settled = await store.settle(now)
        assert settled.until == now
        rev = store.rev
        later = [entry.journal.at for entry in await store.journals(rev, 100)]
        assert all(at > now for at in later)
    await asyncio.gather(*writes)
    assert [entry.journal.at > now for entry in await store.journals(0, 100) if entry.rev > rev] == [True] * (
        store.rev - rev
    )
