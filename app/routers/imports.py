"""/import: the objects of an export, put into the registry."""

from typing import Annotated, Any

from fastapi import Query, Response
from fastapi.routing import APIRouter

from app.errors import UnsupportedMediaType
from app.http.context import Call, Ctx
from app.http.declared_responses import committed
from app.http.endpoint import STREAMS_BODY
from app.http.export import NDJSON
from app.http.importing import Import
from app.http.writes import Put, nothing
from app.models.imports import Imported, ImportMode
from app.store.contract import Changes

router = APIRouter(tags=["time"])

LINES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The lines of `GET /export`, unchanged. They are read while they arrive.",
        "content": {NDJSON: {"schema": {"type": "string"}}},
    }
}

_MEDIA_TYPES = frozenset({NDJSON, "application/jsonl", "application/octet-stream", ""})
"""What lines of JSON are called. Nothing said is bytes of any kind (RFC 9110)."""


@router.post(
    "/import",
    response_model=Imported,
    responses=committed(),
    openapi_extra=LINES,
    summary="Import objects",
)
async def import_objects(
    write: Put,
    context: Ctx,
    call: Call,
    mode: Annotated[
        ImportMode, Query(description="Into an empty registry, or merged with what is there.")
    ] = ImportMode.EMPTY,
) -> Response:
    """Puts the objects of an export into this registry. Ids, ports, claims and times stay; revs are new.
    Each thousand objects are one commit, which leaves a consistent state. If the import ends early,
    `done` says what was committed; send the same file again to go on. A file that fits into one commit is
    imported whole or not at all. Secrets come without their values."""
    # What it may not do it is told before it has sent everything.
    await write.commit(lambda snapshot, at: Changes(), nothing)
    _require_lines(call)
    done = await Import(context, call, write.unconditional(), mode).run()
    return write.response(done.model_dump_json().encode(), done.rev)


def _require_lines(call: Call) -> None:
    declared = call.fields.get(b"content-type", b"").partition(b";")[0].strip(b" \t").lower()
    if declared.decode("latin-1") not in _MEDIA_TYPES or b"content-encoding" in call.fields:
        raise UnsupportedMediaType(
            "An import is what GET /export gives, as it is, and says so. With curl: "
            f"-H 'Content-Type: {NDJSON}' --data-binary @FILE (or -T FILE)."
        )


setattr(import_objects, STREAMS_BODY, True)
