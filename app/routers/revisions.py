"""/revisions and /apps/{app}/revisions."""

from fastapi import Response
from fastapi.routing import APIRouter

from app.http.declared_responses import changed, created, listed, removed, resource
from app.http.listing import List
from app.http.reads import Read
from app.http.writes import Post, Put, at_key
from app.models import keys
from app.models.base import Deleted
from app.models.names import Name, Ref
from app.models.page import RevisionPage
from app.models.revision import Ratification, Revision, RevisionCreate
from app.registry import revisions

router = APIRouter(tags=["revisions"])


@router.get("/revisions", response_model=RevisionPage, responses=listed(), summary="List all revisions")
async def list_all_revisions(listing: List) -> Response:
    """Of all apps, by app and ref."""
    return await listing.of(keys.REVISIONS)


@router.get(
    "/apps/{app}/revisions",
    response_model=RevisionPage,
    responses=listed(404),
    summary="List an app's revisions",
)
async def list_revisions(app: Name, listing: List) -> Response:
    """By ref."""
    return await listing.under(keys.app(app), f"app {app}", keys.revisions_of(app))


@router.post(
    "/apps/{app}/revisions",
    status_code=201,
    response_model=Revision,
    responses=created(404),
    summary="Propose or register a revision",
)
async def register_revision(app: Name, body: RevisionCreate, write: Post) -> Response:
    """The revision is proposed. With an `archive_url` it is accepted at once."""
    return await write.create(
        lambda snapshot, at: revisions.register(snapshot, at, app, body), keys.revision(app, body.ref)
    )


@router.get(
    "/apps/{app}/revisions/{ref}",
    response_model=Revision,
    responses=resource(404),
    summary="Read a revision",
)
async def get_revision(app: Name, ref: Ref, view: Read) -> Response:
    """The revision and whether it is accepted."""
    return await view.resource(keys.revision(app, ref), f"revision {ref} of app {app}")


@router.delete(
    "/apps/{app}/revisions/{ref}",
    response_model=Deleted,
    responses=removed(404),
    summary="Purge a revision",
)
async def unregister_revision(app: Name, ref: Ref, write: Put) -> Response:
    """`in-use` while it is scaled above 0 or is the app's head."""
    return await write.delete(
        lambda snapshot, at: revisions.purge(snapshot, at, app, ref), at_key(keys.revision(app, ref))
    )


@router.post(
    "/apps/{app}/revisions/{ref}/ratify",
    response_model=Revision,
    responses=changed(404),
    summary="Ratify a revision",
)
async def ratify_revision(app: Name, ref: Ref, body: Ratification, write: Post) -> Response:
    """A proposed revision becomes accepted. `invalid-state` if it is accepted already."""
    return await write.answer(
        lambda snapshot, at: revisions.ratify(snapshot, at, app, ref, body), at_key(keys.revision(app, ref))
    )
