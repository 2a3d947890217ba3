"""Many commits in one transaction of etcd's: each has a rev, a journal and a state of its own, wherever it
is read."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from contract_stores import SHARED, Maker, begin, build, place_of
from contract_words import ORIGIN, Transaction, increment, picture, plain, put, puts, value_of, word_of, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import AlreadyExists, CoordinatorUnavailable, RevMismatch
from app.store.contract import Changes, Rule, Snapshot, Store
from app.store.etcd import writer
from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import Ambiguous
from app.store.etcd.client.revisions import EtcdRevision
from app.store.etcd.client.watch import Watch
from app.store.etcd.revs import revision_of
from app.store.records import Origin
from app.store.snapshots import ask, scan

EXAMPLES = int(os.environ.get("VISOR_GROUP_EXAMPLES", "6"))
LARGE = int(os.environ.get("VISOR_LARGE_GROUPS", "1"))
"""How many runs of groups of up to 120 writes."""

pytestmark = pytest.mark.parametrize("make", SHARED, indirect=True)


async def at_once(store: Store, rules: list[Rule], other: Store | None = None) -> list[Any]:
    """Ask for all in one turn of the loop: the first goes out alone, the others make the next groups. Each
    third goes through the other replica, where there is one."""
    stores = (store, store, other or store)
    writes = (
        stores[n % 3].transact(rule, Origin(f"actor {n}", f"TEST /{n}")) for n, rule in enumerate(rules)
    )
    return await asyncio.gather(*writes, return_exceptions=True)


def groups_of(store: Any) -> list[int]:
    """How many commits each revision of etcd's has."""
    return list(Counter(map(revision_of, store._numbering._revs)).values())


@pytest.fixture
def long_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group is as large as what waits, on a slow machine too: else it ends with its turn of the loop."""
    monkeypatch.setattr(writer, "TURN", 60.0)


def held_watch(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Have what the watches bring wait for the event, which is set."""
    take, let = Watch.take, asyncio.Event()
    let.set()

    async def held(self: Watch) -> Any:
        taken = await take(self)
        await let.wait()
        return taken

    monkeypatch.setattr(Watch, "take", held)
    return let


def append(key: str, word: str) -> Rule:
    def rule(snapshot, at):
        return Changes(puts={key: value_of((word_of(snapshot.get(key)) or "") + word)}, answer=key)

    return rule


def copy_revs(key: str) -> Rule:
    """It needs to know the rev of the commit before, which may be one of its group."""

    def rule(snapshot, at):
        before = snapshot.get(key)
        said = f"{before.rev - before.created_rev}" if before else "0"
        return Changes(puts={f"{key}-copy": value_of(said)}, answer=f"{key}-copy")

    return rule


def create(key: str) -> Rule:
    def rule(snapshot, at):
        if snapshot.get(key):
            raise AlreadyExists("taken")
        return Changes(puts={key: value_of("x")}, answer=key)

    return rule


def count_into(key: str, term: str) -> Rule:
    return lambda snapshot, at: Changes(puts={key: value_of(f"x{len(scan(snapshot, term))}")}, answer=key)


KEYS = ["a/1", "a/2", "a/é", "b/1", "b/2/x"]
keys = st.sampled_from(KEYS)
words = st.sampled_from(["x", "xx", "y", "z"])
rules = st.one_of(
    st.builds(append, keys, words),
    st.builds(create, keys),
    st.builds(count_into, keys, st.sampled_from(["a/", "b/", "a/?letter=x"])),
    st.builds(
        lambda **given: Transaction(**given).rule(),
        puts=st.dictionaries(keys, words, max_size=3),
        deletes=st.sets(keys, max_size=2),
        prefixes=st.one_of(st.just(set()), st.just(set()), st.just({"a/"})),
    ),
)


def test_random_groups_are_what_the_same_rules_make_one_after_the_other_in_memory(
    request: pytest.FixtureRequest, make: Maker, tmp_path
) -> None:
    """In memory, from the archive, at another replica, and after a restart: the same bytes."""
    kind = make.kind
    count = iter(range(1000))

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(groups=st.lists(st.lists(rules, min_size=1, max_size=12), min_size=1, max_size=4))
    def run(groups: list[list[Rule]]) -> None:
        asyncio.run(compare(kind, place_of(kind, tmp_path / f"{next(count)}", request), groups))

    run()


