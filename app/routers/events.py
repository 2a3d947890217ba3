"""/events: the stream, and the same history as a list."""

from typing import Annotated, Any

from fastapi import Header, Query, Response
from fastapi.routing import APIRouter
from pydantic import MISSING, Field

from app.errors import InvalidRequest
from app.http.declared_responses import read
from app.http.event_query import Apps, AskedEvents, EventQuery, prefers_list
from app.http.event_stream import EVENT_STREAM, EventStream
from app.http.item_fields import PageFields
from app.models.event import EventPage
from app.models.names import IN_DIGITS, Name

router = APIRouter(tags=["events"])

Limit = Annotated[int, Field(ge=1, le=1000), IN_DIGITS]
Wait = Annotated[int, Field(ge=0, le=60), IN_DIGITS]

Snapshot = Annotated[
    bool,
    Query(
        description="Send every matching object first, then the events. If the start is no longer "
        "kept, send `gone` and a new snapshot instead of 410."
    ),
]
PageLimit = Annotated[Limit, Query(description="At most this many items.")]
PageWait = Annotated[Wait, Query(description="Seconds to wait for an event if there is none yet.")]

# With an Accept that prefers JSON a stream's path answers the list, as it did before the list had a path of
# its own. It is not in the schema: one operation of two media types hangs most generated clients.
HiddenLimit = Annotated[Limit, Query(include_in_schema=False)]
HiddenWait = Annotated[Wait, Query(include_in_schema=False)]
Accept = Annotated[str | MISSING, Header(include_in_schema=False)]

STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The stream of Server-Sent Events. The server ends it after some minutes; "
        "clients then resume.",
        "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
    }
}
PAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The events after the start, up to `next`, in the order in which they happened."}
}


@router.get(
    "/events",
    response_class=EventStream,
    status_code=200,
    responses={**read(), **STREAM},
    summary="Follow what happens",
)
async def get_events(
    events: AskedEvents,
    apps: Apps = [],  # noqa: B006 - FastAPI reads it as a declaration
    snapshot: Snapshot = False,
    instance_rows: PageFields = MISSING,
    limit: HiddenLimit = 100,
    wait: HiddenWait = 0,
    accept: Accept = MISSING,
) -> Response:
    """Server-Sent Events: everything after a rev, in order and exactly once. A client that was cut
    resumes with `Last-Event-ID`. Clients that cannot read a stream use `GET /events/list`, which can wait
    for events too."""
    return await _answer(events.of_apps(*apps), snapshot, instance_rows, limit, wait, accept)


@router.get(
    "/events/list", response_model=EventPage, responses={**read(), **PAGE}, summary="List what happened"
)
async def list_events(
    events: AskedEvents,
    apps: Apps = [],  # noqa: B006 - FastAPI reads it as a declaration
    limit: PageLimit = 100,
    wait: PageWait = 0,
) -> Response:
    """The same history as the stream, page by page, or with `wait` as a long poll. Send `next` as the
    `rev` of the next call, until a page is empty; then use `wait`."""
    return await events.of_apps(*apps).list(limit, wait)


@router.get(
    "/apps/{app}/events",
    response_class=EventStream,
    status_code=200,
    responses={**read(), **STREAM},
    summary="Follow what happens to an app",
)
async def get_app_events(
    app: Name,
    events: AskedEvents,
    snapshot: Snapshot = False,
    instance_rows: PageFields = MISSING,
    limit: HiddenLimit = 100,
    wait: HiddenWait = 0,
    accept: Accept = MISSING,
) -> Response:
    """The same for one app. The app need not be registered yet."""
    return await _answer(events.of_apps(app), snapshot, instance_rows, limit, wait, accept)


@router.get(
    "/apps/{app}/events/list",
    response_model=EventPage,
    responses={**read(), **PAGE},
    summary="List what happened to an app",
)
async def list_app_events(
    app: Name, events: AskedEvents, limit: PageLimit = 100, wait: PageWait = 0
) -> Response:
    """The same for one app. The app need not be registered yet."""
    return await events.of_apps(app).list(limit, wait)


async def _answer(
    events: EventQuery, snapshot: bool, instance_rows: Any, limit: int, wait: int, accept: Any
) -> Response:
    if not (isinstance(accept, str) and prefers_list(accept)):
        return await events.stream(snapshot, instance_rows)
    if snapshot:
        raise InvalidRequest.of(
            ["query", "snapshot"], "is for the stream: read the lists and go on from their rev"
        )
    return await events.list(limit, wait)
