"""Numbers that only grow, also over a restore; and who still uses what."""

import pytest

from app.models import keys
from app.models.instance import SCALED
from app.registry import counters, restored
from app.registry.usage import active_instance
from app.store.contract import Changes
from tests.http.life.life_table import TABLE
from tests.unit.life_registry import Registry


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.runnable()
    return registry


def test_a_counter_gives_its_first_number_and_then_what_was_written(registry: Registry) -> None:
    assert counters.read(registry, "counter/x", 8000) == 8000
    changes = Changes()
    counters.write(changes, "counter/x", 8001)
    registry.run(lambda snapshot, at: changes)
    assert counters.read(registry, "counter/x", 8000) == 8001


@pytest.mark.parametrize("restored_at", [1, 50, 10_000])
def test_ids_given_after_a_backup_are_not_given_again_by_its_restore(
    registry: Registry, restored_at: int
) -> None:
    """A restore begins above every number ever given; where the counter is ahead nevertheless, it stays
    ahead."""
    for _ in range(3):
        registry.ticket()
    registry.run(restored.adjust, restored_at)
    assert registry.ticket() == max(4, restored_at)


@pytest.mark.parametrize("state", [state for state in TABLE if state != "done"])
def test_what_is_not_final_is_in_use(registry: Registry, state: str) -> None:
    id = registry.ticket_in(state)
    active = state in ("pending", "claimed", "running", "stopping")
    found = active_instance(registry, keys.instances_of_app("cat"))
    assert (found and found.id) == (id if active else None)
    scaled = active_instance(registry, keys.instances_of_app("cat"), SCALED)
    assert (scaled and scaled.id) == (id if active and state != "stopping" else None)