def rule_by(chance: random.Random) -> Rule:
    key, other, word = chance.choice(KEYS), chance.choice(KEYS), chance.choice(["x", "xx", "y", "z"])
    kinds: list[Callable[[], Rule]] = [
        lambda: append(key, word),
        lambda: copy_revs(key),
        lambda: create(key),
        lambda: count_into(key, chance.choice(["a/", "b/", "a/?letter=x"])),
        lambda: Transaction(puts={key: word}, deletes={other} - {key}).rule(),
        lambda: put(f"a/{chance.randrange(200)}", word),
    ]
    return chance.choices(kinds, weights=[8, 1, 2, 2, 4, 8])[0]()


@pytest.mark.usefixtures("long_turns")
@pytest.mark.parametrize("seed", range(LARGE))
async def test_groups_of_up_to_120_land_as_the_same_writes_one_by_one(
    request: pytest.FixtureRequest, make: Maker, tmp_path, seed: int
) -> None:
    """Through two replicas at once, in whatever order they land. `VISOR_LARGE_GROUPS` is how many runs."""
    chance = random.Random(f"{seed} {make.kind}")
    # Each rev is read from etcd where the window is small, which takes its time.
    most = 120 if LARGE > 1 or "small" not in make.kind else 30
    groups = [[rule_by(chance) for _ in range(size)] for size in (chance.randint(1, most // 4), most)]
    await compare(make.kind, place_of(make.kind, tmp_path / "large", request), groups, through_both=True)


async def compare(kind: str, place: Any, groups: list[list[Rule]], *, through_both: bool = False) -> None:
    """`through_both`: each third write goes through another replica."""
    await begin(kind, place)
    store, other, memory = build(kind, place), build("etcd-small-window", place), build("memory", place)
    for each in (store, other, memory):
        await each.open()
    try:
        landed: dict[int, tuple[Rule, Origin]] = {}
        for rules in groups:
            ends = await at_once(store, rules, other if through_both else store)
            for number, (rule, end) in enumerate(zip(rules, ends, strict=True)):
                assert not isinstance(end, Exception) or isinstance(end, AlreadyExists), end
                if not isinstance(end, Exception) and end.committed:
                    assert end.rev not in landed
                    landed[end.rev] = (rule, Origin(f"actor {number}", f"TEST /{number}"))
                    answer = end.changes.answer
                    if answer is not None:
                        assert plain(end.record) == plain(await read(store, end.rev, answer))
        for rule, origin in (landed[rev] for rev in sorted(landed)):
            await memory.transact(rule, origin)
        wanted = timeless(await picture(memory))
        assert timeless(await picture_in_thread(store)) == wanted
        await other.latest()
        assert timeless(await picture_in_thread(other)) == wanted
        await store.close()
        store = build(kind, place)
        await store.open()
        assert timeless(await picture_in_thread(store)) == wanted
    finally:
        for each in (store, other, memory):
            await each.close()


async def read(store: Store, rev: int, key: str) -> Any:
    return await ask(await store.at(rev), lambda snapshot: snapshot.get(key))


async def picture_in_thread(store: Store) -> dict[int, Any]:
    """As `picture`, of a store whose snapshots wait for etcd: some of its revs at once."""
    some = asyncio.Semaphore(16)

    def lists(snapshot: Snapshot) -> list[Any]:
        return [[plain(r) for r in scan(snapshot, t)] for t in ("a/", "b/", "?")]

    async def one(rev: int) -> Any:
        async with some:
            return (
                await ask(await store.at(rev), lists),
                [plain_of(c) for c in await store.commits(rev, 1)],
                await store.journal_at(rev),
            )

    revs = range(store.oldest_rev, store.rev + 1)
    return dict(zip(revs, await asyncio.gather(*map(one, revs)), strict=True))


def plain_of(commit: Any) -> Any:
    changes = tuple((c.key, plain(c.before), plain(c.after)) for c in commit.changes)
    return (commit.rev, commit.journal, changes)


def timeless(shown: dict[int, Any]) -> dict[int, Any]:
    """Without the times of the commits, which are those of another run."""

    def who(journal: Any) -> Any:
        return None if journal is None else (journal.actor, journal.request)

    return {
        rev: (lists, [(n, who(journal), changes) for n, journal, changes in commits], who(journal))
        for rev, (lists, commits, journal) in shown.items()
    }


@pytest.mark.usefixtures("long_turns")
async def test_writes_that_wait_go_in_one_transaction_and_each_has_its_rev(store) -> None:
    ends = await at_once(store, [put(f"a/{n}", "x") for n in range(50)])
    assert [end.rev for end in ends] == list(range(1, 51))
    assert len(groups_of(store)) < 25


@pytest.mark.usefixtures("long_turns")
async def test_a_hot_key_is_written_once_and_each_rev_reads_its_own_value(make) -> None:
    store = await make()
    ends = await at_once(store, [append("a/hot", "x") for _ in range(40)])
    assert len(groups_of(store)) < 20, "they share transactions"
    for end in ends:
        record = await read(store, end.rev, "a/hot")
        assert plain(record) == plain(end.record)
        assert word_of(record) == "x" * end.rev
        [commit] = await store.commits(end.rev - 1, 1)
        [change] = commit.changes
        assert (word_of(change.before) or "") + "x" == word_of(change.after)
        assert commit.journal.actor == f"actor {end.rev - 1}"


async def test_a_rule_that_needs_the_rev_of_a_commit_of_its_group_is_told_it(store) -> None:
    """As `If-Match` does: it heads the next group."""
    chain = [rule for n in range(10) for rule in (append("a/1", "x"), copy_revs("a/1"))]
    ends = await at_once(store, chain)
    assert not [end for end in ends if isinstance(end, Exception)]
    for end in ends[1::2]:
        seen = await read(store, end.rev - 1, "a/1")
        said = await read(store, end.rev, "a/1-copy")
        # Said in revs of etcd's, whose differences are no smaller than those of the numbers here.
        assert (word_of(said) == "0") == (seen.rev == seen.created_rev)


def append_if(key: str, rev: int, word: str) -> Rule:
    """As a call with `If-Match` does."""

    def rule(snapshot, at):
        record = snapshot.get(key)
        if record.rev != rev:
            raise RevMismatch("it has changed", seen=record.rev)
        return append(key, word)(snapshot, at)

    return rule


@pytest.mark.usefixtures("long_turns")
async def test_of_a_chain_over_one_key_a_condition_holds_for_the_first_write_and_for_none_after_it(
    store,
) -> None:
    """All come at once, and each condition names the rev that all have seen. Those who are refused are told
    the rev of the write before them, also where that was made in the group that they came with."""
    [seen] = await write(store, put("a/1", "x"))
    rules = [append_if("a/1", seen.rev, "y") if n in (0, 1, 4) else append("a/1", f"{n}") for n in range(6)]
    ends = await at_once(store, [put("a/0", "before"), *rules])
    made = {n: end.rev for n, end in enumerate(ends[1:]) if not isinstance(end, Exception)}
    refused = {n: end for n, end in enumerate(ends[1:]) if isinstance(end, RevMismatch)}
    assert (sorted(made), sorted(refused)) == ([0, 2, 3, 5], [1, 4])
    assert word_of((await store.latest()).get("a/1")) == "xy235"
    for n, rev in made.items():
        assert word_of(await read(store, rev, "a/1")) == "xy235"[: 2 + sorted(made).index(n)]
    for error in refused.values():
        told = error.members["seen"]
        assert told in made.values()
        assert (await read(store, told, "a/1")).rev == told <= error.rev


async def test_a_key_that_the_group_deletes_and_makes_again_is_created_anew(store) -> None:
    await write(store, put("a/1", "x"))
    rules: list[Rule] = [
        put("a/0", "x"),
        lambda s, at: Changes(deletes={"a/1"}),
        put("a/1", "y"),
        lambda s, at: Changes(deletes={"a/1"}),
        put("a/2", "x"),
        lambda s, at: Changes(deletes={"a/2"}),
        put("a/2", "z"),
    ]
    ends = await at_once(store, rules)
    revs = [end.rev for end in ends]
    assert (await read(store, revs[2], "a/1")).created_rev == revs[2]
    assert (await store.latest()).get("a/1") is None
    record = (await store.latest()).get("a/2")
    assert (record.created_rev, record.rev, word_of(record)) == (revs[6], revs[6], "z")


def _before_sending(monkeypatch: pytest.MonkeyPatch, do: Callable[[int], Awaitable[None]]) -> None:
    """Have something happen before each transaction is sent."""
    txn, count = EtcdClient.txn, iter(range(1_000_000))

    async def sent(self: EtcdClient, *given: Any, **more: Any) -> Any:
        await do(next(count))
        return await txn(self, *given, **more)

    monkeypatch.setattr(EtcdClient, "txn", sent)


@pytest.mark.parametrize("at", ["a/1", "a/2", "a/new"])
async def test_a_write_of_another_between_the_reading_and_the_sending_is_seen(
    make, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Whichever key of the group it is: the whole group runs again."""
    store = await make()
    other = build(make.kind, make.place)
    await other.open()
    await write(store, puts(**{"a/1": "x", "a/2": "x"}))
    done = False

    async def disturb(_: int) -> None:
        nonlocal done
        if not done:
            done = True
            await other.transact(append(at, "o"), ORIGIN)

    _before_sending(monkeypatch, disturb)
    ends = await at_once(store, [append(key, "y") for key in ("a/1", "a/2", "a/new")])
    assert not [end for end in ends if isinstance(end, Exception)]
    found = {r.key: word_of(r) for r in scan((await store.latest()), "a/")}
    wanted = {"a/1": "xy", "a/2": "xy", "a/new": "y"}
    assert found == wanted | {at: wanted[at][:-1] + "oy"} or found == wanted | {at: wanted[at] + "o"}
    await other.close()


@pytest.mark.usefixtures("long_turns")
@pytest.mark.parametrize("at", ["b/read", "b/absent", "b/new"])
async def test_a_write_of_another_to_what_a_rule_of_the_group_has_only_read_is_seen(
    make, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """A key that is there or is not, or a set that was counted: whichever rule of the group has looked."""

    def copy(key: str, into: str) -> Rule:
        return lambda s, t: Changes(puts={into: value_of(word_of(s.get(key)) or "none")}, answer=into)

    store = await make()
    other = build(make.kind, make.place)
    await other.open()
    await write(store, put("b/read", "x"), put("a/0", "x"))
    done = False

    async def disturb(number: int) -> None:
        nonlocal done
        if number and not done:  # not the first write, which goes alone
            done = True
            await other.transact(append(at, "o"), ORIGIN)

    _before_sending(monkeypatch, disturb)
    rules = [append("a/0", "y"), append("a/1", "y"), copy("b/read", "a/2"), copy("b/absent", "a/3")]
    ends = await at_once(store, [*rules, count_into("a/4", "b/"), append("a/5", "y")])
    assert not [end for end in ends if isinstance(end, Exception)]
    assert done
    # Whether the foreign write is before all of the group or after it: what each rule saw is what was there.
    latest = await store.latest()
    [foreign] = [record.rev for record in scan(latest, "b/") if record.key == at]
    for end in ends[2:5]:
        seen, there = word_of(await read(store, end.rev, end.changes.answer)), end.rev > foreign
        wanted = {
            "a/2": "xo" if there and at == "b/read" else "x",
            "a/3": "o" if there and at == "b/absent" else "none",
            "a/4": "x2" if there and at != "b/read" else "x1",
        }
        assert seen == wanted[end.changes.answer]
    await other.close()


@pytest.mark.usefixtures("long_turns")
@pytest.mark.parametrize("there", [True, False])
async def test_of_a_group_whose_answer_is_lost_all_is_found_or_all_is_unknown(
    make, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    store = await make()
    txn, lost = EtcdClient.txn, []

    async def cut(self: EtcdClient, *given: Any, **more: Any) -> Any:
        if not lost and len(given[1]) > 15:
            lost.append(given)
            if there:
                await txn(self, *given, **more)
            raise Ambiguous("the answer was lost")
        return await txn(self, *given, **more)

    monkeypatch.setattr(EtcdClient, "txn", cut)
    waiting = asyncio.create_task(at_once(store, [put(f"a/{n}", "x") for n in range(20)]))
    await asyncio.sleep(0.3)
    if not there:
        # Others go on meanwhile.
        async with asyncio.timeout(60):
            await write(store, put("b/1", "beside"))
        assert not waiting.done()
    first, *group = await waiting
    assert first.rev == 1
    assert lost
    if there:
        assert [end.rev for end in group] == list(range(2, 21))
    else:
        assert all(isinstance(end, CoordinatorUnavailable) for end in group)
        assert {end.members.get("outcome") for end in group} == {"unknown"}
        assert [r.key for r in scan((await store.latest()), "a/")] == ["a/0"]
    await write(store, put("a/after", "x"))


@pytest.mark.usefixtures("long_turns")
async def test_groups_keep_to_what_etcd_takes(make, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the number of keys, of guards, and of bytes: each is used nearly whole, and what is too much for one
    group goes in the next."""
    txn, sent = EtcdClient.txn, []

    async def noted(self: EtcdClient, compares: Any, operations: Any, *given: Any, **more: Any) -> Any:
        size = sum(len(op.key) + len(getattr(op, "value", b"")) for op in operations)
        sent.append((len(operations), len(compares), size))
        return await txn(self, compares, operations, *given, **more)

    def reads(number: int) -> Rule:
        def rule(snapshot, at):
            for n in range(50):
                snapshot.get(f"c/{number}-{n}")
            return Changes(puts={f"a/r{number}": value_of("x")})

        return rule

    store = await make()
    monkeypatch.setattr(EtcdClient, "txn", noted)
    single = [put(f"d/{n}", "x") for n in range(150)]
    many = [puts(**{f"a/{n}-{m}": "x" for m in range(20)}) for n in range(20)]
    large = [put(f"b/{n}", f"{n % 10}" * 60_000) for n in range(30)]
    ends = await at_once(store, [*single, *many, *large, *(reads(n) for n in range(10))])
    assert not [end for end in ends if isinstance(end, Exception)]
    assert sorted(end.rev for end in ends) == list(range(1, 211))
    latest = await store.latest()
    assert (latest.count("a/"), latest.count("b/"), latest.count("d/")) == (410, 30, 150)
    operations, guards, size = (max(column) for column in zip(*sent, strict=True))
    assert 110 < operations <= 128
    assert 100 < guards <= 128
    assert 400 * 1024 < size <= 520 * 1024


@pytest.mark.parametrize("guards", [124, 125, 126, 300])
async def test_a_rule_may_read_more_keys_than_etcd_guards(store, guards: int) -> None:
    def rule(snapshot, at):
        seen = [snapshot.get(f"a/{n:03}") for n in range(guards)]
        return Changes(puts={"a/sum": value_of(f"x{sum(r is not None for r in seen)}")})

    await write(store, put("a/001", "x"), rule)
    assert word_of((await store.latest()).get("a/sum")) == "x1"


async def test_leases_and_groups_interleaved(store) -> None:
    rules = [
        put(f"a/{n}", "x", ttls={f"a/{n}": 60}) if n % 4 == 0 else append(f"a/{n % 7}", "y")
        for n in range(24)
    ]
    ends = await at_once(store, rules)
    assert sorted(end.rev for end in ends) == list(range(1, 25))
    # Whose key is to live by a lease has one, and the others, some of the same keys later, have none.
    assert [bool(end.record.lease) for end in ends] == [n % 4 == 0 for n in range(24)]
    for end in ends:
        assert plain(await read(store, end.rev, end.changes.answer))[:4] == plain(end.record)[:4]


async def test_refusals_in_a_group_are_of_what_is_there(store) -> None:
    """Whoever is refused for what another of the group makes is told a rev at which that is made."""
    rules = [put("a/0", "x"), *(create(f"a/{n % 5}") for n in range(40)), increment("n/1")]
    ends = await at_once(store, rules)
    refused = {n: end for n, end in enumerate(ends[1:-1]) if isinstance(end, AlreadyExists)}
    assert len(refused) == 36
    for n, error in refused.items():
        assert 0 < error.rev <= store.rev
        assert await read(store, error.rev, f"a/{n % 5}") is not None


@pytest.mark.usefixtures("long_turns")
async def test_who_is_refused_for_what_the_group_makes_is_told_when_it_is_made(
    make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both run again together, for the first has lost a race. By then the second has been confirmed, and
    would be refused for what may still not come to be."""
    store = await make()
    other = build(make.kind, make.place)
    await other.open()
    await write(store, put("b/1", "x"))

    async def disturb(number: int) -> None:
        if number == 1:  # the first goes alone
            await other.transact(append("b/1", "o"), ORIGIN)

    def copy(s: Snapshot, at: Any) -> Changes:
        return Changes(puts={"a/1": value_of(word_of(s.get("b/1")) or "")}, answer="a/1")

    _before_sending(monkeypatch, disturb)
    _, made, refused = await at_once(store, [put("a/0", "x"), copy, create("a/1")])
    assert word_of(made.record) == "xo"
    assert isinstance(refused, AlreadyExists)
    assert await read(store, refused.rev, "a/1") is not None
    await other.close()


async def test_a_compaction_inside_a_group_keeps_what_was_asked_for(make) -> None:
    store = await make()
    await at_once(store, [append("a/1", "x") for _ in range(20)])
    await store.compact(10)
    assert 1 <= store.oldest_rev <= 10
    for rev in range(store.oldest_rev, 21):
        assert word_of(await read(store, rev, "a/1")) == "x" * rev


async def test_a_group_is_known_here_when_etcd_has_answered_whatever_the_watch_does(
    make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own commits need not be read back: at each rev they are what another replica reads."""
    let = held_watch(monkeypatch)
    store = await make()
    await write(store, put("b/1", "before"))
    let.clear()
    ends = await at_once(store, [append(f"a/{n % 5}", "x") for n in range(30)])
    assert [end.rev for end in ends] == list(range(2, 32))
    assert not let.is_set()
    for n in range(5):
        assert word_of(await ask(store.stale(), lambda s, n=n: s.get(f"a/{n}"))) == "x" * 6
    let.set()
    await write(store, put("b/1", "after"))
    other = build(make.kind, make.place)
    await other.open()
    assert await picture_in_thread(store) == await picture_in_thread(other)
    await other.close()


async def test_a_group_is_what_its_watch_tells_where_that_comes_first(
    make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer of etcd comes later than what the watch brings: nothing is there twice."""
    txn = EtcdClient.txn

    async def late(self: EtcdClient, *given: Any, **more: Any) -> Any:
        result = await txn(self, *given, **more)
        await asyncio.sleep(0.05)
        return result

    store = await make()
    monkeypatch.setattr(EtcdClient, "txn", late)
    ends = await at_once(store, [append(f"a/{n % 5}", "x") for n in range(30)])
    assert [end.rev for end in ends] == list(range(1, 31))
    other = build(make.kind, make.place)
    await other.open()
    assert await picture_in_thread(store) == await picture_in_thread(other)
    await other.close()


async def test_what_another_has_committed_before_comes_before(make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is shown a commit here before one of an earlier rev, which the watch has not brought yet."""
    let = held_watch(monkeypatch)
    store = await make()
    other = build(make.kind, make.place)
    await other.open()
    let.clear()
    foreign = asyncio.create_task(other.transact(put("b/1", "theirs"), ORIGIN))
    await asyncio.sleep(0.2)
    ours = asyncio.create_task(store.transact(put("a/1", "ours"), ORIGIN))
    await asyncio.sleep(0.3)
    assert not ours.done()
    assert store.stale().rev == 0, "nothing of it is shown"
    let.set()
    assert ((await foreign).rev, (await ours).rev) == (1, 2)
    assert [commit.rev for commit in await store.commits(0, 9)] == [1, 2]
    await other.close()


async def replica_with_holes(make: Maker, monkeypatch: pytest.MonkeyPatch, leave_out: Any) -> Any:
    """Another replica, whose watch leaves out, once, what `leave_out` takes away of a revision."""
    take, left = Watch.take, []

    async def leaky(self: Watch) -> list[Any]:
        told = []
        for item in await take(self):
            kept = item
            if isinstance(item, EtcdRevision) and not left:
                kept = leave_out(item)
                if kept != item:
                    left.append(item)
            told += [] if kept is None else [kept]
        return told

    other = build(make.kind, make.place)
    await other.open()
    watch = await other._store._follower.settled()
    monkeypatch.setattr(watch, "take", lambda: leaky(watch))
    return other, left


@pytest.mark.usefixtures("long_turns")
@pytest.mark.parametrize("hole", ["inside", "between"])
async def test_a_hole_in_what_a_replica_is_told_of_groups_is_asked_for_again(
    make, monkeypatch: pytest.MonkeyPatch, hole: str
) -> None:
    """A key that is missing from a group would pass as deleted, a group that is missing as never made."""

    def leave_out(revision: EtcdRevision) -> EtcdRevision | None:
        if len(revision.events) < 10:
            return revision
        return revision._replace(events=revision.events[1:]) if hole == "inside" else None

    store = await make()
    await write(store, puts(**{f"a/{n}": "x" for n in range(20)}))
    other, left = await replica_with_holes(make, monkeypatch, leave_out)
    await write(store, put("b/1", "x"))
    await other.latest()  # from here on its watch has holes
    await at_once(store, [append(f"a/{n}", "y") for n in range(20)])
    if hole == "between":  # what comes after it shows the hole
        await at_once(store, [append(f"a/{n}", "z") for n in range(20)])
    await other.latest()
    assert left
    assert await picture_in_thread(other) == await picture_in_thread(store)
    await other.close()
