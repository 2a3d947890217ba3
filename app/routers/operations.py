"""/livez and /readyz."""

from typing import Literal

from fastapi import Response
from fastapi.routing import APIRouter

from app.errors import CoordinatorUnavailable
from app.http.context import Ctx
from app.http.declared_responses import problems
from app.http.reads import json_answer
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
    responses={200: {"description": "It can."}, **problems(400, 422, 500, 503)},
    summary="Whether it can serve",
)
async def readyz(context: Ctx) -> Response:
    """The store is reached and the snapshot loaded; if not, why, and what to do."""
    health = context.store.health()
    if not health.ready:
        raise CoordinatorUnavailable(f"Not ready: {health.reason}.")
    if context.hub.closing:
        raise CoordinatorUnavailable("Not ready: the service is shutting down.")
    return json_answer(b'{"status":"ok"}', context.store.rev)
