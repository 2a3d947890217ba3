"""Writing: one rev a commit, all of it or nothing, nobody's write lost, refusals, the clock, closing."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from contract_stores import DURABLE, EMBEDDED, SHARED, build
from contract_words import ORIGIN, delete, increment, plain, put, puts, value_of, word_of, write

from app.errors import AlreadyExists, BodyTooLarge, CoordinatorUnavailable, TooManyChanges
from app.store.contract import MAX_BYTES, MAX_CHANGES, MAX_VALUE, Changes
from app.store.records import Origin
from app.store.snapshots import scan


async def test_every_commit_has_the_next_rev(store):
    outcomes = await write(store, put("a/1", "x"), puts(**{"a/2": "y", "a/3": "z"}), delete("a/1"))
    assert [o.rev for o in outcomes] == [1, 2, 3]
    assert all(o.committed for o in outcomes)
    assert store.rev == 3


async def test_an_outcome_has_the_record_that_answers(store):
    [first, second] = await write(store, put("a/1", "x"), put("a/1", "y"))
    assert (first.record.created_rev, first.record.rev) == (1, 1)
    assert (second.record.created_rev, second.record.rev, word_of(second.record)) == (1, 2, "y")


async def test_a_key_that_comes_back_is_created_anew(store):
    await write(store, put("a/1", "x"), delete("a/1"), put("a/1", "z"))
    record = (await store.latest()).get("a/1")
    assert (record.created_rev, record.rev) == (3, 3)


async def test_a_commit_keeps_who_what_why_and_the_trace(make):
    """Also when it is read from the archive, and by the next process."""
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    origins = [
        Origin("anna", "PUT /a", 'größer: 日本 🚀, "%" and \\', trace),
        Origin("anna", "PUT /a", "why", None),
        Origin("anna", "PUT /a", None, trace),
        Origin("anna", "PUT /a"),
    ]
    store = await make()
    for number, origin in enumerate(origins):
        await store.transact(put("a/1", f"{number}"), origin)
    if make.durable:
        await store.close()
        store = await make()
    assert [Origin(*commit.journal[1:]) for commit in await store.commits(0, 10)] == origins
    assert [Origin(*(await store.journal_at(rev))[1:]) for rev in range(1, 5)] == origins


async def test_nothing_to_change_makes_no_commit(store):
    await write(store, put("a/1", "x"))
    [outcome] = await write(store, lambda snapshot, at: Changes(answer="a/1"))
    assert not outcome.committed
    assert (outcome.rev, word_of(outcome.record)) == (1, "x")
    assert store.rev == 1


async def test_a_refusal_changes_nothing_and_knows_its_rev(store):
    await write(store, put("a/1", "x"))

    def refuse(snapshot, at):
        raise AlreadyExists("a/1 exists.")

    with pytest.raises(AlreadyExists) as refused:
        await write(store, refuse)
    assert refused.value.rev == 1
    assert store.rev == 1


async def test_what_a_rule_raises_harms_no_other_in_its_group(store):
    def broken(snapshot, at):
        raise ZeroDivisionError

    rules = [put("a/1", "x"), broken, put("a/2", "y")]
    ends = await asyncio.gather(*(store.transact(r, ORIGIN) for r in rules), return_exceptions=True)
    assert isinstance(ends[1], ZeroDivisionError)
    assert {ends[0].rev, ends[2].rev} == {1, 2}


@pytest.mark.parametrize("make", EMBEDDED, indirect=True)
async def test_a_value_that_the_index_cannot_take_leaves_nothing_behind(store):
    """The failing commit's first keys must not slip into the commit of the next in its group."""

    def half(snapshot, at):
        return Changes(puts={"a/1": value_of("x"), "a/2": b"no json"}, deletes={"a/0"})

    await write(store, put("a/0", "x"))
    rules = [half, lambda s, at: Changes(puts={"seen": value_of(f"{len(scan(s, 'a/'))}")}), put("a/9", "y")]
    ends = await asyncio.gather(*(store.transact(r, ORIGIN) for r in rules), return_exceptions=True)
    assert isinstance(ends[0], ValueError)
    assert [r.key for r in scan((await store.latest()), "a/")] == ["a/0", "a/9"]
    assert word_of((await store.latest()).get("seen")) == "1"


