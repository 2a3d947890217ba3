"""/apps/{app}/proctypes, and what is kept of a proctype's ended instances."""

from fastapi import Response
from fastapi.routing import APIRouter

from app.http.declared_responses import changed, created, listed, removed, resource
from app.http.listing import List
from app.http.reads import Read
from app.http.writes import Post, Put, at_key
from app.models import keys
from app.models.base import Deleted
from app.models.names import Name, ProctypeName
from app.models.page import EndedPage, ProctypePage
from app.models.proctype import Proctype, ProctypeCreate, ProctypePatch
from app.registry import proctypes
from app.registry.state import exists
from app.registry.upkeep import ended_of
from app.store.contract import Snapshot
from app.store.records import Record

router = APIRouter(tags=["proctypes"])


@router.get(
    "/apps/{app}/proctypes",
    response_model=ProctypePage,
    responses=listed(404),
    summary="List proctypes",
)
async def list_proctypes(app: Name, listing: List) -> Response:
    """The app's proctypes, by name."""
    return await listing.under(keys.app(app), f"app {app}", keys.proctypes_of(app))


@router.post(
    "/apps/{app}/proctypes",
    status_code=201,
    response_model=Proctype,
    responses=created(404),
    summary="Register a proctype",
)
async def register_proctype(app: Name, body: ProctypeCreate, write: Post) -> Response:
    """Claims a port that is unique across the registry."""
    return await write.create(
        lambda snapshot, at: proctypes.register(snapshot, at, app, body), keys.proctype(app, body.name)
    )


@router.get(
    "/apps/{app}/proctypes/{proctype}",
    response_model=Proctype,
    responses=resource(404),
    summary="Read a proctype",
)
async def get_proctype(app: Name, proctype: ProctypeName, view: Read) -> Response:
    """The proctype with its port and limits."""
    return await view.resource(keys.proctype(app, proctype), f"proctype {proctype} of app {app}")


@router.patch(
    "/apps/{app}/proctypes/{proctype}",
    response_model=Proctype,
    responses=changed(404),
    summary="Change a proctype's limits",
)
async def patch_proctype(app: Name, proctype: ProctypeName, body: ProctypePatch, write: Put) -> Response:
    """A merge patch (RFC 7396)."""
    return await write.answer(
        lambda snapshot, at: proctypes.patch(snapshot, at, app, proctype, body),
        at_key(keys.proctype(app, proctype)),
    )


@router.delete(
    "/apps/{app}/proctypes/{proctype}",
    response_model=Deleted,
    responses=removed(404),
    summary="Unregister a proctype",
)
async def unregister_proctype(app: Name, proctype: ProctypeName, write: Put) -> Response:
    """`in-use` while it has instances that are not final."""
    return await write.delete(
        lambda snapshot, at: proctypes.unregister(snapshot, at, app, proctype),
        at_key(keys.proctype(app, proctype)),
    )


@router.get(
    "/apps/{app}/proctypes/{proctype}/ended",
    response_model=EndedPage,
    responses=listed(404),
    summary="List ended instances",
)
async def list_ended(app: Name, proctype: ProctypeName, listing: List) -> Response:
    """What was unregistered, by id: the newest 1,000 of the last 30 days."""

    def find(snapshot: Snapshot, after: str, limit: int) -> list[Record]:
        exists(snapshot, keys.proctype(app, proctype), f"proctype {proctype} of app {app}")
        return [record for record in ended_of(snapshot, app, proctype) if record.key > after][:limit]

    return await listing.page(find)
