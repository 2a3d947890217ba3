"""What a rule counts, in the middle of a group, is what it would find."""

import random
from datetime import UTC, datetime

from contract_words import delete, index, put

from app.store.embedded.group import make_commit
from app.store.history import History
from app.store.overlay import Draft
from app.store.records import Journal
from app.store.snapshots import scan
from app.store.window import Window

TERMS = ("a/", "b/", "a/?letter=x", "a/?letter=y", "b/?letter=x", "c/")


def test_a_count_is_as_many_as_a_scan_finds():
    dice, history = random.Random(5), History(index, Window(5))
    for _ in range(60):
        draft, commits = Draft(history), []
        for _ in range(dice.randrange(8)):
            key = f"{dice.choice('ab')}/{dice.randrange(6)}"
            rule = delete(key) if dice.random() < 0.3 else put(key, dice.choice(["x", "y", "xy", ""]))
            changes = rule(draft, datetime.now(UTC))
            commits.append(make_commit(draft, changes, Journal(datetime.now(UTC), "tester", "TEST")))
            for term in TERMS:
                assert draft.count(term) == len(scan(draft, term))
        for commit in commits:
            history.apply(commit)
