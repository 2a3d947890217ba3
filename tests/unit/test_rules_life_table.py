"""Every call in every state of an instance, as a rule on plain data."""

import pytest

from app.errors import NotClaimer, RequestError
from app.models import keys
from app.models.instance import Restarts
from app.registry.life import reachable
from app.registry.tickets import find_live
from tests.http.life.life_table import CAN_BECOME, CLAIMERS_ONLY, HOST, NO_COMMIT, OTHER, TABLE, Ends
from tests.unit.life_registry import Registry

ROWS = [(state, call, ends) for state, row in TABLE.items() for call, ends in row.items()]


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.runnable()
    return registry


@pytest.mark.parametrize(("state", "call", "ends"), ROWS)
def test_each_call_does_in_each_state_what_the_table_says(
    registry: Registry, state: str, call: str, ends: Ends
) -> None:
    id = registry.ticket_in(state)
    before = registry.rev
    if isinstance(ends, tuple):
        with pytest.raises(RequestError) as refused:
            registry.say(call, id)
        assert (refused.value.status, refused.value.code) == ends
        assert registry.rev == before
        return
    registry.say(call, id)
    assert registry.rev == before + ((state, call) not in NO_COMMIT)
    if ends == "done":
        assert find_live(registry, id) is None
    else:
        assert registry.instance(id).status == ends


@pytest.mark.parametrize("call", CLAIMERS_ONLY)
@pytest.mark.parametrize("state", ["claimed", "running", "stopping", "exited", "failed", "lost"])
def test_a_host_that_is_not_the_claimer_is_refused_in_every_state_that_has_one(
    registry: Registry, state: str, call: str
) -> None:
    id = registry.ticket_in(state)
    before = registry.rev
    with pytest.raises(NotClaimer):
        registry.say(call, id, host=OTHER)
    with pytest.raises(NotClaimer):
        registry.say(call, id, claim_rev=registry.instance(id).claim_rev - 1)
    assert registry.rev == before


def test_restarts_add_up_by_reason(registry: Registry) -> None:
    id = registry.ticket_in("running")
    registry.say("restart", id, reason="oom")
    registry.say("restart", id, reason="fail", count=3)
    registry.say("restart", id, reason="fail")
    assert registry.instance(id).restarts == Restarts(fail=4, oom=1)


def test_a_repeated_start_with_other_values_is_refused(registry: Registry) -> None:
    id = registry.ticket_in("running")
    for other in ({"port": 9002}, {"hostname": "box8"}, {"tele_port": None}):
        with pytest.raises(RequestError) as refused:
            registry.say("start", id, **other)
        assert refused.value.code == "invalid-state"


def test_each_step_keeps_its_time_and_what_was_said(registry: Registry) -> None:
    id = registry.ticket()
    times = {"registered_at": registry.instance(id).registered_at}
    for call, field in (("claim", "claimed_at"), ("start", "started_at"), ("stop", "stopped_at")):
        times[field] = registry.at
        registry.say(call, id)
    times["ended_at"] = registry.at
    registry.say("fail", id, reason="out of disk")
    now = registry.instance(id)
    assert {field: getattr(now, field) for field in times} == times
    assert now.updated_at == times["ended_at"]
    assert (now.host, now.ip, now.hostname, now.port, now.tele_port) == (
        HOST,
        HOST,
        "box7.example.com",
        9000,
        9001,
    )
    assert now.reason == "out of disk"


def test_the_late_truth_takes_the_reason_of_the_loss_away(registry: Registry) -> None:
    id = registry.ticket_in("lost")
    assert registry.instance(id).reason == "host is away"
    registry.say("exit", id)
    assert registry.instance(id).reason is None


def test_a_lock_is_kept_as_it_was_said_until_it_is_unlocked(registry: Registry) -> None:
    id = registry.ticket_in("running")
    at = registry.at
    registry.say("lock", id)
    lock = registry.instance(id).lock
    assert lock is not None
    assert (lock.client, lock.reason, lock.at) == ("deployer", "look at it", at)
    with pytest.raises(RequestError) as refused:
        registry.say("lock", id)
    assert (refused.value.status, refused.value.code) == (409, "locked")
    assert refused.value.members["lock"]["client"] == "deployer"
    registry.say("stop", id)  # a lock asks people to keep away; it stops no call
    assert registry.instance(id).lock == lock
    registry.say("unlock", id)
    assert registry.instance(id).lock is None


def test_a_call_on_what_never_was_says_not_found(registry: Registry) -> None:
    for call in TABLE["pending"]:
        with pytest.raises(RequestError) as refused:
            registry.say(call, 99)
        assert refused.value.code == "not-found", call
    assert keys.instance(99) not in registry.records


@pytest.mark.parametrize("state", CAN_BECOME)
def test_what_a_state_can_still_become_is_what_the_calls_can_make_of_it(
    registry: Registry, state: str
) -> None:
    can, todo = {state}, [state]
    while todo:
        for ends in TABLE[todo.pop()].values():
            if isinstance(ends, str) and ends != "done" and ends not in can:
                can.add(ends)
                todo.append(ends)
    statuses = {one.partition(",")[0] for one in can}
    if state == "lost, never claimed":
        statuses -= {"exited"}  # the table's "lost" is that of a claimed one
    assert statuses == CAN_BECOME[state]
    assert reachable(registry.instance(registry.ticket_in(state))) == statuses
