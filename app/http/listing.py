"""A list, page by page of one snapshot."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import Depends, Query, Response
from pydantic import MISSING, Field

from app.errors import InvalidCursor, InvalidRequest
from app.events.turns import Turns
from app.http import cursors
from app.http.asked_rev import AskedRev, AtRev, AtTime, asked_rev
from app.http.chosen_snapshot import AskedConsistency, Consistency, chosen, lasts
from app.http.context import Call, Context, Ctx
from app.http.item_fields import PageFields, fields_in, in_part
from app.http.large_answer import LARGE, LargeAnswer
from app.http.ready_answer import json_answer
from app.models import codec
from app.models.names import IN_DIGITS
from app.registry.state import exists
from app.store.contract import Snapshot
from app.store.records import Record
from app.store.snapshots import Find, find_page, kept_length, scan

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100
"""Items of a page."""

LIST_FRAME = 8 * 1024
"""Bytes of a list at most beside its items: a cursor has 4 KiB."""

_PAGING = cursors.PAGING | {"rev", "at", "consistency"}


def check_page(limit: int, longest: int) -> None:
    """Raises InvalidRequest where a page is asked for that is longer than the service is set to give."""
    if limit > longest:
        raise InvalidRequest.of(["query", "limit"], f"is {longest} at most on this server")


class Listing:
    """A read of a list, page by page of one snapshot."""

    def __init__(
        self,
        context: Context,
        call: Call,
        rev: AskedRev,
        stale: bool,
        limit: int,
        cursor: str | None,
        fields: frozenset[str],
    ) -> None:
        self._fields = fields
        self._context = context
        self._call = call
        self._store = context.store
        self._longest = context.bounds.page
        self._room = context.bounds.answer - LIST_FRAME
        self._rev = rev
        self._stale = stale
        self._limit = limit
        self._cursor = cursor

    @property
    def _of(self) -> str:
        return cursors.name_of(self._call, _PAGING)

    @property
    def limit(self) -> int:
        """Items of the page at most."""
        return self._limit

    async def begin(self) -> tuple[Snapshot, str]:
        """The snapshot that the page is of, and the name after which it begins. Raises InvalidRequest,
        InvalidCursor, RevCompacted, RevInFuture, CoordinatorUnavailable."""
        check_page(self._limit, self._longest)
        if self._cursor is None:
            return await chosen(self._context, self._call, self._rev, stale=self._stale), ""
        cursor = cursors.read(self._cursor, self._of)
        # A time that the first page was asked for by stays in the query: the cursor says what it meant.
        if isinstance(self._rev, int) and self._rev != cursor.rev:
            raise InvalidCursor(f"The cursor is of rev {cursor.rev}: leave `rev` out, or say the same.")
        return self._call.principal.see(await cursors.pinned(self._store, cursor.rev)), cursor.after

    async def again(self, snapshot: Snapshot) -> Snapshot:
        """The same snapshot, asked for anew: it may have left the memory since. Raises RevCompacted,
        CoordinatorUnavailable."""
        return await chosen(self._context, self._call, snapshot.rev, stale=self._stale)

    async def page(self, find: Find, body: Callable[[Record], bytes] | None = None) -> Response:
        """The page of what is found, in the order of keys. It ends early where it would be too long."""
        snapshot, after = await self.begin()
        bodies = _PageBodies()
        records, more = await find_page(snapshot, find, after, self._limit, self._room, bodies.take)
        if body is None:
            items, size = await bodies.first(records, self._context.channels.turns)
        else:
            items, size = [body(record) for record in records], None
        last = records[-1].key if more else None
        return await self.answer(snapshot.rev, items, last, lasting=body is None, size=size)

    async def answer(
        self,
        rev: int,
        items: Sequence[bytes],
        last: str | None,
        *,
        lasting: bool = True,
        size: int | None = None,
    ) -> Response:
        """The page of these items. `last` names the last of them where there are more; `lasting` says that
        they tell of the snapshot and of nothing else; `size` are their bytes, where they are known."""
        if self._fields:
            size = None
            items = await in_part(items, self._fields, self._context.channels.turns)
        named = self._rev if self._cursor is None else rev
        self._call.lasting = lasting and lasts(self._context, self._call, named)
        following = None if last is None else cursors.write(cursors.Cursor(rev, last), self._of)
        return list_answer(self._context, self._call, rev, items, following, size)

    async def of(self, term: str, body: Callable[[Record], bytes] | None = None) -> Response:
        """The page of the records with a term. `body` says each, where it is not said as it is kept."""
        return await self.page(
            lambda snapshot, after, limit: scan(snapshot, term, after=after, limit=limit), body
        )

    async def under(self, parent: str, what: str, term: str) -> Response:
        """The same below a resource that has to be there. Raises NotFound."""

        def find(snapshot: Snapshot, after: str, limit: int) -> list[Record]:
            exists(snapshot, parent, what)
            return scan(snapshot, term, after=after, limit=limit)

        return await self.page(find)


class _PageBodies:
    """What is said of the records of a page, gone through once: each look at a thousand of them costs a
    tenth of the answer."""

    def __init__(self) -> None:
        self._items: list[bytes] = []
        """Of the first records taken, up to one for which nothing was made yet: that is often the one behind
        the page, which only tells that there are more."""
        self._length = 0
        self._unbroken = True

    def take(self, records: Sequence[Record]) -> int:
        """Bytes of what is said of the next records, or, where it was never asked for, of what is kept."""
        made: list[Any] = [record.wire for record in records]
        try:
            # A None among them is found by this too, which saves a look at each.
            length = sum(map(len, made))
        except TypeError:
            count = made.index(None)
            length = sum(map(len, made[:count]))
            self._keep(made[:count], length)
            self._unbroken = False
            return length + kept_length(records[count:])
        self._keep(made, length)
        return length

    def _keep(self, known: list[bytes], length: int) -> None:
        if self._unbroken:
            self._items = self._items + known if self._items else known
            self._length += length

    async def first(self, records: Sequence[Record], turns: Turns) -> tuple[list[bytes], int]:
        """What is said of these, the first of those taken, and its bytes. To copy megabytes that nobody has
        asked for yet takes a while."""
        count = len(records)
        if len(self._items) >= count:
            left = self._items[count:]
            del self._items[count:]
            return self._items, self._length - sum(map(len, left))
        bodies = []
        for record in records:
            bodies.append(codec.wire(record))
            if turns.over:
                await turns.give_way()
        return bodies, sum(map(len, bodies))


def list_answer(
    context: Context,
    call: Call,
    rev: int,
    items: Sequence[bytes],
    following: str | None,
    size: int | None = None,
) -> Response:
    """`{"rev", "items", "next"}`; a cursor needs no escaping. `size` are the bytes of the items, where they
    are known."""
    front = b'{"rev":%d,"items":[' % rev
    end = b'],"next":"%b"}' % following.encode() if following is not None else b'],"next":null}'
    size = (sum(map(len, items)) if size is None else size) + max(len(items) - 1, 0)
    if size < LARGE:
        answer = json_answer(front + b",".join(items) + end, rev)
        answer.raw_headers += call.principal.filtered
        return answer
    pieces = [front + items[0], *items[1:]]
    pieces[-1] += end
    headers = [(b"visor-rev", b"%d" % rev), *call.principal.filtered]
    size += len(front) + len(end)
    return LargeAnswer(
        pieces, size, headers, context.channels.turns, call.permit.release, context.untaken, b","
    )


PageLimit = Annotated[
    int, Field(ge=1, le=MAX_LIMIT), IN_DIGITS, Query(description="At most this many items.")
]


def cursor_query(description: str) -> Any:
    """What declares a cursor in a query, whatever it is a place in."""
    return Query(description=description, max_length=4096, json_schema_extra={"pattern": "^[A-Za-z0-9_-]+$"})


PageCursor = Annotated[
    str | MISSING, cursor_query("`next` of the previous page. All pages are of one snapshot.")
]


def _listing(
    context: Ctx,
    call: Call,
    rev: AtRev = MISSING,
    at: AtTime = MISSING,
    consistency: AskedConsistency = Consistency.LINEARIZABLE,
    limit: PageLimit = DEFAULT_LIMIT,
    cursor: PageCursor = MISSING,
    fields: PageFields = MISSING,
) -> Listing:
    return Listing(
        context,
        call,
        asked_rev(rev, at),
        consistency is Consistency.STALE,
        limit,
        cursor if isinstance(cursor, str) else None,
        fields_in(fields),
    )


List = Annotated[Listing, Depends(_listing)]
