"""The rules of env sets on plain data."""

from app.errors import AlreadyExists, InUse, NotFound
from app.models import keys
from app.models.envset import EnvSet, EnvSetCreate
from app.models.instance import InstanceCreate, Loss
from app.registry import envsets, life, tickets
from tests.unit.plain_registry import Registry

PROD = EnvSetCreate(ref="prod", vars={"DB": "db"})
KEY = keys.envset("cat", "prod")


def test_registering_puts_the_env_set_and_leaves_the_app():
    registry = Registry().with_app()
    changes = registry.do(envsets.register, "cat", PROD)
    assert (set(changes.puts), changes.answer) == ({KEY}, KEY)
    envset = registry.read(KEY, EnvSet)
    assert (envset.app, envset.ref, envset.vars, envset.rev) == ("cat", "prod", {"DB": "db"}, 2)


def test_an_env_set_is_registered_once_and_only_in_an_app():
    registry = Registry().with_app()
    registry.do(envsets.register, "cat", PROD)
    registry.refuse(AlreadyExists, envsets.register, "cat", EnvSetCreate(ref="prod", vars={}))
    registry.refuse(NotFound, envsets.register, "dog", PROD, rev=2)


def test_unregistering_takes_it_alone():
    registry = Registry().with_app()
    registry.do(envsets.register, "cat", PROD)
    registry.do(envsets.register, "cat", EnvSetCreate(ref="prod-2", vars={}))
    registry.do(envsets.unregister, "cat", "prod")
    assert set(registry.picture()) == {"app/cat", "envset/cat,prod-2"}
    registry.refuse(NotFound, envsets.unregister, "cat", "prod", rev=4)


def test_an_instance_that_is_not_final_holds_it_and_one_with_another_does_not():
    registry = Registry().with_app().with_revision().with_proctype()
    for ref in ("prod", "test"):
        registry.do(envsets.register, "cat", EnvSetCreate(ref=ref, vars={}))
    registry.do(tickets.register, InstanceCreate(app="cat", revision="128af9", proctype="web", env="prod"))
    assert "Instance 1" in registry.refuse(InUse, envsets.unregister, "cat", "prod").detail
    registry.do(envsets.unregister, "cat", "test")
    registry.do(life.lose, 1, Loss(client="tests", reason="gone"))
    registry.do(envsets.unregister, "cat", "prod")
    assert registry.record(KEY) is None
