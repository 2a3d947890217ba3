"""Services and their endpoints: what an SRV record needs."""

from typing import Annotated

from pydantic import AfterValidator, Field

from app.models.base import Model, Resource
from app.models.names import Host, Ip, KeptHost, Port, Printable, ServiceName


class Service(Resource):
    """A name to look up endpoints by."""

    name: ServiceName


class ServiceCreate(Model):
    """What registers a service."""

    name: ServiceName


Priority = Annotated[int, Field(ge=0, le=65535, description="As in an SRV record (RFC 2782): lower first.")]
Weight = Annotated[
    int, Field(ge=0, le=65535, description="As in an SRV record (RFC 2782): share among equals.")
]


class Endpoint(Resource):
    """An address at which a service answers."""

    service: ServiceName
    id: Annotated[str, Field(description="addr with - for . and :, then - and the port.")]
    addr: KeptHost
    ip: Annotated[str, Field(description="Its address.", examples=["10.0.0.7"])]
    port: Port
    priority: Priority
    weight: Weight
    target: str | None


class EndpointCreate(Model):
    """What registers an endpoint. `ip` is resolved from `addr` when it is not given."""

    addr: Host
    port: Annotated[Port, Field(examples=[11211])]
    ip: Ip | None = None
    priority: Priority = 0
    weight: Weight = 0
    target: Annotated[Printable, Field(max_length=253)] | None = None


WrittenEndpointId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_-]+-[0-9]{1,5}$",
        max_length=260,
        description="Of an endpoint: its addr with - for . and :, then - and its port.",
        examples=["10-0-0-7-11211"],
    ),
]
"""What `endpoint_id` can give, in any case: as the host in it."""

EndpointId = Annotated[WrittenEndpointId, AfterValidator(str.lower)]


def endpoint_id(addr: str, port: int) -> str:
    """`10.0.0.7`, 80 -> `10-0-0-7-80`."""
    return f"{addr.replace('.', '-').replace(':', '-')}-{port}"