@pytest.mark.parametrize("make", EMBEDDED, indirect=True)
async def test_a_rule_sees_those_before_it_in_its_group(store):
    ends = await asyncio.gather(*(store.transact(increment("a/n"), ORIGIN) for _ in range(50)))
    assert sorted(int(word_of(o.record)) for o in ends) == list(range(1, 51))
    assert [o.rev for o in ends] == list(range(1, 51))


@pytest.mark.parametrize("make", EMBEDDED, indirect=True)
async def test_a_rule_reads_its_group_as_everybody_will(store):
    def reading(snapshot):
        return (
            [plain(snapshot.get(f"a/{n}")) for n in range(6)],
            *([plain(r) for r in scan(snapshot, term)] for term in ("a/", "a/?letter=x", "b/")),
            *([plain(r) for r in scan(snapshot, "a/", after=f"a/{n}", limit=2)] for n in range(6)),
            *([plain(r) for r in scan(snapshot, "a/", after="a/2", limit=n, reverse=True)] for n in range(6)),
            [snapshot.count(term) for term in ("a/", "a/?letter=x", "b/")],
        )

    seen = []

    def look(snapshot, at):
        seen.append((snapshot.rev, reading(snapshot)))
        return Changes()

    await write(store, puts(**{f"a/{n}": "x" for n in range(4)}), put("b/1", "x"))
    group = [look, delete("a/1"), look, puts(**{"a/3": "y", "a/5": "x", "a/1": "z"}), look]
    group += [delete(prefixes=["b/"]), put("a/0", "xx"), look]
    await asyncio.gather(*(store.transact(rule, ORIGIN) for rule in group))
    assert [rev for rev, _ in seen] == [2, 3, 4, 6]
    for rev, read in seen:
        assert read == reading(await store.at(rev)), rev


async def test_concurrent_increments_lose_none(store):
    async def client():
        for _ in range(25):
            await store.transact(increment("a/n"), ORIGIN)

    await asyncio.gather(*(client() for _ in range(8)))
    assert word_of((await store.latest()).get("a/n")) == "200"
    assert store.rev == 200


