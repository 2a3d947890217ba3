"""The judges of writes and reads, on histories of a few lines: the good one passes, the bad ones do not."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fault.judges import (
    acknowledged,
    answers,
    conditions,
    fencing,
    forward,
    linearizable,
    members,
    racing,
    replicas,
    scale,
    snapshots,
    unique,
)
from tests.fault.judges.tiny import heard, holds, instance, read, told, write
from tests.fault.traffic.record import NEVER, Outcome

S = ("service", "s")
MADE = told(1, "service-register", "s", name="s")
GONE = told(2, "service-unregister", "s", name="s", created_rev=1)


def test_an_acknowledged_write_has_its_event() -> None:
    assert holds(acknowledged, [MADE], [write(1)])
    assert not holds(acknowledged, [], [write(1)]), "lost"
    assert not holds(acknowledged, [MADE], []), "made by nobody"


def test_nothing_is_done_twice_and_nothing_that_was_refused() -> None:
    twice = [MADE, told(2, "service-register", "t", actor="a-1.1")]
    unknown = write(None, actor="a-1", outcome=Outcome.UNKNOWN, status=0, end=NEVER, answer=b"")
    retried = write(2, actor="a-1.1")
    assert not holds(acknowledged, twice, [unknown, retried])
    assert holds(acknowledged, twice[1:], [unknown, retried])
    assert holds(acknowledged, [MADE], [unknown]), "an unknown one may have happened"
    assert holds(acknowledged, [], [unknown]), "or not"
    assert not holds(acknowledged, [MADE], [write(1, outcome=Outcome.REFUSED, status=409)])


def test_a_read_sees_what_was_acknowledged_before_it_began() -> None:
    written = write(5, start=0, end=10)
    event = told(5, "service-register", "s")
    event.seen = 100
    assert holds(linearizable, [event], [written, read(5, 11, 12)])
    assert holds(linearizable, [event], [written, read(4, 9, 12)]), "it began before the answer"
    assert not holds(linearizable, [event], [written, read(4, 11, 12)])
    assert not holds(linearizable, [event], [read(5, 1, 2), read(4, 3, 4)]), "seen once, not seen later"
    assert holds(linearizable, [event], [read(5, 1, 2), read(4, 3, 4, path="/rev?consistency=stale")])


def test_what_another_hand_has_put_binds_nobody_but_what_was_written_before_it_does() -> None:
    """It is in no journal: a replica is asked for all that was written through services."""
    ours, foreign = told(5, "service-register", "s"), told(7, "service-register", "zzz")
    foreign.type = "unknown"
    assert holds(linearizable, [ours, foreign], [read(7, 100, 101), read(5, 102, 103)])
    assert not holds(linearizable, [ours, foreign], [read(7, 100, 101), read(4, 102, 103)])
    assert holds(linearizable, [ours, foreign], [read(6, 100, 101), read(5, 102, 103)]), "it made 6 readable"
    both = told(7, "service-register", "t", index=1)
    assert not holds(linearizable, [ours, foreign, both], [read(7, 100, 101), read(5, 102, 103)])
    assert not holds(linearizable, [ours, both], [read(6, 100, 101), read(5, 102, 103)])


def test_a_commit_comes_after_all_that_was_known_when_it_was_asked_for() -> None:
    event = told(5, "service-register", "s")
    unknown = write(5, start=20, end=NEVER, outcome=Outcome.UNKNOWN, status=0, rev=None)
    assert holds(linearizable, [event], [read(4, 1, 2), unknown])
    assert not holds(linearizable, [event], [read(5, 1, 2), unknown]), "it was there before it was asked for"


def test_an_event_that_was_told_is_there_to_read() -> None:
    event = told(5, "service-register", "s")
    event.seen = 10
    assert not holds(linearizable, [event], [read(4, 11, 12)])


def test_an_answer_shows_what_is_there() -> None:
    shown = write(1, answer=MADE.object)
    assert holds(answers, [MADE], [shown])
    assert not holds(answers, [MADE], [write(1, answer=MADE.object.replace(b'"s"', b'"t"'))])
    assert not holds(answers, [], [shown])


def test_a_refusal_is_true_at_its_rev() -> None:
    def refused(rev: int, status: int, code: str) -> Any:
        return write(rev, status=status, outcome=Outcome.REFUSED, answer=json.dumps({"code": code}).encode())

    history = [MADE, GONE]
    assert holds(answers, history, [refused(1, 409, "already-exists")])
    assert not holds(answers, history, [refused(2, 409, "already-exists")])
    assert holds(answers, history, [refused(2, 404, "not-found")])
    assert not holds(answers, history, [refused(1, 404, "not-found")])
    assert not holds(answers, history, [refused(1, 500, "internal-error")])


def test_a_conditional_write_is_made_at_its_rev_only() -> None:
    app = ("app", "c")
    history = [told(1, "app-register", "c"), told(2, "app-update", "c"), told(3, "app-update", "c")]
    assert holds(conditions, history, [write(3, "count", app, if_match=2)])
    assert not holds(conditions, history, [write(3, "count", app, if_match=1)])


def test_a_read_shows_its_snapshot() -> None:
    history = [MADE, GONE]
    one = read(1, 0, 1, "one", S, path="/services/s?rev=1", answer=MADE.object)
    assert holds(snapshots, history, [one])
    assert not holds(snapshots, history, [read(2, 0, 1, "one", S, path="/services/s", answer=MADE.object)])
    missing = {"status": 404, "outcome": Outcome.REFUSED}
    assert holds(snapshots, history, [read(2, 0, 1, "one", S, path="/services/s", **missing)])
    assert not holds(snapshots, history, [read(1, 0, 1, "one", S, path="/services/s", **missing)])
    changed = read(1, 5, 6, "one", S, path="/services/s?rev=1", answer=b'{"rev":1}')
    assert heard(snapshots, history, [one, changed]).violations == 2, "the replay and the first read speak"


def test_a_list_shows_its_snapshot() -> None:
    body = b'{"rev":1,"items":[%b],"next":null}' % MADE.object
    asked: dict[str, Any] = {"op": "list", "about": ("list", "service"), "path": "/services?limit=10"}
    assert holds(snapshots, [MADE, GONE], [read(1, 0, 1, **asked, answer=body)])
    assert not holds(
        snapshots, [MADE, GONE], [read(2, 0, 1, **asked, answer=body.replace(b'"rev":1,"i', b'"rev":2,"i'))]
    )


def test_replicas_say_the_same() -> None:
    assert holds(replicas, pages=[{"/apps?rev=1": b"200 {}"}, {"/apps?rev=1": b"200 {}"}])
    assert not holds(replicas, pages=[{"/apps?rev=1": b"200 {}"}, {"/apps?rev=1": b"410 {}"}])


def test_ids_ascend_and_ports_are_held_once() -> None:
    assert holds(unique, [instance(1, "register", 1, "pending"), instance(2, "register", 2, "pending")])
    assert not holds(unique, [instance(1, "register", 2, "pending"), instance(2, "register", 1, "pending")])
    assert not holds(unique, [instance(1, "register", 1, "pending"), instance(2, "register", 1, "pending")])
    first, second = (told(n, "proc-register", "a", f"p{n}", port=8000) for n in (1, 3))
    gone = told(2, "proc-unregister", "a", "p1", port=8000)
    assert not holds(unique, [first, second])
    assert holds(unique, [first, gone, second])


def test_a_scale_of_several_commits_may_find_its_last_one_done() -> None:
    """From 111 to 9: it takes away 100, another the last two; so it answers a rev that is not its own."""
    made = [instance(id, "register", id, "pending") for id in range(1, 112)]
    gone = [instance(112, "unregister", id, "pending", index=id - 1) for id in range(1, 101)]
    others = [instance(113, "unregister", id, "pending", index=id - 101) for id in (101, 102)]
    said = {"rev": 113, "previous": 111, "count": 9, "started": [], "stopped": list(range(1, 101))}

    def scaled(**more: Any) -> Any:
        body = {"revision": "r", "env": None, "count": 9}
        answer = json.dumps(said | more).encode()
        about = ("proctype", "base", "web")
        return write(113, "scale", about, body=body, answer=answer, method="PUT", actor="a-112")

    asked = [write(rev, outcome=Outcome.UNKNOWN) for rev in [*range(1, 112), 113]]
    for judge in (scale, acknowledged):
        assert not heard(judge, [*made, *gone, *others], [*asked, scaled()]).violations
    few = {"stopped": list(range(1, 100))}
    assert not holds(scale, [*made, *gone, *others], [scaled(**few)]), "one that it took away is not named"


def test_a_scale_leaves_as_many_as_were_asked_for() -> None:
    def scaled(rev: int, previous: int, count: int, started: list[int], asked: int) -> Any:
        said = {"rev": rev, "previous": previous, "count": count, "started": started, "stopped": []}
        body = {"revision": "r", "env": None, "count": asked}
        about = ("proctype", "base", "web")
        return write(rev, "scale", about, body=body, answer=json.dumps(said).encode(), method="PUT")

    history = [instance(1, "register", 1, "pending"), instance(2, "register", 2, "pending")]
    assert holds(scale, history, [scaled(2, 1, 2, [2], 2)])
    assert not holds(scale, history, [scaled(2, 1, 3, [2], 3)])
    assert not holds(scale, history, [scaled(2, 1, 2, [], 2)]), "it does not say what it started"
    assert not holds(scale, history, [scaled(2, 0, 2, [2], 2)]), "there was one before"


def test_a_token_speaks_for_its_own_claim() -> None:
    history = [
        instance(1, "register", 1, "pending"),
        instance(2, "claim", 1, "claimed", host="h", claim_rev=2),
        instance(3, "start", 1, "running", host="h", claim_rev=2),
    ]
    key = ("instance", "1")
    assert holds(fencing, history, [write(3, "start", key, body={"host": "h", "claim_rev": 2})])
    assert not holds(fencing, history, [write(3, "start", key, body={"host": "h", "claim_rev": 1})])
    assert not holds(fencing, history, [write(3, "start", key, body={"host": "g", "claim_rev": 2})])
    second = instance(4, "claim", 1, "claimed", host="g", claim_rev=4)
    assert not holds(fencing, [*history, second]), "claimed while it runs"


def test_the_oldest_ticket_goes_first() -> None:
    history = [
        instance(1, "register", 1, "pending"),
        instance(2, "register", 2, "pending"),
        instance(3, "claim", 2, "claimed", host="h", claim_rev=3),
    ]
    asked: dict[str, Any] = {"op": "claim-next", "about": None, "body": {"host": "h"}}
    assert not holds(fencing, history, [write(3, answer=b'{"id":2,"rev":3}', **asked)])
    assert not holds(fencing, history, [write(2, status=204, answer=b"", **asked)]), "there was one"
    oldest = [*history[:2], instance(3, "claim", 1, "claimed", host="h", claim_rev=3)]
    assert holds(fencing, oldest, [write(3, answer=b'{"id":1,"rev":3}', **asked)])


def test_the_rev_does_not_go_back_on_one_connection() -> None:
    assert holds(forward, calls=[read(1, 1, 2), read(1, 3, 4), read(2, 5, 6)])
    assert not holds(forward, calls=[read(2, 1, 2), read(1, 3, 4)])
    assert holds(forward, calls=[read(2, 1, 2), read(1, 3, 4, connection=2)])
    away = read(1, 3, 4, status=503, outcome=Outcome.REFUSED)
    assert holds(forward, calls=[read(2, 1, 2), away]), "it does not hold yet what etcd has said of a write"
    assert not holds(forward, calls=[read(2, 1, 2), away, read(1, 5, 6)])
    assert not holds(
        forward, [told(1, "app-register", "a", updated_at="2"), told(2, "app-update", "a", updated_at="1")]
    )


def test_a_member_stays_as_long_as_it_renews() -> None:
    second = 10**9
    key = ("member", "m")

    def put(rev: int, start: int) -> Any:
        return write(rev, "member", key, method="PUT", body={"version": "1", "ttl": 2}, start=start * second)

    came, went = told(1, "member-register", "m"), told(5, "member-unregister", "m")
    went.seen = 4 * second
    assert holds(members, [came, went], [put(1, 0), put(1, 1)])
    assert not holds(members, [came, went], [put(1, 0), put(4, 3)]), "renewed a second before"
    last = write(2, start=200 * second)
    assert not holds(members, [came], [put(1, 0), last]), "it never goes"


def test_a_lease_that_ends_after_the_last_write_of_a_run_is_missed_by_nobody() -> None:
    """The lists that are read then are of the last write's rev, however long that takes a busy machine."""
    second = 10**9
    put = write(1, "member", ("member", "m"), method="PUT", body={"version": "1", "ttl": 1}, start=0)
    later = read(2, 90 * second, 91 * second)
    assert holds(members, [told(1, "member-register", "m")], [put, write(2, start=second), later])


