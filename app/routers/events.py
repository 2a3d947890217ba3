"""/events: the stream, and the same history as a list."""

from contextlib import suppress
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request, Response
from fastapi.routing import APIRouter
from pydantic import MISSING, AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.errors import InvalidRequest, MalformedRequest, RevCompacted
from app.events.filters import Filter
from app.events.list import read_page
from app.events.position import Position
from app.events.stream import Stream
from app.http.context import Context, Ctx
from app.http.declared_responses import read
from app.http.disconnects import Gone, until_gone
from app.http.event_stream import EVENT_STREAM, EventStream
from app.http.json_body import StrictRoute
from app.http.reads import JSON, check_page, json_answer
from app.models.event import EventPage
from app.models.names import IN_DIGITS, Host, InstanceId, Name, ProctypeName

router = APIRouter(tags=["events"], route_class=StrictRoute)

Types = Annotated[
    list[Annotated[str, Field(pattern=r"^([a-z]+(-[a-z]+)?|([a-z]+-)?\*)$", max_length=64)]],
    Query(
        alias="type",
        description="Repeatable; `instance-*` means all events of instances.",
        examples=[["instance-*", "app-update"]],
    ),
]


def _position(text: str) -> str:
    try:
        Position.parse(text)
    except MalformedRequest:
        raise PydanticCustomError(
            "position", "Input should be a rev, or a rev and an index: 42 or 42-0"
        ) from None
    return text


AfterPosition = Annotated[
    Annotated[
        str,
        AfterValidator(_position),
        Field(json_schema_extra={"pattern": r"^[0-9]{1,19}(-[0-9]{1,9})?$"}),
    ]
    | MISSING,
    Query(
        description="Start after this snapshot; 0 is the registry before its first commit. With an index, as "
        "event ids have it, after that event of the rev.",
        examples=["42", "42-0"],
    ),
]


class Subscription:
    """What a request asks of the history: a start, filters, and the form of the answer."""

    def __init__(
        self,
        context: Context,
        request: Request,
        start: Position | None,
        resumed: bool,
        wanted: Filter,
        snapshot: bool,
        limit: int,
        wait: int,
        as_list: bool,
    ) -> None:
        self._context = context
        self._request = request
        self._start = start
        self._resumed = resumed
        self._wanted = wanted
        self._snapshot = snapshot
        self._limit = limit
        self._wait = wait
        self._as_list = as_list

    async def answer(self, app: str | None) -> Response:
        """The stream or the list. Raises RevCompacted, RevInFuture, TooManySubscribers,
        CoordinatorUnavailable."""
        wanted = self._wanted.of_app(app)
        if not self._as_list:
            return await self._open_stream(wanted)
        return await self._list(await self._checked_start(), wanted)

    async def _open_stream(self, wanted: Filter) -> Response:
        try:
            return self._stream(await self._checked_start(), wanted, self._snapshot and not self._resumed)
        except RevCompacted:
            if not self._snapshot:
                raise
        # An EventSource gives up for good at any status but 200, and would never ask for the snapshot.
        return self._stream(await self._now(), wanted, snapshot=True, gone=True)

    async def _now(self) -> Position:
        return Position((await self._context.store.latest()).rev)

    async def _checked_start(self) -> Position:
        store = self._context.store
        if self._start is None:
            return await self._now()
        if self._start.rev > store.rev:
            await store.at(self._start.rev)  # asks the coordinator; refuses a rev that is not there yet
        await store.commits(self._start.after, 1)
        return self._start

    async def _list(self, start: Position, wanted: Filter) -> Response:
        context = self._context
        check_page(self._limit, context.bounds.page)
        # A read like any other: it tells of every write that was acknowledged, by any replica, before.
        await context.store.latest()
        page = None
        if self._wait:
            with self._request.state.slot.waiting(), suppress(Gone):
                page = await until_gone(
                    self._request,
                    read_page(context.store, context.channels, start, wanted, self._limit, self._wait),
                )
        if page is None:
            # Also for a client that has half-closed: it waits for nothing, and may still read this.
            page = await read_page(context.store, context.channels, start, wanted, self._limit, 0)
        items = b",".join(event.data for event in page.events)
        body = b'{"rev":%d,"items":[%b],"next":"%b"}' % (page.rev, items, str(page.next).encode())
        return json_answer(body, page.rev)

    def _stream(self, start: Position, wanted: Filter, snapshot: bool, gone: bool = False) -> Response:
        context = self._context
        headers = {"Visor-Rev": str(start.rev), "Cache-Control": "no-store"}
        if self._request.scope.get("visor.head"):
            return Response(None, 200, headers, EVENT_STREAM)
        self._request.state.slot.subscribe()
        stream = Stream(context.store, context.channels, start, wanted, context.pace, snapshot, gone)
        return EventStream(stream, headers)


