"""The rules of services and endpoints on plain data."""

from functools import partial

import pytest

from app.errors import AlreadyExists, InvalidRequest, NotFound
from app.models import keys
from app.models.service import Endpoint, EndpointCreate, Service, ServiceCreate, endpoint_id
from app.registry import services
from tests.unit.plain_registry import Registry

KEY = keys.endpoint("mc", "10-0-0-7-80")
BODY = EndpointCreate(addr="10.0.0.7", port=80)


def with_services(*names: str) -> Registry:
    registry = Registry()
    for name in names:
        registry.do(services.register, ServiceCreate(name=name))
    return registry


def test_a_service_is_registered_once():
    registry = with_services("mc")
    assert registry.read(keys.service("mc"), Service).name == "mc"
    registry.refuse(AlreadyExists, services.register, ServiceCreate(name="mc"))


def test_an_endpoint_is_what_was_said_with_an_id_and_an_ip():
    registry = with_services("mc")
    body = EndpointCreate(addr="box7", port=80, priority=1, weight=2, target="t")
    registry.do(services.register_endpoint, "mc", body, "10.0.0.9")
    endpoint = registry.read(keys.endpoint("mc", "box7-80"), Endpoint)
    assert (endpoint.service, endpoint.id, endpoint.addr, endpoint.ip) == (
        "mc",
        "box7-80",
        "box7",
        "10.0.0.9",
    )
    assert (endpoint.priority, endpoint.weight, endpoint.target) == (1, 2, "t")


def test_what_an_endpoint_is_refused_for_in_this_order():
    """No such service, a name that does not resolve, there already."""
    registry = with_services("mc")
    unresolved = InvalidRequest.of(["body", "addr"], "does not resolve")
    rule = partial(services.register_endpoint, ip=unresolved)
    registry.refuse(NotFound, rule, "other", BODY, rev=1)
    error = registry.refuse(InvalidRequest, rule, "mc", BODY)
    assert error.members["errors"][0]["loc"] == ["body", "addr"]
    registry.do(services.register_endpoint, "mc", BODY, "10.0.0.7")
    registry.refuse(AlreadyExists, services.register_endpoint, "mc", BODY, "10.0.0.7")


def test_an_endpoint_goes_alone_and_a_service_with_all():
    registry = with_services("mc", "mc-2")
    for service in ("mc", "mc-2"):
        for port in (80, 81):
            body = EndpointCreate(addr="10.0.0.7", port=port)
            registry.do(services.register_endpoint, service, body, "10.0.0.7")
    registry.do(services.unregister_endpoint, "mc", "10-0-0-7-80")
    assert registry.record(KEY) is None
    assert registry.record(keys.endpoint("mc", "10-0-0-7-81")) is not None
    registry.do(services.unregister, "mc")
    assert set(registry.picture()) == {
        "service/mc-2",
        "endpoint/mc-2,10-0-0-7-80",
        "endpoint/mc-2,10-0-0-7-81",
    }


def test_what_is_not_there():
    registry = with_services("mc")
    registry.refuse(NotFound, services.unregister, "other", rev=1)
    registry.refuse(NotFound, services.unregister_endpoint, "mc", "10-0-0-7-80", rev=1)


@pytest.mark.parametrize(
    ("addr", "port", "id"),
    [("10.0.0.7", 80, "10-0-0-7-80"), ("::1", 1, "--1-1"), ("a.b-c.example", 65535, "a-b-c-example-65535")],
)
def test_the_id_of_an_endpoint(addr, port, id):
    assert endpoint_id(addr, port) == id
