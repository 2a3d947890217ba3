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
    responses={200: {"description": "The process is alive."}, **problems(400, 422, 500)},
    summary="Check that the process is alive",
)
async def livez() -> Response:
    """Does not depend on the store: a process that waits for its store should not be killed."""
    return Response(b'{"status":"ok"}', media_type="application/json")


@router.get(
    "/readyz",
    response_model=Live,
    responses={200: {"description": "The service can serve."}, **problems(400, 404, 422, 500, 503)},
    summary="Check that the service can serve",
)
async def readyz(
    context: Ctx,
    draining: Annotated[
        Literal["404"] | MISSING,
        Query(
            description="With `404`, the check is answered 404 while the service drains. A load "
            "balancer then sends no new requests and lets running ones end."
        ),
    ] = MISSING,
) -> Response:
    """Ready when the store can be reached and the snapshot is loaded. If not, the answer says why and
    what to do. A draining service is not ready, but still serves every request that it gets."""
    health = context.store.health()
    if not health.ready:
        raise CoordinatorUnavailable(f"Not ready: {health.reason}.")
    if context.draining:
        detail = "The service drains: it is about to end. Send new requests to another replica."
        raise NotFound(detail) if draining == "404" else Draining(detail)
    if context.hub.closing:
        raise CoordinatorUnavailable("Not ready: the service is shutting down.")
    return json_answer(b'{"status":"ok"}', context.store.rev)
