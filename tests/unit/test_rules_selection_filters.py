"""Filters of instances against the plainest way to filter: look at everything."""

from collections.abc import Collection
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from app.models import codec, key_terms, keys
from app.models.instance import Instance, Status
from app.registry.selection import LOOK, Selection
from app.store.contract import Snapshot
from app.store.history import History
from app.store.records import Change, Commit, Journal, Record
from app.store.snapshots import find_page, scan
from app.store.window import Window
from tests.http.life.life_table import WAYS
from tests.unit.life_registry import Registry

APPS, PROCTYPES, REFS, ENVS = ("cat", "cat-2", "dog"), ("web", "worker"), ("r1", "r2"), ("e1", "e2")
HOSTS = ("10.0.0.7", "10.0.0.8")


def populated() -> Registry:
    """Every combination of what an instance is of, in states that differ."""
    registry = Registry()
    for app, proctype, ref, env in product(APPS, PROCTYPES, REFS, ENVS):
        registry.runnable(app, proctype, ref, env)
    states = list(WAYS)
    for n, (app, proctype, ref, env) in enumerate(product(APPS, PROCTYPES, REFS, (None, *ENVS))):
        for state in (states[n % len(states)], states[n * 5 % len(states)]):
            id = registry.ticket(app, proctype, ref, env)
            for call in WAYS[state]:
                registry.say(
                    call, id, **({"host": HOSTS[n % 2]} if call in ("claim", "start", "exit", "fail") else {})
                )
    return registry


POPULATED = populated()
EVERYTHING = [codec.decode(record, Instance) for record in scan(POPULATED, keys.LIVE)]


def held() -> History:
    """The same, once as the latest state and then with everything changed or gone."""
    history = History(key_terms.index, Window(1000))
    history.load(POPULATED.rev, POPULATED.records.values())
    records = list(POPULATED.records.values())
    journal = Journal(POPULATED.at, "tests", "change")
    for n, before in enumerate(record for record in records if keys.kind_of(record.key) == "instance"):
        rev = history.rev + 1
        other = records[-1 - n % 7]
        value = other.value if keys.kind_of(other.key) == "instance" else before.value
        after = Record(before.key, value, before.created_rev, rev, terms=key_terms.index(before.key, value))
        history.apply(Commit(rev, journal, (Change(before.key, before, None if n % 3 else after),)))
    return history


LATER = held()
UNCHANGED = History(key_terms.index, Window(1000))
UNCHANGED.load(POPULATED.rev, POPULATED.records.values())
SNAPSHOTS = {
    "plain": POPULATED,
    "latest": UNCHANGED.snapshot(POPULATED.rev),
    "past": LATER.snapshot(POPULATED.rev),
}


def some(values: Collection[str]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from([*values, "nothere"]), max_size=3)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    apps=some(APPS),
    proctypes=some(PROCTYPES),
    revisions=some(REFS),
    envs=some(ENVS),
    hosts=some(HOSTS),
    statuses=st.frozensets(st.sampled_from(list(Status)), max_size=4),
    limit=st.integers(1, 30),
    snapshot=st.sampled_from(["plain", "latest", "past"]),
)
def test_a_selection_is_what_looking_at_everything_finds_page_by_page(
    apps: frozenset[str],
    proctypes: frozenset[str],
    revisions: frozenset[str],
    envs: frozenset[str],
    hosts: frozenset[str],
    statuses: frozenset[Status],
    limit: int,
    snapshot: str,
) -> None:
    expected = [
        instance.id
        for instance in EVERYTHING
        if all(
            not wanted or value in wanted
            for wanted, value in (
                (apps, instance.app),
                (proctypes, instance.proctype),
                (revisions, instance.revision),
                (envs, instance.env),
                (hosts, instance.host),
                (statuses, instance.status),
            )
        )
    ]
    selection = Selection(apps, revisions, proctypes, envs, hosts, statuses)
    found: list[int] = []
    after = ""
    while page := selection.find(SNAPSHOTS[snapshot], after, limit):
        assert len(page) <= limit
        found += [codec.decode(record, Instance).id for record in page]
        after = page[-1].key
    assert found == expected


def test_no_filter_means_everything_but_what_is_done() -> None:
    found = Selection().find(POPULATED, "", 1000)
    assert [codec.decode(r, Instance).id for r in found] == [instance.id for instance in EVERYTHING]
    assert len(found) < POPULATED.count(keys.INSTANCES) or len(found) < len(APPS) * 24


async def test_a_list_gives_way_while_it_passes_by_many_of_an_earlier_life() -> None:
    """Ten thousand of them were passed by in one turn of the loop, a page at a time."""
    registry = Registry()
    registry.runnable()
    id = registry.ticket()
    old = registry.records[keys.instance(id)]
    history = History(key_terms.index, Window(10))
    count = 5 * LOOK
    earlier = [Record(keys.instance(n), old.value, 1, 1, terms=old.terms) for n in range(1, count + 1)]
    rev = registry.rev
    web = registry.records[keys.proctype("cat", "web")]
    new = [Record(keys.instance(n), old.value, rev, rev, terms=old.terms) for n in (count + 1, count + 2)]
    history.load(rev, [*earlier, *new, web])
    snapshot = history.snapshot(rev)
    looks = []

    def find(snapshot: Snapshot, after: str, limit: int) -> list[Record]:
        looks.append(after)
        return Selection(apps=["cat"]).find(snapshot, after, limit)

    for limit, expected in ((1, new[:1]), (2, new), (100, new)):
        looks.clear()
        page, more = await find_page(snapshot, find, "", limit, 1_000_000)
        assert (page, more) == (expected, limit == 1)
        assert len(looks) >= count // LOOK - 1
