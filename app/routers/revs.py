"""/rev and /schema: the registry's time, and the number of its layout."""

from fastapi import Response
from fastapi.routing import APIRouter

from app.errors import CoordinatorUnavailable
from app.http.context import Ctx
from app.http.declared_responses import read
from app.http.reads import Moment
from app.http.ready_answer import json_answer
from app.models import keys
from app.models.revs import SCHEMA_VERSION, RevInfo, SchemaInfo
from app.registry.readable import readable
from app.store.micros import moment

router = APIRouter(tags=["time"])


@router.get("/rev", response_model=RevInfo, responses=read(), summary="Read the rev")
async def get_rev(context: Ctx, view: Moment) -> Response:
    """The latest rev, the oldest rev that can still be read, and when the latest commit was made. With
    `?rev=N`, when that commit was made. With `?at=`, the rev that was the latest at that time, since
    when, and the commit after it."""
    if view.time is not None:
        nearest = await context.chronicle.at(view.time)
        following = nearest.following
        info = RevInfo(
            rev=nearest.rev,
            oldest_rev=context.store.oldest_rev,
            at=nearest.at,
            next_rev=None if following is None else following.rev,
            next_at=None if following is None else moment(following.time),
        )
        return json_answer(info.model_dump_json().encode(), nearest.rev)
    snapshot = await view.snapshot()
    journal = await context.store.journal_at(snapshot.rev)
    info = RevInfo(
        rev=snapshot.rev, oldest_rev=context.store.oldest_rev, at=None if journal is None else journal.at
    )
    return json_answer(info.model_dump_json().encode(), snapshot.rev)


@router.get("/schema", response_model=SchemaInfo, responses=read(), summary="Read the schema version")
async def get_schema(view: Moment) -> Response:
    """The version of the layout of the store. The service refuses to start on a newer one."""
    rev, record = await view.ask(lambda snapshot: snapshot.get(keys.SCHEMA))
    if record is not None and not readable(record):
        raise CoordinatorUnavailable(
            "The store's schema version was changed by another program and is not a number. The "
            "operator has to repair it."
        )
    version = SCHEMA_VERSION if record is None else int(record.value)
    return json_answer(SchemaInfo(version=version).model_dump_json().encode(), rev)
