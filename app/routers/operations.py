"""/livez and /readyz."""

from typing import Annotated, Literal

from fastapi import Query, Response
from fastapi.routing import APIRouter
from pydantic import MISSING

from app.errors import CoordinatorUnavailable, Draining, NotFound
from app.http.context import Ctx
from app.http.declared_responses import problems
from app.http.ready_answer import json_answer
from app.models.base import Model

router = APIRouter(tags=["operations"])


class Live(Model):
    """The process answers."""

    status: Literal["ok"]


@router.get(
    "/livez",
    response_model=Live,
    responses={200: {"description": "It does."}, **problems(400, 422, 500)},
    summary="Whether the process lives",
)
async def livez() -> Response:
    """Says nothing of the store: a process that waits for its store must not be killed for it."""
    return Response(b'{"status":"ok"}', media_type="application/json")


@router.get(
    "/readyz",
    response_model=Live,
    responses={200: {"description": "It can."}, **problems(400, 404, 422, 500, 503)},
    summary="Whether it can serve",
)
async def readyz(
    context: Ctx,
    draining: Annotated[
        Literal["404"] | MISSING,
        Query(
            description="Have the check answered 404 while the service drains: nothing new, end what runs."
        ),
    ] = MISSING,
) -> Response:
    """The store is reached and the snapshot loaded; if not, why, and what to do. A service that drains has
    been told to end: it is not ready, but serves all that comes to it."""
    health = context.store.health()
    if not health.ready:
        raise CoordinatorUnavailable(f"Not ready: {health.reason}.")
    if context.draining:
        detail = "The service drains: it is about to end. Send new requests to another replica."
        raise NotFound(detail) if draining == "404" else Draining(detail)
    if context.hub.closing:
        raise CoordinatorUnavailable("Not ready: the service is shutting down.")
    return json_answer(b'{"status":"ok"}', context.store.rev)
