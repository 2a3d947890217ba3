"""Services and endpoints: names, and the addresses at which they answer."""

from datetime import datetime
from functools import partial

from app.errors import RequestError
from app.models import keys
from app.models.service import Endpoint, EndpointCreate, Service, ServiceCreate, endpoint_id
from app.registry.state import create, exists, new, removable, spelled
from app.store.contract import Changes, Snapshot


# + service/{name}
def register(snapshot: Snapshot, at: datetime, body: ServiceCreate) -> Changes:
    """Raises AlreadyExists."""
    service = Service(**new(at), name=body.name)
    return create(snapshot, keys.service(body.name), service, f"a service {body.name}")


# - service/{name}
# - endpoint/{name},*
def unregister(snapshot: Snapshot, at: datetime, name: str) -> Changes:
    """A service goes with its endpoints. Raises NotFound."""
    removable(snapshot, keys.service(name), f"service {name}")
    return Changes(deletes={keys.service(name)}, prefixes={keys.endpoints_of(name)})


# + endpoint/{service},{id}
def register_endpoint(
    snapshot: Snapshot, at: datetime, service: str, body: EndpointCreate, ip: str | RequestError
) -> Changes:
    """`ip` is the body's or what its `addr` resolved to, or why it did not. Raises NotFound where there is
    no such service, that reason, AlreadyExists."""
    exists(snapshot, keys.service(service), f"service {service}")
    if isinstance(ip, RequestError):
        raise ip
    id = endpoint_id(body.addr, body.port)
    endpoint = Endpoint(
        **new(at),
        service=service,
        id=id,
        addr=body.addr,
        ip=ip,
        port=body.port,
        priority=body.priority,
        weight=body.weight,
        target=body.target,
    )
    return create(snapshot, keys.endpoint(service, id), endpoint, f"an endpoint {id} of {service}")


def endpoint_key_of(snapshot: Snapshot, service: str, id: str) -> str:
    """Where the endpoint is: its id is taken in any case."""
    kept = id.lower()
    return spelled(snapshot, partial(keys.endpoint, service), kept, id) or keys.endpoint(service, kept)


# - endpoint/{service},{id}
def unregister_endpoint(snapshot: Snapshot, at: datetime, service: str, id: str) -> Changes:
    """Raises NotFound."""
    key = endpoint_key_of(snapshot, service, id)
    removable(snapshot, key, f"endpoint {id} of service {service}")
    return Changes(deletes={key})
