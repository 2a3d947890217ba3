"""/runners."""

from typing import Annotated

from fastapi import Query, Response
from fastapi.routing import APIRouter
from pydantic import MISSING

from app.http.declared_responses import created, listed, removed, resource
from app.http.listing import List
from app.http.reads import Read
from app.http.writes import Post, Put, where
from app.models import keys
from app.models.base import Deleted
from app.models.names import Host, WrittenHostPort
from app.models.page import RunnerPage
from app.models.runner import Runner, RunnerCreate
from app.registry import runners

router = APIRouter(tags=["runners"])


@router.get("/runners", response_model=RunnerPage, responses=listed(), summary="List runners")
async def list_runners(
    listing: List, host: Annotated[Host | MISSING, Query(description="Only on this host.")] = MISSING
) -> Response:
    """All runners, or those of a host, by addr."""
    return await listing.of(keys.runners_on(host) if isinstance(host, str) else keys.RUNNERS)


@router.post(
    "/runners",
    status_code=201,
    response_model=Runner,
    responses=created(),
    summary="Register a runner",
)
async def register_runner(body: RunnerCreate, write: Post) -> Response:
    """Which process runs which instance."""
    return await write.create(
        lambda snapshot, at: runners.register(snapshot, at, body), keys.runner(body.addr)
    )


@router.get("/runners/{addr}", response_model=Runner, responses=resource(404), summary="Read a runner")
async def get_runner(addr: WrittenHostPort, view: Read) -> Response:
    """The runner at an address."""
    return await view.resource(lambda snapshot: runners.key_of(snapshot, addr), f"runner {addr}")


@router.delete(
    "/runners/{addr}", response_model=Deleted, responses=removed(404), summary="Unregister a runner"
)
async def unregister_runner(addr: WrittenHostPort, write: Put) -> Response:
    """The runner has ended."""
    return await write.delete(
        lambda snapshot, at: runners.unregister(snapshot, at, addr),
        where(lambda snapshot: runners.key_of(snapshot, addr)),
    )
