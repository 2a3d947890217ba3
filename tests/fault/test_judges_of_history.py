"""The judges of the history and of streams, on histories of a few lines."""

import json

from tests.fault.judges import events, history, starts, whole
from tests.fault.judges.tiny import heard, holds, instance, session, told, write
from tests.fault.traffic.record import BOOKMARK, SNAPSHOT_END, Session, Told

HISTORY = [
    told(1, "app-register", "base", env={}),
    told(2, "proc-register", "base", "web", port=8000),
    told(2, "app-update", "base", index=1, env={}, created_rev=1),
    told(4, "app-update", "base", env={"k.a": "1", "k.b": "1"}, created_rev=1),
]
ALL = [(1, 0), (2, 0), (2, 1), (4, 0)]


def _streams(*sessions: Session) -> bool:
    return heard(events, HISTORY, sessions=list(sessions)).holds


def test_each_event_follows_from_those_before_it() -> None:
    assert holds(history, HISTORY)
    assert not holds(history, HISTORY[1:]), "a change of what was not there"
    assert not holds(history, [HISTORY[0], HISTORY[0]])
    assert not holds(history, [*HISTORY[:2], HISTORY[3], HISTORY[2]]), "not in order"
    assert not holds(history, [HISTORY[0], HISTORY[2], HISTORY[3]]), "an index is left out"
    assert not holds(history, [*HISTORY, told(5, "app-register", "base")])
    gone = told(5, "app-unregister", "base", env={"k.a": "0"}, created_rev=1)
    assert not holds(history, [*HISTORY, gone]), "what goes is not what was there"


def test_a_stream_is_complete_ordered_and_once() -> None:
    assert _streams(session("0", *ALL, told=HISTORY))
    assert _streams(session("0", *ALL[:3], told=HISTORY)), "it may end anywhere"
    assert not _streams(session("0", (1, 0), (2, 1), told=HISTORY)), "dropped"
    assert not _streams(session("0", (1, 0), (1, 0), told=HISTORY)), "repeated"
    assert not _streams(session("0", (2, 0), (1, 0), told=HISTORY)), "out of order"
    assert not _streams(session("0", (1, 0), (2, 0), (4, 0), told=HISTORY)), "half a rev"
    assert not _streams(session("0", (1, 0), (3, 0), told=HISTORY)), "made up"
    other = session("0", *ALL, told=HISTORY)
    other.frames[0] = (1, 0, 0)
    assert not _streams(other), "other bytes"


def test_a_stream_goes_on_after_the_last_id() -> None:
    first = session("0", *ALL[:2], told=HISTORY)
    assert _streams(first, session("2-0", *ALL[2:], told=HISTORY))
    assert not _streams(first, session("2-0", *ALL[1:], told=HISTORY)), "the last comes again"
    assert not _streams(first, session("2-0", *ALL[3:], told=HISTORY)), "the rest of the rev is missing"
    assert _streams(first, session("2", *ALL[3:], told=HISTORY)), "all of a rev was asked to be passed"


def test_a_bookmark_says_that_all_up_to_it_was_sent() -> None:
    mark = (2, BOOKMARK)
    assert _streams(session("0", *ALL[:3], mark, (3, BOOKMARK), ALL[3], told=HISTORY))
    assert not _streams(session("0", *ALL[:2], mark, told=HISTORY)), "too early"
    assert not _streams(session("0", *ALL[:2], mark, *ALL[2:], told=HISTORY))


def test_a_filter_lets_through_what_was_asked_for_and_nothing_else() -> None:
    def of(*frames: tuple[int, int], **query: list[str]) -> Session:
        return session("0", *frames, told=HISTORY, **query)

    assert _streams(of((2, 0), (4, BOOKMARK), type=["proc-*"]))
    assert not _streams(of((1, 0), (2, 0), (4, BOOKMARK), type=["proc-*"]))
    assert not _streams(of((4, BOOKMARK), type=["proc-register"]))
    assert _streams(of((4, BOOKMARK), app=["other"]))
    assert not _streams(of((1, 0), app=["other"]))


def test_a_filter_by_host_looks_at_the_object() -> None:
    told = [instance(1, "register", 1, "pending"), instance(2, "claim", 1, "claimed", host="h")]
    assert heard(events, told, sessions=[session("0", (2, 0), told=told, host=["h"])]).holds
    assert not heard(events, told, sessions=[session("0", (1, 0), (2, 0), told=told, host=["h"])]).holds


def test_a_filter_by_host_looks_at_the_object_before_the_event_too() -> None:
    told = [
        instance(1, "register", 1, "pending"),
        instance(2, "claim", 1, "claimed", host="h"),
        instance(3, "unclaim", 1, "pending"),
        instance(4, "claim", 1, "claimed", host="other"),
    ]
    there = session("0", (2, 0), (3, 0), (4, BOOKMARK), told=told, host=["h"])
    assert heard(events, told, sessions=[there]).holds
    blind = session("0", (2, 0), (4, BOOKMARK), told=told, host=["h"])
    assert not heard(events, told, sessions=[blind]).holds, "nobody said that it left"


def test_an_acknowledged_change_is_told() -> None:
    assert heard(events, HISTORY, [write(4)]).holds
    assert not heard(events, HISTORY, [write(3)]).holds


def test_a_snapshot_of_a_stream_is_what_is_there() -> None:
    def shown(*told: Told) -> Session:
        made = session(None, (2, SNAPSHOT_END), told=HISTORY)
        made.rev = 2
        made.objects = [
            json.dumps({"rev": 1}).encode()[:-1] + b',"object":' + event.object + b"}" for event in told
        ]
        return made

    assert heard(starts, HISTORY, sessions=[shown(HISTORY[1], HISTORY[2])]).holds
    assert not heard(starts, HISTORY, sessions=[shown(HISTORY[1])]).holds, "not all"
    assert not heard(starts, HISTORY, sessions=[shown(HISTORY[1], HISTORY[0])]).holds, "an older state"


def test_nothing_is_half_done_after_any_rev() -> None:
    assert holds(whole, HISTORY)
    gone = told(5, "app-unregister", "base", env={}, created_rev=1)
    assert not holds(whole, [*HISTORY, gone]), "its proctype is left"
    both = [gone, told(5, "proc-unregister", "base", "web", index=1, port=8000)]
    assert holds(whole, [*HISTORY, *both])
    assert not holds(whole, [told(1, "proc-register", "other", "web", port=1)]), "of no app"
    runnable = [
        told(1, "app-register", "base", env={}),
        told(2, "rev-register", "base", "r", state="accepted"),
        told(3, "proc-register", "base", "web", port=1),
    ]
    ticket = instance(4, "register", 1, "pending")
    assert holds(whole, [*runnable, ticket])
    assert not holds(whole, [*runnable[:2], ticket]), "an instance of nothing"
    assert not holds(whole, [*runnable, instance(4, "claim", 1, "claimed", host="h")]), "without a token"
    half = told(5, "app-update", "base", env={"k.a": "2", "k.b": "1"}, created_rev=1)
    assert not holds(whole, [*HISTORY, half])
