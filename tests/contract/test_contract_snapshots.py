"""Snapshots at every rev equal a replay of the commits, whatever the writes were."""

import asyncio
import os
import tempfile
from pathlib import Path

import pytest
from contract_stores import KINDS, SHARED, begin, build, place_of
from contract_words import ORIGIN, PlainModel, Transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import RevCompacted
from app.store.snapshots import ask, scan

# Neighbours of the prefix "a/" in the order of keys, and characters that UTF-8 and UTF-16 order apart.
KEYS = ["a", "a-/1", "a/", "a/1", "a/10", "a/2/x", "a/é", "a/\uffee", "a/\U0001f600", "a0", "b/1", "b/\ud7ff"]
PREFIXES = ["a/", "a/2/", "b/", "c/"]
TERMS = [*PREFIXES, *(f"{p}?letter={c}" for p in ("a/", "b/", "a-/") for c in "xyz")]
GROUPS = [
    [["a/?letter=x", "a/?letter=y"]],
    [["a/"], ["a/?letter=x", "a/?letter=z"]],
    [["a/?letter=x", "a/?letter=y"], ["a/?letter=y", "a/?letter=z"], ["a/"]],
    [["a/?letter=x"], ["a/?letter=y"]],
]
WORDS = ["x", "xx", "y", "z1", ""]

keys = st.sampled_from(KEYS)
writes = st.builds(
    Transaction,
    puts=st.dictionaries(keys, st.sampled_from(WORDS), max_size=4),
    deletes=st.sets(keys, max_size=2),
    prefixes=st.one_of(st.just(set()), st.sets(st.sampled_from(PREFIXES), max_size=1)),
)
histories = st.lists(writes, min_size=1, max_size=20)


async def replay(kind, place, history, keep, compact_at):
    model = PlainModel()
    if kind in SHARED:
        keep = 1000  # it drops history now and then, not at every commit
        await begin(kind, place)
    store = build(kind, place, history=keep)
    await store.open()
    try:
        for write in history:
            model.apply(write)
            await store.transact(write.rule(), ORIGIN)
        if compact_at is not None:
            await store.compact(min(compact_at, store.rev))
        assert store.rev == model.rev
        assert store.oldest_rev == max(0, model.rev - keep, min(compact_at or 0, store.rev))
        await compare(store, model)
        if kind != "memory":
            # And the same from what is kept alone.
            await store.close()
            store = build(kind, place, history=keep)
            await store.open()
            await compare(store, model)
    finally:
        await store.close()


async def compare(store, model):
    async def one(rev):
        await ask(await store.at(rev), lambda snapshot: compare_one(snapshot, model, rev))

    await asyncio.gather(*map(one, range(store.oldest_rev, model.rev + 1)))
    for rev in range(store.oldest_rev):
        with pytest.raises(RevCompacted):
            await store.at(rev)
    commits = await store.commits(store.oldest_rev, 1000)
    assert [c.rev for c in commits] == list(range(store.oldest_rev + 1, model.rev + 1))
    for commit in commits:
        found = [(c.key, row(c.before), row(c.after)) for c in commit.changes]
        assert found == model.changes(commit.rev), commit.rev


def compare_one(snapshot, model, rev):
    for key in KEYS:
        record = snapshot.get(key)
        found = None if record is None else (record.value, record.created_rev, record.rev)
        assert found == model.states[rev].get(key), (rev, key)
    for term in TERMS:
        wanted = model.scan(rev, term)
        assert rows(scan(snapshot, term)) == wanted, (rev, term)
        assert rows(scan(snapshot, term, reverse=True)) == wanted[::-1], (rev, term)
        assert snapshot.count(term) == len(wanted), (rev, term)
        assert rows(scan(snapshot, term, limit=2)) == wanted[:2]
        assert rows(scan(snapshot, term, reverse=True, limit=1)) == wanted[::-1][:1]
        assert scan(snapshot, term, limit=0) == []
        for after in ("a/1", "a/é", "zz"):
            rest = [row for row in wanted if row[0] > after]
            assert rows(scan(snapshot, term, after=after)) == rest
            assert rows(scan(snapshot, term, after=after, limit=1)) == rest[:1]
    for groups in GROUPS:
        carried = [{row for term in group for row in model.scan(rev, term)} for group in groups]
        wanted = sorted(set.intersection(*carried))
        assert rows(snapshot.find(groups)) == wanted, (rev, groups)
        assert rows(snapshot.find(groups, limit=1)) == wanted[:1]
        assert rows(snapshot.find(groups, reverse=True)) == wanted[::-1], (rev, groups)
        assert rows(snapshot.find(groups, reverse=True, limit=2)) == wanted[::-1][:2]
        assert snapshot.find(groups, limit=0) == []
        for after in ("a/1", "zz"):
            rest = [row for row in wanted if row[0] > after]
            assert rows(snapshot.find(groups, after=after)) == rest
            assert rows(snapshot.find(groups, after=after, limit=1)) == rest[:1]


def rows(records):
    return [(r.key, r.value, r.created_rev, r.rev) for r in records]


def row(record):
    return None if record is None else (record.value, record.created_rev, record.rev)


@pytest.mark.parametrize("kind", KINDS)
def test_every_snapshot_equals_a_replay(request, kind):
    # What is read there waits for etcd, some hundred times a rev.
    examples = int(os.environ.get("VISOR_CONTRACT_EXAMPLES", "10" if kind in SHARED else "25"))

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        history=histories,
        keep=st.sampled_from([1, 3, 8, 100]),
        compact_at=st.one_of(st.none(), st.integers(1, 20)),
    )
    def run(history, keep, compact_at):
        with tempfile.TemporaryDirectory() as directory:
            place = place_of(kind, Path(directory), request)
            asyncio.run(replay(kind, place, history, keep, compact_at))

    run()
