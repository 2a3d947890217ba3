"""Blocks of keys that are in a list of each group, against the plainest way: sets."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.store.sorted_keys import add, blocks, discard

KEYS = [f"k{n:03d}" for n in range(60)]

lists = st.sets(st.sampled_from(KEYS)).map(sorted)
groups = st.lists(st.lists(lists, min_size=1, max_size=3), min_size=1, max_size=4)


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(groups=groups, after=st.sampled_from(["", *KEYS, "k", "z"]), first=st.integers(1, 70))
def test_blocks_are_the_intersection_of_unions_in_order(groups, after, first):
    expected = set.intersection(*(set().union(*group) for group in groups))
    found = [key for block in blocks(groups, after, first) for key in block]
    assert found == sorted(key for key in expected if key > after)


def test_a_block_is_no_longer_than_it_has_to_be():
    keys = [f"k{n:06d}" for n in range(10_000)]
    assert [len(block) for block in blocks([[keys]], "", 10)][:3] == [10, 20, 40]


def test_two_long_lists_that_never_meet_are_left_behind_in_strides():
    """Ids of one app that came after all of another's: nothing of either has to be looked at."""

    class Counted(list):
        looked_at = 0

        def __getitem__(self, at):
            Counted.looked_at += 1
            return super().__getitem__(at)

    early, late = (Counted(f"k{n:06d}" for n in range(start, start + 50_000)) for start in (0, 50_000))
    assert list(blocks([[early], [late]], "")) == []
    assert Counted.looked_at < 200


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.booleans())))
def test_adding_and_discarding_keeps_a_list_sorted_and_each_key_once(steps):
    keys, model = [], set()
    for key, there in steps:
        (add if there else discard)(keys, key)
        (model.add if there else model.discard)(key)
    assert keys == sorted(model)
