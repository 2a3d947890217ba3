"""The rules of proctypes on plain data."""

import pytest

from app.errors import AlreadyExists, InUse, NotFound
from app.models import keys
from app.models.instance import InstanceCreate, Loss
from app.models.proctype import LimitsCreate, LimitsPatch, Proctype, ProctypeCreate, ProctypePatch
from app.registry import life, proctypes, tickets
from tests.unit.plain_registry import Registry

KEY = keys.proctype("cat", "web")


def limited(mb: int | None) -> Registry:
    registry = Registry().with_app()
    body = ProctypeCreate(name="web", limits=LimitsCreate(memory_limit_mb=mb))
    registry.do(proctypes.register, "cat", body)
    return registry


def test_registering_claims_a_port_in_the_same_commit():
    registry = Registry().with_app()
    changes = registry.do(proctypes.register, "cat", ProctypeCreate(name="web"))
    assert set(changes.puts) == {KEY, keys.PORT_COUNTER}
    assert changes.answer == KEY
    proctype = registry.read(KEY, Proctype)
    assert (proctype.app, proctype.name, proctype.port) == ("cat", "web", 8000)
    assert proctype.limits.memory_limit_mb is None


def test_a_name_is_registered_once_and_only_in_an_app():
    registry = Registry().with_app().with_proctype()
    registry.refuse(AlreadyExists, proctypes.register, "cat", ProctypeCreate(name="web"))
    registry.refuse(NotFound, proctypes.register, "dog", ProctypeCreate(name="web"), rev=2)


@pytest.mark.parametrize(
    ("body", "after"),
    [
        (ProctypePatch(limits=LimitsPatch(memory_limit_mb=64)), 64),
        (ProctypePatch(limits=LimitsPatch(memory_limit_mb=None)), None),
        (ProctypePatch(limits=None), None),
    ],
)
def test_a_patch_changes_the_limits_and_keeps_the_port(body, after):
    registry = limited(512)
    registry.do(proctypes.patch, "cat", "web", body)
    proctype = registry.read(KEY, Proctype)
    assert (proctype.limits.memory_limit_mb, proctype.port, proctype.rev) == (after, 8000, 3)


@pytest.mark.parametrize(
    "body",
    [
        ProctypePatch(),
        ProctypePatch(limits=LimitsPatch()),
        ProctypePatch(limits=LimitsPatch(memory_limit_mb=512)),
    ],
)
def test_a_patch_that_changes_nothing_is_no_commit(body):
    limited(512).unchanged(proctypes.patch, "cat", "web", body, answer=KEY)


def test_what_is_not_there():
    registry = Registry().with_app()
    registry.refuse(NotFound, proctypes.patch, "cat", "web", ProctypePatch(), rev=1)
    registry.refuse(NotFound, proctypes.unregister, "cat", "web", rev=1)


def test_an_instance_that_is_not_final_holds_it():
    registry = Registry().with_app().with_revision().with_proctype().with_proctype("web2")
    registry.do(tickets.register, InstanceCreate(app="cat", revision="128af9", proctype="web"))
    registry.refuse(InUse, proctypes.unregister, "cat", "web")
    registry.do(proctypes.unregister, "cat", "web2")
    registry.do(life.lose, 1, Loss(client="tests", reason="gone"))
    changes = registry.do(proctypes.unregister, "cat", "web")
    assert (changes.deletes, changes.puts) == ({KEY}, {})
    assert changes.prefixes == {keys.scales_of_proctype("cat", "web")}
    assert registry.record(KEY) is None
