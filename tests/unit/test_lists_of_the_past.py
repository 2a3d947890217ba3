"""A list at a past rev has what carried its terms then, whatever has become of it since."""

import random
from datetime import UTC, datetime
from itertools import product

import pytest

from app.store.history import History
from app.store.records import Change, Commit, Journal, Record, carries
from app.store.window import Window

TERMS = ("k/", "k/?a", "k/?b", "k/?c")
GROUPS = [
    *([[term]] for term in TERMS),
    *([[one], [other]] for one, other in product(TERMS[1:], repeat=2)),
    [["k/?a", "k/?b"], ["k/?c", "k/"]],
]
JOURNAL = Journal(datetime(2026, 1, 1, tzinfo=UTC), "a", "r")


@pytest.mark.parametrize("seed", range(3))
def test_a_past_list_is_what_it_was(seed: int) -> None:
    """Each list is compared, at each rev that is held, with what was there when that rev was the latest."""
    chance = random.Random(seed)
    history = History(lambda key, value: (), Window(10))
    now: dict[str, Record] = {}
    then: dict[int, dict[str, Record]] = {}
    for rev in range(1, 40):
        changes = []
        for number in sorted(chance.sample(range(12), chance.randrange(1, 4))):
            key = f"k/{number:02}"
            before = now.get(key)
            terms = ("k/", *(term for term in TERMS[1:] if chance.random() < 0.4))
            after = None if before and chance.random() < 0.3 else Record(key, b"1", rev, rev, terms=terms)
            changes.append(Change(key, before, after))
            now.pop(key, None)
            if after is not None:
                now[key] = after
        history.apply(Commit(rev, JOURNAL, tuple(changes)))
        then[rev] = dict(now)
        for at in range(max(history.floor, 1), rev + 1):
            for groups in GROUPS:
                expected = [then[at][key] for key in sorted(then[at]) if carries(then[at][key], groups)]
                assert history.find(groups, at) == expected
                assert (
                    history.find(groups, at, "k/04", 3) == [one for one in expected if one.key > "k/04"][:3]
                )
