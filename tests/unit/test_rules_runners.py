"""The rules of runners on plain data."""

import pytest

from app.errors import AlreadyExists, NotFound
from app.models import keys
from app.models.runner import Runner, RunnerCreate
from app.registry import runners
from app.store.snapshots import scan
from tests.unit.plain_registry import Registry


@pytest.mark.parametrize(
    ("addr", "host"),
    [("10.0.0.7:80", "10.0.0.7"), ("[::1]:80", "::1"), ("box7.example.com:1", "box7.example.com")],
)
def test_a_runner_is_found_by_the_host_of_its_address(addr, host):
    registry = Registry()
    registry.do(runners.register, RunnerCreate(addr=addr, instance_id=17))
    runner = registry.read(keys.runner(addr), Runner)
    assert (runner.host, runner.instance_id) == (host, 17)
    [found] = scan(registry.snapshot, keys.runners_on(host))
    assert found.key == keys.runner(addr)
    assert scan(registry.snapshot, keys.runners_on(host + "0")) == []


def test_an_address_is_registered_once_and_removed_once():
    registry = Registry()
    registry.do(runners.register, RunnerCreate(addr="a:80", instance_id=1))
    registry.refuse(AlreadyExists, runners.register, RunnerCreate(addr="a:80", instance_id=2))
    registry.do(runners.unregister, "a:80")
    registry.refuse(NotFound, runners.unregister, "a:80", rev=2)
    assert registry.picture() == {}
    assert scan(registry.snapshot, keys.RUNNERS) == []
