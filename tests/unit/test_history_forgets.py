"""What it costs to forget the oldest rev of a full history, counted in what is looked at."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime

from app.store.contract import Changes
from app.store.history import History
from app.store.overlay import Draft
from app.store.records import Change, Commit, Journal, Record
from app.store.snapshots import scan
from app.store.steps import STEP
from app.store.window import Window

REVS = 2000
JOURNAL = Journal(datetime(2026, 11, 27, tzinfo=UTC), "me", "PUT /x")


class Counted(tuple[str, ...]):
    """Terms of a record that know how often they were gone through."""

    looks = 0

    def __iter__(self) -> Iterator[str]:
        Counted.looks += 1
        return super().__iter__()


def _set(history: History, value: bytes) -> None:
    before = history.get("app/cat", history.rev)
    history_rev = history.rev + 1
    after = Record("app/cat", value, 1, history_rev, None, history.terms("app/cat", value))
    history.apply(Commit(history_rev, JOURNAL, (Change("app/cat", before, after),)))


def test_a_key_that_changes_all_the_time_costs_no_more_than_others() -> None:
    """One app whose variables are set again and again fills all of the history with its versions: to forget
    one of them is not to look through the rest."""
    history = History(lambda key, value: Counted(("app/", "name=cat")), Window(REVS, None))
    for number in range(REVS):
        _set(history, b"%d" % number)
    Counted.looks = 0
    for number in range(100):
        _set(history, b"%d" % number)
    assert len(list(history.commits_after(history.floor, 2 * REVS))) == REVS
    assert Counted.looks < 100 * 20
    assert history.count("app/", history.rev) == history.count("app/", history.floor + 1) == 1


def test_a_term_that_only_forgotten_versions_carried_is_forgotten() -> None:
    """And one that a later version carries again is not: at the revs that are held it is found."""
    history = History(lambda key, value: ("app/", value.decode()), Window(3, None))
    for value in (b"red", b"blue", b"red", b"green", b"blue"):
        _set(history, value)
    found = {rev: [history.count(term, rev) for term in ("red", "blue", "green")] for rev in (3, 4, 5)}
    assert found == {3: [1, 0, 0], 4: [0, 0, 1], 5: [0, 1, 0]}
    _set(history, b"green")
    assert history.count("red", history.floor) == 1, "the floor is a rev that is held"
    _set(history, b"blue")
    assert history.count("red", history.floor) == 0
    assert not history._lists.past_of(["red"])


def _large(size: int, window: int) -> History:
    history = History(lambda key, value: ("app/", key[:6]), Window(window, None))
    history.load(1, [Record(f"app/{n:05}", b"x", 1, 1, None, ("app/",)) for n in range(size)])
    return history


def test_a_large_commit_is_made_applied_and_forgotten_a_step_at_a_time() -> None:
    """The whole of it in one turn of the loop kept all others waiting for 174 ms."""
    size = 20 * STEP
    history = _large(size, window=1)
    draft = Draft(history)
    making = draft.committing(Changes(prefixes={"app/"}), 2)
    steps = 1
    try:
        while True:
            next(making)
            steps += 1
    except StopIteration as end:
        changes = end.value
    assert steps > size // STEP
    assert (draft.count("app/"), scan(draft, "app/")) == (0, [])
    counts = []
    for _ in history.applying(Commit(2, JOURNAL, tuple(changes))):
        counts.append((history.rev, history.count("app/", history.rev)))
    assert counts == [(1, size)] * (size // STEP)
    assert (history.rev, history.count("app/", 2), history.count("app/", 1)) == (2, 0, size)
    held = [history.statistics()["keys"]]
    for _ in range(size // STEP):
        _set(history, b"1")
        held.append(history.statistics()["keys"])
    assert max(before - after for before, after in itertools.pairwise(held)) <= STEP
    assert held[-1] <= 1 + STEP
    assert history.count("app/", history.floor) == 1


def test_large_commits_leave_no_more_to_trim_the_more_come() -> None:
    history, size = _large(0, window=1), 4 * STEP
    for number in range(12):
        draft = Draft(history)
        wanted = {f"app/{number % 3}-{n:05}": b"x" for n in range(size)}
        gone = {f"app/{(number - 1) % 3}-"}
        made = draft.commit(Changes(puts=wanted, prefixes=gone), history.rev + 1)
        history.apply(Commit(draft.rev, JOURNAL, tuple(made)))
    assert history.count("app/", history.rev) == size
    assert history.statistics()["keys"] <= 4 * size
