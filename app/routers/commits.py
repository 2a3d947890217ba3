"""/commits: the history commit by commit; /timeline: how much happened when."""

from enum import StrEnum
from functools import partial
from typing import Annotated

from fastapi import Path, Query, Response
from fastapi.routing import APIRouter
from pydantic import MISSING, Field

from app.errors import NotFound
from app.events.commit_changes import Sees, changes_of
from app.events.commits import Wanted, detail, look_up
from app.events.filters import Filter
from app.http import cursors
from app.http.asked_rev import RevNumber, asked_rev, time_in
from app.http.chosen_snapshot import lasts
from app.http.commit_list import CommitList
from app.http.context import Call, Ctx
from app.http.declared_responses import read
from app.http.event_query import Types
from app.http.listing import DEFAULT_LIMIT, LIST_FRAME, PageCursor, PageLimit
from app.http.ready_answer import json_answer
from app.models import paths
from app.models.base import given_text
from app.models.commit import Bucket, CommitDetail, CommitPage, Timeline
from app.models.names import IN_DIGITS
from app.models.paths import Include
from app.models.times import AskedTime, TimeText
from app.registry.sighted import shows
from app.store.micros import moment

router = APIRouter(tags=["time"])

_NOW = AskedTime(0, True)


class Order(StrEnum):
    """Newest or oldest first."""

    DESC = "desc"
    ASC = "asc"


def _sees(call: Call) -> Sees | None:
    """What who asks may see; None for everything."""
    sight = call.principal.sight
    return None if sight.all else partial(shows, sight)


Below = Annotated[
    str | MISSING,
    Query(
        description="Only commits that changed an object at this path or below it, such as "
        "`/apps/rocket`, or a part of an app, such as `/apps/rocket/env/cow`. An "
        "instance is also below its app and its proctype.",
        examples=["/apps/rocket"],
        json_schema_extra=paths.PATH_SCHEMA,
    ),
]
Kinds = Annotated[
    Include | MISSING,
    Query(
        description="Only changes of declared objects, or only of instances and targets of scales. "
        "`all` adds the service's own upkeep.",
    ),
]
Actors = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=128)]],
    Query(description="Only by these actors.", examples=[["anna"]]),
]
After = Annotated[
    TimeText | MISSING,
    Query(description="Instead of `from`: only after this time, or so long ago.", examples=["-15m"]),
]
UpTo = Annotated[
    TimeText | MISSING,
    Query(description="Instead of `to`: only up to this time, or so long ago.", examples=["-5m"]),
]


@router.get("/commits", response_model=CommitPage, responses=read(), summary="List commits")
async def list_commits(
    context: Ctx,
    call: Call,
    path: Below = MISSING,
    include: Kinds = MISSING,
    actor: Actors = [],  # noqa: B006 - FastAPI reads it as a declaration
    types: Types = [],  # noqa: B006
    start: Annotated[
        RevNumber | MISSING, Query(alias="from", description="Only after this rev.", examples=[41])
    ] = MISSING,
    end: Annotated[
        RevNumber | MISSING, Query(alias="to", description="Only up to this rev.", examples=[42])
    ] = MISSING,
    from_at: After = MISSING,
    to_at: UpTo = MISSING,
    order: Annotated[Order, Query(description="The newest first, or the oldest.")] = Order.DESC,
    limit: PageLimit = DEFAULT_LIMIT,
    cursor: PageCursor = MISSING,
) -> Response:
    """Who changed what, when, by which request and why. All pages of one list end at the rev that was the
    latest when the first page was read. One call looks at 50,000 commits at most, so a page can be short
    or empty and still have a `next`."""
    subtree = None
    if isinstance(path, str) or isinstance(include, Include):
        kinds = include if isinstance(include, Include) else Include.ALL
        subtree = paths.subtree(path if isinstance(path, str) else "/", kinds)
    events = Filter(Filter.types_of(types), sight=call.principal.sight) if types else None
    wanted = Wanted(subtree, _sees(call), frozenset(actor), events, include is Include.ALL)
    filters = CommitList(
        context,
        call,
        asked_rev(start, from_at, "from_at"),
        asked_rev(end, to_at, "to_at"),
        order is Order.DESC,
        limit,
        given_text(cursor),
    )
    return await filters.page(wanted)


@router.get("/commits/{rev}", response_model=CommitDetail, responses=read(404), summary="Read a commit")
async def get_commit(
    context: Ctx,
    call: Call,
    rev: Annotated[RevNumber, Path(description="Of the commit.", examples=[42])],
    cursor: PageCursor = MISSING,
) -> Response:
    """One commit, with each changed object before and after. If no commit of this registry was made at
    that rev, 404 with the revs before and after it. A commit that is too long for one answer goes on at
    `next`."""
    located = await look_up(context.store, context.chronicle, rev)
    changes = [*changes_of(located.commit, _sees(call))] if located.commit else []
    if located.commit is None or (not changes and _sees(call) is not None):
        raise NotFound(
            f"No commit was made at rev {rev}.",
            previous=located.before,
            next=located.after,
            rev=context.store.rev,
        )
    of, after = call.scope["path"] + call.principal.digest, 0
    if isinstance(cursor, str):
        position = cursors.read(cursor, of)
        if position.rev != rev or not position.after.isdecimal():
            raise cursors.not_given()
        after = int(position.after)
    room = context.bounds.answer - LIST_FRAME
    body, upto = await detail(located.commit, changes, after, room, context.channels.turns)
    following = b"null"
    if upto is not None:
        following = b'"%b"' % cursors.write(cursors.Cursor(rev, str(upto)), of).encode()
    call.lasting = lasts(context, call, rev)
    return json_answer(b'%b,"next":%b}' % (body, following), rev)


@router.get("/timeline", response_model=Timeline, responses=read(), summary="Count commits over time")
async def get_timeline(
    context: Ctx,
    call: Call,
    from_at: Annotated[
        TimeText | MISSING,
        Query(description="After this time, or so long ago. By default, since the beginning of the history."),
    ] = MISSING,
    to_at: Annotated[
        TimeText | MISSING, Query(description="Up to this time, or so long ago. By default, up to now.")
    ] = MISSING,
    buckets: Annotated[
        int, Field(ge=1, le=1000), IN_DIGITS, Query(description="Equal spans to count in.")
    ] = 60,
) -> Response:
    """How many commits were made in each span of time, by what they were asked to change. Each commit
    counts once; the service's own upkeep does not count. A token that sees only a part counts the commits
    that changed something in that part (`Visor-Filtered`). It looks at the newest 50,000 commits at
    first, and the spans begin no earlier."""
    sees = _sees(call)
    seen = None if sees is None else partial(context.seen_times.upto, call.principal.sight, sees)
    rev, edges, counted = await context.chronicle.counts(
        time_in(from_at), time_in(to_at) or _NOW, buckets, seen
    )
    items = [
        Bucket(from_at=moment(start), to_at=moment(end), total=sum(counts.values()), counts=counts)
        for start, end, counts in zip(edges, edges[1:], counted, strict=False)
    ]
    answer = json_answer(Timeline(rev=rev, items=items).model_dump_json().encode(), rev)
    answer.raw_headers += call.principal.filtered
    return answer
