"""Scale as a rule: a target is reached in steps of at most a hundred, in the order of the contract."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Conflict, InvalidRequest, InvalidState, NotFound, RequestError
from app.models import codec, keys
from app.models.instance import ClaimEntry, Ended
from app.models.revision import RevisionCreate
from app.models.scale import ScaleTarget
from app.registry import claims, revisions, scale
from app.registry.scale import ScaleStep
from app.registry.state import find
from app.store.contract import MAX_CHANGES, Changes
from app.store.snapshots import scan
from tests.http.life.life_table import TABLE
from tests.unit.life_registry import Registry


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.runnable()
    return registry


def step(
    registry: Registry, count: int, run: str = "one", first: bool = True, env: str | None = None
) -> ScaleStep:
    target = ScaleTarget(revision="r1", env=env, count=count)
    changes = registry.run(scale.step, "cat", "web", target, run, first)
    assert len(changes.puts) + len(changes.deletes) <= MAX_CHANGES
    done = changes.result
    assert isinstance(done, ScaleStep)
    return done


def statuses(registry: Registry) -> dict[str, int]:
    found = scan(registry, keys.LIVE)
    return dict(Counter(registry.instance(int(r.key.removeprefix(keys.INSTANCES))).status for r in found))


def test_up_registers_pending_tickets_and_says_which(registry: Registry) -> None:
    registry.ticket()
    assert step(registry, 3) == ScaleStep(previous=1, started=[2, 3], stopped=[], done=True)
    assert statuses(registry) == {"pending": 3}
    assert registry.instance(3).env is None


def test_what_is_there_already_takes_no_commit(registry: Registry) -> None:
    step(registry, 3)
    before = registry.rev
    assert step(registry, 3) == ScaleStep(previous=3, started=[], stopped=[], done=True)
    assert registry.rev == before


def test_each_revision_and_env_set_is_scaled_by_itself(registry: Registry) -> None:
    step(registry, 2)
    assert step(registry, 3, env="e1").previous == 0
    assert step(registry, 0).stopped == [1, 2]
    assert [registry.instance(id).env for id in (3, 4, 5)] == ["e1"] * 3


def test_down_takes_pending_then_claimed_then_running_each_lowest_id_first(registry: Registry) -> None:
    ids = {state: [registry.ticket_in(state)] for state in ("running", "claimed", "pending")}
    for state in ("pending", "running", "claimed"):
        ids[state].append(registry.ticket_in(state))
    order = ids["pending"] + ids["claimed"] + ids["running"]
    taken = [id for count in range(5, -1, -1) for id in step(registry, count).stopped]
    assert taken == order
    for id in ids["pending"]:
        entry = find(registry, keys.instance(id), Ended)
        assert entry is not None
        assert (entry.status, entry.reason) == ("pending", "scaled down")
    for id in ids["claimed"] + ids["running"]:
        assert registry.instance(id).status == "stopping"
        assert registry.instance(id).stopped_at is not None


def test_all_of_one_step_down_are_in_that_order_too(registry: Registry) -> None:
    running, claimed, pending = (registry.ticket_in(s) for s in ("running", "claimed", "pending"))
    assert step(registry, 0).stopped == [pending, claimed, running]


@pytest.mark.parametrize("state", [state for state in TABLE if state != "done"])
def test_pending_claimed_and_running_count_and_no_others(registry: Registry, state: str) -> None:
    registry.ticket_in(state)
    assert step(registry, 0).previous == (state in ("pending", "claimed", "running"))


@pytest.mark.parametrize("count", [100, 101, 250])
def test_up_to_a_hundred_changes_are_one_step_more_are_batches(registry: Registry, count: int) -> None:
    for target, before in ((count, 0), (0, count)):
        sizes = []
        left = count
        while left:
            done = step(registry, target, first=not sizes)
            sizes.append(len(done.started) + len(done.stopped))
            left -= sizes[-1]
            assert done.done == (left == 0)
            if len(sizes) == 1:
                assert done.previous == before
        assert sizes == [100] * (count // 100) + [count % 100] * (count % 100 > 0)
    assert keys.scaling("cat", "web", "r1", None) not in registry.records, "no note is left"


def test_of_two_long_scales_the_one_that_began_later_goes_on(registry: Registry) -> None:
    step(registry, 250, "one")
    step(registry, 150, "two")
    with pytest.raises(Conflict):
        step(registry, 250, "one", first=False)
    step(registry, 0, "three", first=True)
    with pytest.raises(Conflict):
        step(registry, 250, "one", first=False)


def test_a_long_scale_that_a_short_one_overtakes_stops_too(registry: Registry) -> None:
    step(registry, 250, "one")
    assert step(registry, 90, "two").done
    with pytest.raises(Conflict):
        step(registry, 250, "one", first=False)
    assert statuses(registry) == {"pending": 90}


def test_even_by_one_that_finds_its_target_reached(registry: Registry) -> None:
    step(registry, 250, "one")
    assert step(registry, 100, "two") == ScaleStep(100, [], [], True)
    with pytest.raises(Conflict):
        step(registry, 250, "one", first=False)


def test_what_a_crash_left_is_finished_by_the_same_call(registry: Registry) -> None:
    step(registry, 250, "before the crash")
    assert statuses(registry) == {"pending": 100}
    assert step(registry, 250, "after it").previous == 100
    assert step(registry, 250, "after it", first=False).done
    assert statuses(registry) == {"pending": 250}
    assert keys.scaling("cat", "web", "r1", None) not in registry.records


@pytest.mark.parametrize(
    ("app", "proctype", "revision", "env", "error"),
    [
        ("dog", "web", "r1", None, NotFound),
        ("cat", "worker", "r1", None, NotFound),
        ("cat", "web", "r9", None, InvalidRequest),
        ("cat", "web", "r1", "e9", InvalidRequest),
        ("cat", "web", "proposed", None, InvalidState),
    ],
)
def test_what_is_scaled_has_to_be_there(
    registry: Registry, app: str, proctype: str, revision: str, env: str | None, error: type[RequestError]
) -> None:
    registry.run(revisions.register, "cat", RevisionCreate(ref="proposed"))
    with pytest.raises(error):
        scale.step(
            registry,
            registry.at,
            app,
            proctype,
            ScaleTarget(revision=revision, env=env, count=1),
            "one",
            True,
        )


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    states=st.lists(st.sampled_from([s for s in TABLE if s != "done"]), max_size=8),
    targets=st.lists(st.integers(0, 10), min_size=1, max_size=4),
)
def test_whatever_was_there_the_target_is_what_is_counted_afterwards(
    states: list[str], targets: list[int]
) -> None:
    registry = Registry()
    registry.runnable()
    for state in states:
        registry.ticket_in(state)
    for target in targets:
        done = step(registry, target)
        assert done.previous + len(done.started) - len(done.stopped) == target
        assert registry.count(keys.instances_of_scale("cat", "web", "r1", None)) == target


def test_a_step_down_is_no_larger_than_a_coordinator_takes(registry: Registry) -> None:
    """A hundred instances that many hosts have given back are 4 MiB, and etcd takes 1.5 MiB: their scale
    would be refused for ever. (An instance keeps 100 claims of hosts with names of 253 characters.)"""
    step(registry, 100)
    host = ".".join(["h" * 60] * 4)
    for id in range(1, 101):
        large = registry.instance(id).model_copy(
            update={"claims": [ClaimEntry(host=host, at=registry.at, error="e" * 80)] * 100}
        )
        value = codec.encode(large)
        registry.run(lambda _, at, id=id, value=value: Changes(puts={keys.instance(id): value}))
        registry.run(claims.claim, id, "10.0.0.7")
    steps, sizes, first = [], [], True
    while not steps or not steps[-1].done:
        changes = registry.run(scale.step, "cat", "web", ScaleTarget(revision="r1", count=0), "one", first)
        steps.append(changes.result)
        sizes.append(sum(map(len, changes.puts.values())))
        first = False
    assert max(sizes) < 1024 * 1024
    assert len(steps) > 3
    assert sorted(id for one in steps for id in one.stopped) == list(range(1, 101))
    assert statuses(registry) == {"stopping": 100}
