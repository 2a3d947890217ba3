"""/apps/{app}/envs: env sets."""

from fastapi import Response
from fastapi.routing import APIRouter

from app.http.declared_responses import created, listed, removed, resource
from app.http.listing import List
from app.http.reads import Read
from app.http.writes import Post, Put, at_key
from app.models import keys
from app.models.base import Deleted
from app.models.envset import EnvSet, EnvSetCreate
from app.models.names import Name, Ref
from app.models.page import EnvSetPage
from app.registry import envsets

router = APIRouter(tags=["env sets"])


@router.get("/apps/{app}/envs", response_model=EnvSetPage, responses=listed(404), summary="List env sets")
async def list_envsets(app: Name, listing: List) -> Response:
    """The app's env sets, by ref."""
    return await listing.under(keys.app(app), f"app {app}", keys.envsets_of(app))


@router.post(
    "/apps/{app}/envs",
    status_code=201,
    response_model=EnvSet,
    responses=created(404),
    summary="Register an env set",
)
async def register_envset(app: Name, body: EnvSetCreate, write: Post) -> Response:
    """An env set never changes once it is registered."""
    return await write.create(
        lambda snapshot, at: envsets.register(snapshot, at, app, body), keys.envset(app, body.ref)
    )


@router.get(
    "/apps/{app}/envs/{ref}", response_model=EnvSet, responses=resource(404), summary="Read an env set"
)
async def get_envset(app: Name, ref: Ref, view: Read) -> Response:
    """The env set with its variables."""
    return await view.resource(keys.envset(app, ref), f"env set {ref} of app {app}")


@router.delete(
    "/apps/{app}/envs/{ref}",
    response_model=Deleted,
    responses=removed(404),
    summary="Unregister an env set",
)
async def unregister_envset(app: Name, ref: Ref, write: Put) -> Response:
    """`in-use` while an instance that is not final uses it."""
    return await write.delete(
        lambda snapshot, at: envsets.unregister(snapshot, at, app, ref), at_key(keys.envset(app, ref))
    )
