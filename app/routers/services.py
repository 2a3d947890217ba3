"""/services and their endpoints."""

from fastapi import Response
from fastapi.routing import APIRouter

from app.http.context import Ctx
from app.http.declared_responses import created, listed, removed, resource
from app.http.listing import List
from app.http.reads import Read
from app.http.writes import Post, Put, at_key, where
from app.models import keys
from app.models.base import Deleted
from app.models.names import ServiceName
from app.models.page import EndpointPage, ServicePage
from app.models.service import (
    Endpoint,
    EndpointCreate,
    Service,
    ServiceCreate,
    WrittenEndpointId,
    endpoint_id,
)
from app.registry import services

router = APIRouter(tags=["services"])


@router.get("/services", response_model=ServicePage, responses=listed(), summary="List services")
async def list_services(listing: List) -> Response:
    """All services, by name."""
    return await listing.of(keys.SERVICES)


@router.post(
    "/services",
    status_code=201,
    response_model=Service,
    responses=created(),
    summary="Register a service",
)
async def register_service(body: ServiceCreate, write: Post) -> Response:
    """A name to look up endpoints by."""
    return await write.create(
        lambda snapshot, at: services.register(snapshot, at, body), keys.service(body.name)
    )


@router.get("/services/{service}", response_model=Service, responses=resource(404), summary="Read a service")
async def get_service(service: ServiceName, view: Read) -> Response:
    """The service; its endpoints are a list of their own."""
    return await view.resource(keys.service(service), f"service {service}")


@router.delete(
    "/services/{service}",
    response_model=Deleted,
    responses=removed(404),
    summary="Unregister a service",
)
async def unregister_service(service: ServiceName, write: Put) -> Response:
    """Removes the service with its endpoints, in one commit."""
    return await write.delete(
        lambda snapshot, at: services.unregister(snapshot, at, service), at_key(keys.service(service))
    )


@router.get(
    "/services/{service}/endpoints",
    response_model=EndpointPage,
    responses=listed(404),
    summary="List endpoints",
)
async def list_endpoints(service: ServiceName, listing: List) -> Response:
    """The service's endpoints, by id."""
    return await listing.under(keys.service(service), f"service {service}", keys.endpoints_of(service))


@router.post(
    "/services/{service}/endpoints",
    status_code=201,
    response_model=Endpoint,
    responses=created(404),
    summary="Register an endpoint",
)
async def register_endpoint(
    service: ServiceName, body: EndpointCreate, write: Post, context: Ctx
) -> Response:
    """If `ip` is not given, it is resolved from `addr`; a name that does not resolve is 422. If the name
    service gives no answer, 503 `resolver-unavailable`."""
    # What does not resolve is the rule's to refuse: a retry is answered whatever the resolver says by now.
    ip = body.ip or await context.resolver.find(body.addr)
    id = endpoint_id(body.addr, body.port)
    return await write.create(
        lambda snapshot, at: services.register_endpoint(snapshot, at, service, body, ip),
        keys.endpoint(service, id),
    )


@router.get(
    "/services/{service}/endpoints/{id}",
    response_model=Endpoint,
    responses=resource(404),
    summary="Read an endpoint",
)
async def get_endpoint(service: ServiceName, id: WrittenEndpointId, view: Read) -> Response:
    """What an SRV record needs."""
    return await view.resource(
        lambda snapshot: services.endpoint_key_of(snapshot, service, id),
        f"endpoint {id} of service {service}",
    )


@router.delete(
    "/services/{service}/endpoints/{id}",
    response_model=Deleted,
    responses=removed(404),
    summary="Unregister an endpoint",
)
async def unregister_endpoint(service: ServiceName, id: WrittenEndpointId, write: Put) -> Response:
    """The service stays."""
    return await write.delete(
        lambda snapshot, at: services.unregister_endpoint(snapshot, at, service, id),
        where(lambda snapshot: services.endpoint_key_of(snapshot, service, id)),
    )
