"""T(N) is the greatest time of all commits up to N, and the index says by it what was the latest when."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.events import time_index
from app.events.time_index import Point, TimeIndex

histories = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 30), st.integers(0, 2), st.integers(0, 9)), max_size=60
)
"""How far each commit's rev is from the one before, its own time (earlier than one before it, or the same,
too), its kind, and, where that is 9, that six tenths of those so far are dropped then."""


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    before, time_index.BLOCK = time_index.BLOCK, 4
    yield
    time_index.BLOCK = before


@settings(max_examples=100)
@given(histories, st.integers(-1, 40))
def test_the_newest_rev_up_to_a_time_is_that_of_a_brute_force(steps, end):
    index, commits, dropped, rev = TimeIndex(), [], 0, 0
    for gap, at, kind, tenths in steps:
        rev += gap
        index.add(rev, at, kind)
        commits.append((rev, max(at, *(t for _, t, _ in commits), at), kind))
        if tenths == 9:
            dropped = max(dropped, len(commits) * 6 // 10)
            index.forget_before(commits[dropped][0])
    kept = commits[dropped:]
    assert len(index) == len(kept)
    assert index.first() == (Point(*kept[0][:2]) if kept else None)
    for time in range(-1, 32):
        up_to = [(rev, t) for rev, t, _ in kept if t <= time]
        later = [(rev, t) for rev, t, _ in kept if t > time]
        assert index.at(time) == (up_to[-1] if up_to else None)
        assert index.after(time) == (later[0] if later else None)
    edges = [end, end + 3, end + 3, end + 17]
    assert index.counts(edges) == [
        Counter(kind for _, t, kind in kept if low < t <= high) for low, high in pairwise(edges)
    ]
    for back in (1, 5, 100):
        revs = [rev for rev, _, _ in kept]
        assert index.back(rev, back) == (revs[-1 - back] if len(revs) > back else 0)


def test_equal_times_hide_no_commit():
    index = TimeIndex()
    for rev, at in ((1, 10), (2, 10), (3, 10), (4, 9), (5, 11)):
        index.add(rev, at, 0)
    assert index.at(10) == Point(4, 10)
    assert index.after(10) == Point(5, 11)
    assert index.at(9) is None
