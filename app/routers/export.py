"""/export: the registry at one rev, as lines of JSON."""

from typing import Annotated, Any

from fastapi import Query, Response
from fastapi.routing import APIRouter

from app.http.context import Call, Ctx
from app.http.declared_responses import read
from app.http.export import NDJSON, Export, ExportAnswer
from app.http.reads import Moment
from app.models.paths import PATH_SCHEMA, Include, subtree

router = APIRouter(tags=["time"])

LINES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": 'Lines of JSON: `{"visor":1,"rev","at","schema"}`, then `{"path","object"}` '
        'for each object, then `{"end":true,"objects","sha256"}`. If that last line '
        "is missing, the export was cut off. The sum covers all bytes before it. A "
        'line with `"ended":true` is the entry of an unregistered instance in its '
        "ended list. The first line of a whole export has `next`: the next id and "
        "port.",
        "content": {NDJSON: {"schema": {"type": "string"}}},
    }
}


@router.get(
    "/export",
    response_class=ExportAnswer,
    status_code=200,
    responses={**read(), **LINES},
    summary="Export objects",
)
async def export_objects(
    context: Ctx,
    call: Call,
    view: Moment,
    path: Annotated[
        str,
        Query(
            description="Only what is at this path or below it.",
            examples=["/apps/rocket"],
            json_schema_extra=PATH_SCHEMA,
        ),
    ] = "/",
    include: Annotated[
        Include,
        Query(description="Declared objects, instances with the targets of scales, or all."),
    ] = Include.ALL,
) -> Response:
    """All objects of one snapshot, ordered by kind and name, sent while they are read. An export is the
    state at one rev, without its history and without tokens."""
    within = subtree(path, include)
    rev = (await view.snapshot()).rev
    journal = await context.store.journal_at(rev)
    return ExportAnswer(Export(context, call, rev, journal, within), call, rev)
