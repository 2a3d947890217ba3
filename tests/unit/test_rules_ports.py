"""Ports: unique across the registry, ascending, reused only when the last was reached."""

import pytest

from app.errors import Conflict
from app.models import key_terms, keys
from app.models.proctype import Proctype
from app.registry import ports, proctypes
from app.store.contract import Changes
from app.store.records import Record
from tests.unit.plain_registry import Registry

EXAMPLE = Registry().with_app().with_proctype().snapshot.get(keys.proctype("cat", "web"))
"""A proctype with the port 8000, as it is kept."""


def holding(taken: list[int], following: int) -> Registry:
    """A registry in which these ports are taken, and the counter stands where it is told."""
    registry = Registry()
    values = {
        keys.proctype("cat", f"p{port}"): EXAMPLE.value.replace(b'"port":8000', b'"port":%d' % port)
        for port in taken
    }
    values[keys.PORT_COUNTER] = b"%d" % following
    registry.history.load(1, [Record(k, v, 1, 1, terms=key_terms.index(k, v)) for k, v in values.items()])
    return registry


def claim(registry: Registry) -> tuple[int, Changes]:
    changes = Changes()
    return ports.claim(registry.snapshot, changes), changes


def test_the_first_port_is_8000():
    port, changes = claim(Registry())
    assert port == 8000
    assert changes.puts == {keys.PORT_COUNTER: b"8001"}


@pytest.mark.parametrize("following", [8001, 9000, 65534, 65535])
def test_until_the_last_is_reached_the_next_is_given_whatever_is_free(following):
    port, changes = claim(holding([], following))
    assert port == following
    assert changes.puts == {keys.PORT_COUNTER: b"%d" % (following + 1)}


@pytest.mark.parametrize(
    ("taken", "port"), [([], 8000), ([8000], 8001), ([8001, 8002], 8000), ([8000, 8001, 8003, 65535], 8002)]
)
def test_after_the_last_the_lowest_free_one_is_given(taken, port):
    given, changes = claim(holding(taken, 65536))
    assert given == port
    # The counter is written though it stays: of two that look at a time, one has to lose.
    assert changes.puts == {keys.PORT_COUNTER: b"65536"}


def test_the_very_last_free_one_is_given_and_then_none():
    assert claim(holding(list(range(8000, 65535)), 65536))[0] == 65535
    with pytest.raises(Conflict, match="No port between 8000 and 65535 is free"):
        claim(holding(list(range(8000, 65536)), 65536))


def test_the_port_of_a_proctype_that_is_gone_is_free():
    registry = Registry().with_app().with_proctype("a").with_proctype("b")
    registry.do(proctypes.unregister, "cat", "a")
    registry.do(lambda snapshot, at: Changes(puts={keys.PORT_COUNTER: b"65536"}))
    registry.with_proctype("c").with_proctype("d")
    given = {name: registry.read(keys.proctype("cat", name), Proctype).port for name in "bcd"}
    assert given == {"b": 8001, "c": 8000, "d": 8002}
