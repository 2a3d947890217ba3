"""/diff: what differs between two revs."""

import re
from collections import Counter, defaultdict
from typing import Annotated, Any, NamedTuple

from fastapi import Header, Query, Response
from fastapi.routing import APIRouter
from pydantic import MISSING
from pydantic_core import to_json

from app.errors import InvalidRequest
from app.http import cursors
from app.http.asked_rev import AskedRev, RevNumber, asked_rev, rev_of
from app.http.comparing import Pair, RevSpan
from app.http.context import Call, Context, Ctx
from app.http.declared_responses import read
from app.http.diff_text import lines
from app.http.entity_tags import IfNoneMatch, unchanged
from app.http.header_lists import quality
from app.http.listing import DEFAULT_LIMIT, LIST_FRAME, PageLimit, check_page, cursor_query
from app.http.ready_answer import JSON, ReadyAnswer, json_answer
from app.models.base import given_text, rfc3339
from app.models.diff import Diff
from app.models.paths import PATH_SCHEMA, Include, Subtree, subtree
from app.models.times import TimeText
from app.registry.difference import Difference, backwards, difference
from app.registry.sighted import shows

router = APIRouter(tags=["time"])

TEXT = "text/plain"

FROM, TO = "from", "to"
_REV = re.compile(r"[0-9]{1,19}\Z")

ANSWERS: dict[int | str, dict[str, Any]] = {
    **read(),
    200: {
        "description": "A page of the differences. With both `from` and `to` it never changes and "
        "has an `ETag`.",
        "headers": {"ETag": {"$ref": "#/components/headers/OptionalETag"}},
    },
    304: {
        "description": "The difference is the one that If-None-Match names.",
        "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
    },
}


class _Page(NamedTuple):
    """Items, the same as JSON, and the key of the last where there are more."""

    items: list[dict[str, Any]]
    encoded: list[bytes]
    last: str | None


class _Comparison:
    """What is compared: `from_` and `to` are the revs, `subtree` the objects; the page begins after the key
    `after`."""

    def __init__(
        self, context: Context, call: Call, from_: int, to: int, within: Subtree, after: str
    ) -> None:
        self._sight = call.principal.sight
        self.from_, self.to, self.subtree, self.after = from_, to, within, after
        low, high = sorted((from_, to))
        self.high = high
        self.span = RevSpan(context.store, context.channels.turns, low, high, within)

    async def page(self, limit: int, room: int) -> "_Page":
        """At most `limit` items that take at most `room` bytes together, but at least one."""
        page = _Page([], [], None)
        key = ""
        async for pair in self.span.pairs(self.after):
            changed = self._difference(pair)
            if changed is None:
                continue
            item = changed.as_json(by=await self._by(pair))
            made = to_json(item)
            room -= len(made) + 1
            if page.items and (len(page.items) == limit or room < 0):
                return page._replace(last=key)
            page.items.append(item)
            page.encoded.append(made)
            key = changed.key
        return page

    async def counts(self) -> dict[str, dict[str, int]]:
        """How many there are of each kind and action."""
        counted: dict[str, Counter[str]] = defaultdict(Counter)
        async for pair in self.span.pairs():
            changed = self._difference(pair)
            if changed is not None:
                counted[changed.kind][changed.action.value] += 1
        return {kind: dict(sorted(counted[kind].items())) for kind in sorted(counted)}

    def _difference(self, pair: Pair) -> Difference | None:
        if not any(side is not None and shows(self._sight, side) for side in (pair.before, pair.after)):
            return None
        changed = difference(pair.before, pair.after, self.subtree.field)
        return backwards(changed) if changed is not None and self.from_ > self.to else changed

    async def _by(self, pair: Pair) -> dict[str, Any] | None:
        by = await self.span.changed_by(pair)
        if by is None:
            return None
        rev, journal = by
        return {
            "rev": rev,
            "at": rfc3339(journal.at),
            "actor": journal.actor,
            "reason": journal.reason,
        }


FromRev = Annotated[
    RevNumber | MISSING,
    Query(alias=FROM, description="The earlier rev. Give this or `from_at`.", examples=[41]),
]
FromTime = Annotated[
    TimeText | MISSING, Query(description="Instead of `from`: a time, or how long ago.", examples=["-15m"])
]
ToRev = Annotated[
    RevNumber | MISSING,
    Query(alias=TO, description="The later rev. Without `to` and `to_at`, the latest.", examples=[42]),
]
ToTime = Annotated[
    TimeText | MISSING, Query(description="Instead of `to`: a time, or how long ago.", examples=["-5m"])
]
Below = Annotated[
    str,
    Query(
        description="Only what is at this path or below it: `/`, `/apps/rocket`, `/apps/rocket/env`.",
        json_schema_extra=PATH_SCHEMA,
        examples=["/apps/rocket"],
    ),
]
Kinds = Annotated[
    Include | MISSING,
    Query(
        description="Which kinds: `declared` (apps, revisions, env sets, proctypes, services, "
        "endpoints), `instances` (with the targets of scales), or `all`. The default is "
        "`declared`, or the kinds that `path` names."
    ),
]
SpanCursor = Annotated[str | MISSING, cursor_query("`next` of the previous page; its two revs stay.")]


