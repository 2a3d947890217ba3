"""What it costs to forget the oldest rev of a full history, counted in what is looked at."""

from collections.abc import Iterator
from datetime import UTC, datetime

from app.store.contract import Change, Commit, Journal, Record
from app.store.history import History, Window

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
    assert "red" not in history._past