async def _subscription(
    context: Ctx,
    request: Request,
    type_: Types = [],  # noqa: B006 - FastAPI reads it as a declaration
    proctype: Annotated[
        ProctypeName | MISSING, Query(description="Only of proctypes of this name.")
    ] = MISSING,
    instance: Annotated[InstanceId | MISSING, Query(description="Only of this instance.")] = MISSING,
    host: Annotated[Host | MISSING, Query(description="Only of what is on this host.")] = MISSING,
    rev: AfterPosition = MISSING,
    snapshot: Annotated[
        bool,
        Query(
            description="First every object that matches, then what follows. Where the start is no longer "
            "kept, `gone` and a fresh snapshot instead of 410."
        ),
    ] = False,
    limit: Annotated[
        int, Field(ge=1, le=1000), IN_DIGITS, Query(description="Of the list: items at most.")
    ] = 100,
    wait: Annotated[
        int, Field(ge=0, le=60), IN_DIGITS, Query(description="Of the list: seconds to wait for an event.")
    ] = 0,
    accept: Annotated[
        # Not in the schema: OpenAPI gives Accept to the answers' media types, and ignores it here.
        str | MISSING,
        Header(include_in_schema=False),
    ] = MISSING,
    last_event_id: Annotated[
        str | MISSING,
        Header(
            alias="Last-Event-ID",
            description="Start after this event; wins over `rev`.",
            max_length=64,
            examples=["42-0"],
            json_schema_extra={"pattern": r"^([0-9]{1,19}(-[0-9]{1,9})?)?$"},
        ),
    ] = MISSING,
) -> Subscription:
    start = Position.parse(rev) if isinstance(rev, str) else None
    received = last_event_id.strip() if isinstance(last_event_id, str) else ""
    if received:
        start = Position.parse(received)
    elif snapshot and start is not None and start.index is not None:
        raise InvalidRequest.of(["query", "rev"], "is a whole rev with `snapshot`: a snapshot is of one")
    types = [accept] if isinstance(accept, str) else []
    as_list = any(JSON in one for one in types) and not any(EVENT_STREAM in one for one in types)
    if as_list and snapshot:
        raise InvalidRequest.of(
            ["query", "snapshot"], "is for the stream: read the lists and go on from their rev"
        )
    wanted = Filter(
        types=frozenset(type_),
        proctype=proctype if isinstance(proctype, str) else None,
        instance=instance if isinstance(instance, int) else None,
        host=host if isinstance(host, str) else None,
    )
    return Subscription(context, request, start, bool(received), wanted, snapshot, limit, wait, as_list)


Subscribe = Annotated[Subscription, Depends(_subscription)]

STREAM_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "model": EventPage,
        "description": "The stream, or with `Accept: application/json` the list.",
        "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
    }
}


@router.get("/events", responses={**read(), **STREAM_ANSWER}, summary="Follow what happens")
async def get_events(
    subscription: Subscribe,
    app: Annotated[Name | MISSING, Query(description="Only of this app.")] = MISSING,
) -> Response:
    """Server-Sent Events: everything after a rev, in order, exactly once, and exactly resumable with
    `Last-Event-ID`. With `Accept: application/json` the same history as a list, with a long poll."""
    return await subscription.answer(app if isinstance(app, str) else None)


@router.get(
    "/apps/{app}/events",
    responses={**read(), **STREAM_ANSWER},
    summary="Follow what happens to an app",
)
async def get_app_events(app: Name, subscription: Subscribe) -> Response:
    """The same for one app. It need not be registered yet."""
    return await subscription.answer(app)