@router.get("/diff", response_model=Diff, responses=ANSWERS, summary="Compare two revs")
async def get_diff(
    context: Ctx,
    call: Call,
    from_: FromRev = MISSING,
    from_at: FromTime = MISSING,
    to: ToRev = MISSING,
    to_at: ToTime = MISSING,
    path: Below = "/",
    include: Kinds = MISSING,
    summary: Annotated[bool, Query(description="Only how many objects, by kind and action.")] = False,
    limit: PageLimit = DEFAULT_LIMIT,
    cursor: SpanCursor = MISSING,
    if_none_match: IfNoneMatch = MISSING,
    accept: Annotated[str | MISSING, Header(include_in_schema=False)] = MISSING,
) -> Response:
    """Every object and field that differs, with the commit that changed it last. If `from` is above `to`,
    the difference is given backwards. If `Accept` prefers `text/plain`, the answer has one line for each
    field."""
    check_page(limit, context.bounds.page)
    within = subtree(path, include if isinstance(include, Include) else None)
    of = cursors.name_of(call)
    begin, end = asked_rev(from_, from_at, "from_at"), asked_rev(to, to_at, "to_at")
    if begin is None:
        raise InvalidRequest.of(["query", FROM], "Field required, or `from_at`", "missing")
    comparison = await _comparison_of(context, call, within, begin, end, given_text(cursor), of)
    await comparison.span.check()
    as_text = isinstance(accept, str) and quality(accept, TEXT) > quality(accept, JSON)
    named = isinstance(from_, int) and isinstance(to, int)  # a time may be one that is counted from now
    tag = comparison.high if named and not as_text else None
    # Looked at in any case: no tag is 0, and what is none is refused.
    if isinstance(if_none_match, str) and unchanged(if_none_match, tag or 0) and tag is not None:
        return ReadyAnswer(b"", 304, [(b"visor-rev", b"%d" % tag), (b"etag", b'"%d"' % tag)])
    with context.comparisons.counted():
        counts = await comparison.counts() if summary else None
        page = _Page([], [], None)
        if not summary:
            page = await comparison.page(limit, context.bounds.answer - LIST_FRAME)
    following = None
    if page.last is not None:
        place = cursors.Cursor(comparison.high, f"{comparison.from_} {comparison.to} {page.last}")
        following = cursors.write(place, of)
    if as_text:
        return _text(comparison.high, page.items, counts, following)
    head = {"rev": comparison.high, "from": comparison.from_, "to": comparison.to}
    more = {"next": following, "counts": counts}
    body = to_json(head)[:-1] + b',"items":[' + b",".join(page.encoded) + b"]," + to_json(more)[1:]
    return json_answer(body, comparison.high, etag=tag)


async def _comparison_of(
    context: Context,
    call: Call,
    within: Subtree,
    begin: AskedRev,
    end: AskedRev,
    cursor: str | None,
    of: str,
) -> _Comparison:
    if cursor is not None:
        place = cursors.read(cursor, of)
        first, _, rest = place.after.partition(" ")
        last, _, after = rest.partition(" ")
        if not (_REV.match(first) and _REV.match(last)):
            raise cursors.not_given()
        return _Comparison(context, call, int(first), int(last), within, after)
    from_ = await rev_of(context, begin) or 0
    to = await rev_of(context, end)
    if to is None:
        to = (await context.store.latest()).rev
    return _Comparison(context, call, from_, to, within, "")


def _text(
    rev: int, items: list[dict[str, Any]], counts: dict[str, dict[str, int]] | None, following: str | None
) -> Response:
    shown = [line for item in items for line in lines(item)]
    for kind, actions in (counts or {}).items():
        shown += [f"{count} {kind} {action}" for action, count in actions.items()]
    if following is not None:
        shown.append(f"# more: add cursor={following}")
    text = "".join(f"{line}\n" for line in shown)
    return Response(text, media_type=TEXT, headers={"Visor-Rev": str(rev), "Vary": "Accept"})
