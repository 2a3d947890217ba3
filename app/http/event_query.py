"""The query of events: where to begin, which events, and the answer as a stream or as a list."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated
from weakref import WeakMethod

from fastapi import Depends, Header, Query, Response
from pydantic import MISSING, AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.errors import InvalidRequest, MalformedRequest, RevCompacted
from app.events.filters import Filter, types_that_fit
from app.events.list import read_page
from app.events.position import Position
from app.events.stream import Stream
from app.http.asked_rev import time_in
from app.http.context import Call, Context, Ctx
from app.http.disconnects import Gone, until_gone
from app.http.event_stream import EVENT_STREAM, EventStream
from app.http.header_lists import quality
from app.http.listing import LIST_FRAME, check_page, list_answer
from app.http.ready_answer import JSON
from app.models.instance import Instance
from app.models.names import Host, InstanceId, Name, ProctypeName
from app.models.times import AskedTime, TimeText


def _type_pattern(text: str) -> str:
    if not types_that_fit(text):
        raise PydanticCustomError(
            "event_type", "Input should be a type of event, or how types begin and `*`: instance-*"
        )
    return text


Types = Annotated[
    list[
        Annotated[
            str,
            Field(pattern=r"^([a-z]+(-[a-z]+)?|([a-z]+-)?\*)$", max_length=64),
            AfterValidator(_type_pattern),
        ]
    ],
    Query(
        alias="type",
        description="Only events of these types. `instance-*` means every type that begins with `instance-`.",
        examples=[["instance-*", "app-update"]],
    ),
]
Apps = Annotated[list[Name], Query(alias="app", description="Only of these apps.", examples=[["rocket"]])]
Proctypes = Annotated[
    list[ProctypeName],
    Query(alias="proctype", description="Only of proctypes of these names.", examples=[["web"]]),
]
Instances = Annotated[
    list[InstanceId], Query(alias="instance", description="Only of these instances.", examples=[[17]])
]
Hosts = Annotated[
    list[Host],
    Query(
        alias="host",
        description="Only events of instances and runners on these hosts, including the event by "
        "which one leaves the host.",
        examples=[["10.0.0.7"]],
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
AfterTime = Annotated[
    TimeText | MISSING,
    Query(
        description="Instead of `rev`: start after the snapshot that was the latest at this time. An "
        "RFC 3339 time, or how long ago: `-15m`.",
        examples=["-15m"],
    ),
]
LastEventId = Annotated[
    str | MISSING,
    Header(
        alias="Last-Event-ID",
        description="Start after this event; wins over `rev`.",
        max_length=64,
        examples=["42-0"],
        json_schema_extra={"pattern": r"^([0-9]{1,19}(-[0-9]{1,9})?)?$"},
    ),
]


@dataclass(frozen=True, slots=True)
class EventQuery:
    """What a request asks of the history. `resumed` is true where it names the last event it received."""

    context: Context
    call: Call
    start: Position | None
    at: AskedTime | None
    resumed: bool
    wanted: Filter

    def of_apps(self, *apps: str) -> "EventQuery":
        """The same for these apps (none: for any)."""
        return replace(self, wanted=self.wanted.of_apps(apps))

    async def list(self, limit: int, wait: int) -> Response:
        """Up to `limit` events; where there is none, wait for one, at most `wait` seconds. Raises
        RevCompacted, RevInFuture, TooManySubscribers, CoordinatorUnavailable."""
        context = self.context
        start = await self._checked_start()
        check_page(limit, context.bounds.page)
        # A read like any other: it tells of every write that was acknowledged, by any replica, before.
        await context.store.latest()
        page, room = None, context.bounds.answer - LIST_FRAME
        if wait:
            with self.call.permit.waiting(), suppress(Gone):
                reading = read_page(context.store, context.channels, start, self.wanted, limit, room, wait)
                page = await until_gone(self.call, reading)
        if page is None:
            # Also for a client that has half-closed: it waits for nothing, and may still read this.
            page = await read_page(context.store, context.channels, start, self.wanted, limit, room, 0)
        return list_answer(
            context, self.call, page.rev, [event.data for event in page.events], str(page.next)
        )

    async def stream(self, snapshot: bool, instance_rows: object) -> Response:
        """The stream; with `snapshot` what is there first, unless it is resumed, and of instances only the
        fields that `instance_rows` lists. Raises InvalidRequest, RevCompacted, RevInFuture,
        TooManySubscribers, CoordinatorUnavailable."""
        rows = _row_fields(instance_rows, snapshot)
        if snapshot and not self.resumed and self.start is not None and self.start.index is not None:
            raise InvalidRequest.of(["query", "rev"], "is a whole rev with `snapshot`: a snapshot is of one")
        try:
            return self._stream(await self._checked_start(), snapshot and not self.resumed, rows)
        except RevCompacted:
            if not snapshot:
                raise
        # An EventSource gives up for good at any status but 200, and would never ask for the snapshot.
        return self._stream(await self._now(), True, rows, gone=True)

    async def _now(self) -> Position:
        return Position((await self.context.store.latest()).rev)

    async def _checked_start(self) -> Position:
        store = self.context.store
        if self.at is not None:
            return Position((await self.context.chronicle.at(self.at)).rev)
        if self.start is None:
            return await self._now()
        if self.start.rev > store.rev:
            await store.at(self.start.rev)  # asks the coordinator; refuses a rev that is not there yet
        await store.commits(self.start.after, 1)
        return self.start

    def _stream(self, start: Position, snapshot: bool, rows: tuple[str, ...], gone: bool = False) -> Response:
        context = self.context
        headers = {"Visor-Rev": str(start.rev), "Cache-Control": "no-store"}
        headers |= {name.decode(): value.decode() for name, value in self.call.principal.filtered}
        if self.call.is_head:
            return Response(None, 200, headers, EVENT_STREAM)
        self.call.permit.subscribe()
        open_stream = context.access.open_stream(self.call.principal, self.call.row)
        stream = Stream(
            context.store,
            context.channels,
            start,
            self.wanted,
            context.pace,
            snapshot,
            gone,
            open_stream.standing,
            rows,
        )
        open_stream.look = WeakMethod(stream.look)
        return EventStream(stream, headers)


def _row_fields(names: object, snapshot: bool) -> tuple[str, ...]:
    """The fields of a row, in the order in which they were asked for; none where instances come whole."""
    if not isinstance(names, str):
        return ()
    if not snapshot:
        raise InvalidRequest.of(["query", "instance_rows"], "is for a stream with `snapshot=true`")
    fields = tuple(dict.fromkeys(names.split(",")))
    for field in fields:
        if field not in Instance.model_fields:
            raise InvalidRequest.of(["query", "instance_rows"], f"names no field of an instance: {field}")
    return fields


def _event_query(
    context: Ctx,
    call: Call,
    types: Types = [],  # noqa: B006 - FastAPI reads these as declarations
    proctypes: Proctypes = [],  # noqa: B006
    instances: Instances = [],  # noqa: B006
    hosts: Hosts = [],  # noqa: B006
    rev: AfterPosition = MISSING,
    at: AfterTime = MISSING,
    last_event_id: LastEventId = MISSING,
) -> EventQuery:
    start, time = Position.parse(rev) if isinstance(rev, str) else None, time_in(at)
    if start is not None and time is not None:
        raise InvalidRequest.of(["query", "at"], "and a rev are two ways to say it: leave one of them out")
    received = last_event_id.strip() if isinstance(last_event_id, str) else ""
    if received:
        start, time = Position.parse(received), None
    wanted = Filter(
        Filter.types_of(types),
        frozenset(),
        frozenset(proctypes),
        frozenset(instances),
        frozenset(hosts),
        call.principal.sight,
    )
    return EventQuery(context, call, start, time, bool(received), wanted)


AskedEvents = Annotated[EventQuery, Depends(_event_query)]
"""The question to the history that the query and the headers of a request are."""


def prefers_list(accept: str) -> bool:
    """Whether an `Accept` wants the list more than the stream."""
    return quality(accept, JSON) > quality(accept, EVENT_STREAM)
