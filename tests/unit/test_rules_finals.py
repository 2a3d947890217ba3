"""Final instances leave by rules that look at each again: what has changed since it was found stays."""

from datetime import timedelta

import pytest

from app.models import codec, key_terms, keys
from app.models.instance import Ended, Status
from app.registry import finals
from tests.http.life.life_table import WAYS
from tests.unit.life_registry import Registry

KEPT = timedelta(hours=1)
FINAL = ("exited", "failed", "lost")
STATES = [state for state in WAYS if state != "done"]


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.runnable()
    return registry


def bulk(registry: Registry, those: list[int], *statuses: str) -> finals.Batch:
    asked = [Status(status) for status in statuses]
    changes = registry.run(
        finals.unregister_those, [keys.instance(id) for id in those], asked, "ann", "cleaning up"
    )
    assert isinstance(changes.result, finals.Batch)
    return changes.result


def retire(registry: Registry, *those: int) -> int:
    return len(registry.run(finals.retire, [keys.instance(id) for id in those], KEPT).puts)


def ended(registry: Registry, id: int) -> bool:
    return keys.is_ended(registry.records[keys.instance(id)].value)


@pytest.mark.parametrize("state", STATES)
def test_a_bulk_leaves_what_is_in_another_status_by_now(registry: Registry, state: str) -> None:
    """Found as failed, and in this state when the rule looks."""
    id, other = registry.ticket_in(state), registry.ticket_in("failed")
    meant = registry.instance(id).status == "failed"
    assert bulk(registry, [id, other], "failed").count == 1 + meant
    assert ended(registry, id) is meant
    assert ended(registry, other)


def test_a_bulk_leaves_what_another_has_unregistered_since_as_it_was_said_then(registry: Registry) -> None:
    id, other = registry.ticket_in("failed"), registry.ticket_in("failed")
    registry.say("unregister", id, client="bob", reason="mine")
    assert bulk(registry, [id, other, 99], "failed") == finals.Batch(1, keys.instance(99))
    entry = codec.decode(registry.records[keys.instance(id)], Ended)
    assert (entry.client, entry.reason) == ("bob", "mine")


@pytest.mark.parametrize("state", STATES)
def test_upkeep_retires_final_ones_alone(registry: Registry, state: str) -> None:
    """Named as over, whatever it is when the rule looks, and however long it has been there."""
    id = registry.ticket_in(state)
    meant = registry.instance(id).status in FINAL
    registry.at += 2 * KEPT
    assert retire(registry, id) == meant
    assert ended(registry, id) is meant


def test_upkeep_leaves_an_active_one_that_says_when_it_ended(registry: Registry) -> None:
    """No call makes one; an older version or another hand may have kept it."""
    id = registry.ticket_in("failed")
    record = registry.records[keys.instance(id)]
    value = codec.keep({**codec.kept(record), "status": "running"})
    record.value, record.terms = value, key_terms.index(record.key, value)
    registry.at += 2 * KEPT
    assert retire(registry, id) == 0


@pytest.mark.parametrize("state", FINAL)
def test_upkeep_leaves_what_has_not_ended_for_long_enough(registry: Registry, state: str) -> None:
    id = registry.ticket_in(state)
    ended_at = registry.instance(id).ended_at
    assert ended_at is not None
    registry.at = ended_at + KEPT - timedelta(microseconds=1)
    assert retire(registry, id, 99) == 0
    registry.at = ended_at + KEPT
    assert retire(registry, id, 99) == 1
    assert retire(registry, id) == 0, "it is done already"