async def test_of_racing_creates_one_wins(store):
    def create(snapshot, at):
        if snapshot.get("a/1"):
            raise AlreadyExists("taken")
        return Changes(puts={"a/1": value_of("x")})

    ends = await asyncio.gather(*(store.transact(create, ORIGIN) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(e, AlreadyExists) for e in ends) == 19
    assert {e.rev for e in ends if isinstance(e, AlreadyExists)} == {1}


async def test_a_prefix_is_deleted_in_one_commit(store):
    await write(store, puts(**{"a/1": "x", "a/2/3": "y", "a0": "z", "b/1": "w"}))
    [outcome] = await write(store, delete(prefixes=["a/"]))
    [commit] = await store.commits(1, 10)
    assert [(c.key, c.after) for c in commit.changes] == [("a/1", None), ("a/2/3", None)]
    assert outcome.rev == 2
    assert [(await store.latest()).get(k) is None for k in ("a/1", "a/2/3", "a0", "b/1")] == [
        True,
        True,
        False,
        False,
    ]


async def test_a_put_below_a_deleted_prefix_stays(store):
    await write(store, puts(**{"a/1": "x", "a/2": "y"}))
    await write(store, lambda s, at: Changes(puts={"a/2": value_of("z")}, prefixes={"a/"}))
    assert [(r.key, r.created_rev, r.rev) for r in scan((await store.latest()), "a/")] == [("a/2", 1, 2)]


async def test_deleting_what_is_not_there_is_a_commit_without_changes(store):
    [outcome] = await write(store, delete("a/none"))
    [commit] = await store.commits(0, 10)
    assert (outcome.rev, commit.changes) == (1, ())


async def test_limits_that_every_coordinator_can_keep(store):
    for rule, error in (
        (puts(**{f"a/{n}": "x" for n in range(MAX_CHANGES + 1)}), TooManyChanges),
        (puts(**{f"a/{n}": "x" * (MAX_BYTES // 2) for n in range(2)}), TooManyChanges),
        (lambda s, at: Changes(puts={"a/1": b""}), ValueError),
        (put("a/1", "x" * MAX_VALUE), BodyTooLarge),
    ):
        with pytest.raises(error):
            await write(store, rule)
    assert store.rev == 0
    await write(
        store, puts(**{f"a/{n}": "x" for n in range(MAX_CHANGES)}), put("a/1", "x" * (MAX_VALUE - 20))
    )
    assert store.rev == 2


async def test_time_never_goes_back(make):
    start = datetime(2030, 1, 1, 12, tzinfo=UTC)
    ticks = iter([start, start - timedelta(hours=1), start + timedelta(microseconds=1)])
    store = await make(clock=lambda: next(ticks))
    seen = []
    rule = put("a/1", "x")
    for _ in range(3):
        await store.transact(lambda s, at: (seen.append(at), rule(s, at))[1], ORIGIN)
    wanted = [start, start, start + timedelta(microseconds=1)]
    assert seen == wanted
    assert [c.journal.at for c in await store.commits(0, 10)] == wanted


async def test_that_times_are_ahead_of_the_clock_is_told(make, caplog):
    """A clock that jumped forward and was set back: commits' times stand still until it has caught up."""
    real = datetime.now(UTC) + timedelta(hours=1)
    now = real
    store = await make(clock=lambda: now)
    await write(store, put("a/1", "x"))
    assert store.statistics()["clock_ahead_seconds"] == 0
    now = real + timedelta(days=1)
    await write(store, put("a/1", "y"))
    now = real
    assert store.statistics()["clock_ahead_seconds"] == 86_400
    await write(store, put("a/1", "z"), put("a/1", "x"))
    assert [line for line in caplog.messages if "clock" in line] == [
        line for line in caplog.messages if "86400.0 s ahead of this clock" in line
    ]
    now = real + timedelta(days=2)
    await write(store, put("a/1", "y"))
    assert len([line for line in caplog.messages if "clock" in line]) == 2, "when it begins and when it ends"
    assert store.statistics()["clock_ahead_seconds"] == 0


@pytest.mark.parametrize("make", [*DURABLE, *SHARED], indirect=True)
async def test_time_does_not_go_back_over_a_restart(make):
    late = datetime(2050, 1, 1, tzinfo=UTC)
    store = await make(clock=lambda: late)
    await write(store, put("a/1", "x"))
    await store.close()
    store = await make()
    await write(store, put("a/1", "y"))
    assert (await store.journal_at(2)).at == late


async def test_the_journal_says_who_when_and_by_what(store):
    before = datetime.now(UTC)
    await write(store, put("a/1", "x"))
    journal = await store.journal_at(1)
    assert (journal.actor, journal.request) == (ORIGIN.actor, ORIGIN.request)
    assert before <= journal.at <= datetime.now(UTC)


async def test_a_caller_that_goes_away_takes_back_nothing(store):
    task = asyncio.create_task(store.transact(put("a/1", "x"), ORIGIN))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await write(store, put("a/2", "y"))
    assert [r.key for r in scan((await store.latest()), "a/")] == ["a/1", "a/2"]


async def test_closing_finishes_what_was_accepted_and_refuses_the_rest(store):
    accepted = [asyncio.create_task(store.transact(increment("a/n"), ORIGIN)) for _ in range(30)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    with pytest.raises(CoordinatorUnavailable) as refused:
        await store.transact(put("a/late", "x"), ORIGIN)
    assert "outcome" not in refused.value.members
    assert sorted(o.rev for o in await asyncio.gather(*accepted)) == list(range(1, 31))
    await closing
    await store.close()


async def test_a_store_that_is_not_open_refuses(make):
    store = build(make.kind, make.place)
    assert not store.health().ready
    with pytest.raises(CoordinatorUnavailable):
        await write(store, put("a/1", "x"))
    await store.close()


async def test_statistics_are_figures(store):
    await write(store, put("a/1", "x"), put("a/1", "y"))
    figures = store.statistics()
    assert all(isinstance(value, int | float) for value in figures.values())
    assert (figures["rev"], figures["oldest_rev"], figures["ready"], figures["commits_total"]) == (
        2,
        0,
        1.0,
        2,
    )
    assert store.health().ready