def test_races_are_judged_without_believing_in_revs() -> None:
    name = ("service", "race0-1")

    def create(start: int, end: int, status: int) -> Any:
        outcome = {201: Outcome.OK, 0: Outcome.UNKNOWN}.get(status, Outcome.REFUSED)
        return write(1, "create", name, start=start, end=end, status=status, outcome=outcome)

    def look(start: int, end: int, status: int) -> Any:
        return read(1, start, end, "one", name, status=status, path="/services/race0-1")

    assert holds(racing, calls=[create(1, 5, 201), create(2, 6, 409)])
    assert not holds(racing, calls=[create(1, 5, 201), create(2, 6, 201)])
    assert not holds(racing, calls=[create(1, 2, 409), create(3, 4, 201)]), "there when it was not"
    assert holds(racing, calls=[create(1, NEVER, 0), look(5, 6, 404), look(7, 8, 200)]), "it came late"
    assert holds(racing, calls=[create(1, NEVER, 0), look(5, 6, 404)]), "or never"
    assert not holds(racing, calls=[create(1, NEVER, 0), look(5, 6, 200), look(7, 8, 404)])


def test_a_race_that_takes_too_long_to_judge_is_undecided() -> None:
    never = [racing.Step(n, 1000 + n, lambda s: [s + 1], False) for n in range(20)]  # type: ignore[operator]
    last = racing.Step(2000, 2001, lambda s: [], False)
    assert racing.linearizable([*never, last], 0, limit=1000) is None


