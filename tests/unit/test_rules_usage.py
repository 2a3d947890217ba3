"""Whether an instance still needs something, on plain data."""

from app.models import keys
from app.models.instance import SCALED, Claimer, InstanceCreate, Status
from app.registry import claims, life, tickets
from app.registry.usage import active_instance
from tests.unit.plain_registry import Registry

TERM = keys.instances_of_proctype("cat", "web")
HOST = "10.0.0.7"


def test_the_first_that_is_not_final_is_named():
    registry = Registry().with_app().with_revision().with_proctype()
    assert active_instance(registry.snapshot, TERM) is None
    for _ in range(2):
        registry.do(tickets.register, InstanceCreate(app="cat", revision="128af9", proctype="web"))
    assert active_instance(registry.snapshot, TERM).id == 1
    registry.do(claims.claim, 1, HOST)
    registry.do(life.exit, 1, Claimer(host=HOST))
    assert active_instance(registry.snapshot, TERM).id == 2
    registry.do(tickets.unregister, 2, None, None)
    assert active_instance(registry.snapshot, TERM) is None, "an ended one needs nothing"


def test_one_that_is_stopping_needs_things_but_is_no_part_of_a_scale():
    registry = Registry().with_app().with_revision().with_proctype()
    registry.do(tickets.register, InstanceCreate(app="cat", revision="128af9", proctype="web"))
    registry.do(claims.claim, 1, HOST)
    registry.do(life.stop, 1)
    assert active_instance(registry.snapshot, TERM).status is Status.STOPPING
    assert active_instance(registry.snapshot, TERM, SCALED) is None
    assert active_instance(registry.snapshot, keys.instances_of_app("dog")) is None
