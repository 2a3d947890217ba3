"""From watch responses to whole revisions, for what a healthy etcd seldom or never sends."""

from typing import Any

import pytest

from app.store.etcd.client.errors import RevisionSplit, RevisionWentBack
from app.store.etcd.client.messages import MESSAGES
from app.store.etcd.client.revisions import Assembler, EtcdRevision, Progress


def response(*events: tuple[int, str], fragment: bool = False, header: int = 99) -> Any:
    return MESSAGES["WatchResponse"](
        header={"revision": header},
        fragment=fragment,
        events=[{"kv": {"key": key.encode(), "mod_revision": revision}} for revision, key in events],
    )


def told(items: list[EtcdRevision | Progress]) -> list[tuple[int, str]]:
    """(revision, keys) of each."""
    assert all(isinstance(item, EtcdRevision) for item in items)
    return [
        (item.revision, "".join(event.kv.key.decode() for event in item.events))
        for item in items
        if isinstance(item, EtcdRevision)
    ]


def test_fragments_are_put_together() -> None:
    assembler = Assembler(4, trusted=True)
    assert told(assembler.feed(response((5, "a"), (6, "a"), fragment=True))) == [(5, "a")]
    assert assembler.feed(response((6, "b"), fragment=True)) == []
    assert told(assembler.feed(response((6, "c"), (7, "a")))) == [(6, "abc"), (7, "a")]


def test_progress_waits_for_a_revision_that_is_not_whole() -> None:
    assembler = Assembler(4, trusted=False)
    assert assembler.feed(response(header=4)) == [Progress(4, False)]
    assembler.feed(response((5, "a"), fragment=True))
    assert assembler.feed(response(header=9)) == []
    assert told(assembler.feed(response((5, "b")))) == [(5, "ab")]
    assert assembler.feed(response(header=9)) == [Progress(9, False)]


def test_progress_that_is_behind_says_nothing() -> None:
    assembler = Assembler(4, trusted=True)
    assembler.feed(response((7, "a")))
    assert assembler.feed(response(header=6)) == []


def test_an_event_that_comes_again_is_dropped() -> None:
    assembler = Assembler(4, trusted=True)
    assembler.feed(response((5, "a"), (5, "b")))
    assert told(assembler.feed(response((5, "a"), (5, "b"), (6, "a")))) == [(6, "a")]


def test_more_of_a_revision_that_was_whole_is_not_swallowed() -> None:
    assembler = Assembler(4, trusted=True)
    assembler.feed(response((5, "a")))
    with pytest.raises(RevisionSplit):
        assembler.feed(response((5, "b"), (6, "a")))


@pytest.mark.parametrize("events", [[(4, "a")], [(6, "a"), (5, "a")]])
def test_a_revision_that_goes_back_is_not_swallowed(events: list[tuple[int, str]]) -> None:
    assembler = Assembler(4, trusted=True)
    assembler.feed(response((5, "z")))
    with pytest.raises(RevisionWentBack):
        assembler.feed(response(*events))


def test_what_is_known_otherwise_is_not_delivered_nor_the_rest_of_it() -> None:
    """Whole or in fragments, and however much of it had come before it was known."""
    assembler = Assembler(4, trusted=True)
    assert told(assembler.feed(response((5, "a"), (6, "a"), fragment=True))) == [(5, "a")]
    assembler.known = 6
    assert told(assembler.feed(response((6, "b"), (7, "a")))) == [(7, "a")]
    assembler.known = 8
    assert assembler.feed(response((8, "a"))) == []
    assert assembler.feed(response((8, "b"))) == []
    assert told(assembler.feed(response((9, "a")))) == [(9, "a")]
    with pytest.raises(RevisionWentBack):
        assembler.feed(response((8, "c")))