CALLS = st.tuples(st.sampled_from(["claim a", "claim b", "free a", "look", "refused"]), st.booleans())


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(CALLS, st.integers(0, 9), st.integers(1, 4), st.sampled_from(["", "a", "b"])), max_size=5
    )
)
def test_orders_that_are_passed_over_would_have_said_nothing_else(
    calls: list[tuple[tuple[str, bool], int, int, str]],
) -> None:
    """Against every order of every choice of those without an answer."""
    steps = [_on_a_ticket(*kind, start, start + length, shown) for kind, start, length, shown in calls]
    assert racing.linearizable(steps, "") == _by_all_orders(steps)


def _on_a_ticket(what: str, is_open: bool, start: int, end: int, shown: str) -> racing.Step:
    """A call on what is held by "a", by "b" or by nobody: ""."""

    def apply(holder: Any) -> list[Any]:
        match what.split():
            case ["claim", host]:
                after = [host] if holder == "" else []
            case ["free", host]:
                after = [""] if holder == host else []
            case ["look"]:
                after = [holder] if is_open or holder == shown else []
            case _:
                after = [holder] if holder else []
        return after or ([holder] if is_open else [])

    return racing.Step(start, NEVER if is_open else end, apply, is_open)


def _by_all_orders(steps: list[racing.Step]) -> bool:
    answered = [step for step in steps if not step.open]
    left = [step for step in steps if step.open]
    return any(
        _leads_on(order, "")
        for count in range(len(left) + 1)
        for some in itertools.combinations(left, count)
        for order in itertools.permutations([*answered, *some])
        if all(b.end >= a.start for n, a in enumerate(order) for b in order[n + 1 :])
    )


def _leads_on(order: Sequence[racing.Step], state: Any) -> bool:
    for step in order:
        states = step.apply(state)
        if not states:
            return False
        [state] = states
    return True


def test_a_ticket_that_many_wanted_while_nothing_was_answered_is_decided() -> None:
    """As on a machine that is late: of each three calls two were never answered."""
    steps = []
    for n in range(40):
        host = "ab"[n % 2]
        steps += [
            _on_a_ticket(f"claim {'ba'[n % 2]}", True, 30 * n, 0, ""),
            _on_a_ticket(f"claim {host}", False, 30 * n + 1, 30 * n + 10, ""),
            _on_a_ticket("look", True, 30 * n + 2, 0, ""),
            _on_a_ticket("refused", False, 30 * n + 3, 30 * n + 20, ""),
            _on_a_ticket(f"free {host}", False, 30 * n + 12, 30 * n + 25, ""),
        ]
    assert racing.linearizable(steps, "") is True
