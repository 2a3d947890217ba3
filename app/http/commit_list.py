"""The commits of the history, as pages: the filters of the list, and its cursors."""

from dataclasses import dataclass

from fastapi import Response

from app.errors import RevCompacted
from app.events.commits import Wanted, read_page
from app.http import cursors
from app.http.asked_rev import AskedRev
from app.http.context import Call, Context
from app.http.listing import LIST_FRAME, check_page
from app.http.ready_answer import json_answer
from app.models.times import AskedTime


@dataclass(frozen=True, slots=True)
class CommitSpan:
    """The commits after `start` (None: after the oldest snapshot) and up to `end`, of those up to `rev`,
    which was the latest with the first page. `last` was looked at last; 0 on the first page."""

    rev: int
    start: int | None
    end: int
    last: int = 0

    def revs(self, newest_first: bool, oldest: int) -> range:
        """Those that are left to look at. Raises RevCompacted."""
        start = oldest if self.start is None else self.start
        if start < oldest:
            raise RevCompacted.before(oldest)
        if not self.last:
            return range(start + 1, self.end + 1)
        if newest_first:
            return range(start + 1, self.last)
        return range(max(start, self.last) + 1, self.end + 1)

    def written(self) -> str:
        start = -1 if self.start is None else self.start
        return f"{start} {self.end} {self.last}"


@dataclass(frozen=True, slots=True)
class CommitList:
    """A read of commits, page by page, up to the rev that was the latest with the first."""

    context: Context
    call: Call
    start: AskedRev
    end: AskedRev
    newest_first: bool
    limit: int
    cursor: str | None

    async def page(self, wanted: Wanted) -> Response:
        """Raises InvalidRequest, InvalidCursor, RevCompacted, RevInFuture, CoordinatorUnavailable."""
        context = self.context
        check_page(self.limit, context.bounds.page)
        span = await self._begun() if self.cursor is None else await self._continued(self.cursor)
        oldest = context.store.oldest_rev
        page = await read_page(
            context.store,
            context.chronicle,
            context.channels.turns,
            wanted,
            span.revs(self.newest_first, oldest),
            self.newest_first,
            self.limit,
            context.bounds.answer - LIST_FRAME,
        )
        following = b"null"
        if page.last is not None:
            at = CommitSpan(span.rev, span.start, span.end, page.last)
            following = (
                b'"%b"'
                % cursors.write(cursors.Cursor(span.rev, at.written()), cursors.name_of(self.call)).encode()
            )
        body = b'{"rev":%d,"items":[%b],"next":%b,"oldest_rev":%d}'
        answer = json_answer(body % (span.rev, b",".join(page.items), following, oldest), span.rev)
        answer.raw_headers += self.call.principal.filtered
        return answer

    async def _begun(self) -> CommitSpan:
        store = self.context.store
        rev = (await store.latest()).rev
        start, end = await self._rev_of(self.start), await self._rev_of(self.end)
        for named in (start, end):
            if named is not None and named > rev:
                rev = max(rev, (await store.at(named)).rev)
        return CommitSpan(rev, start, rev if end is None else end)

    async def _rev_of(self, point: AskedRev) -> int | None:
        if not isinstance(point, AskedTime):
            return point
        try:
            return (await self.context.chronicle.at(point)).rev
        except RevCompacted:
            if self.context.store.oldest_rev:
                raise
            return 0  # nothing is dropped: there was nothing yet

    async def _continued(self, text: str) -> CommitSpan:
        cursor = cursors.read(text, cursors.name_of(self.call))
        parts = cursor.after.split(" ")
        if len(parts) != 3 or not all(part.removeprefix("-").isdecimal() for part in parts):
            raise cursors.not_given()
        start, end, last = map(int, parts)
        await cursors.pinned(self.context.store, cursor.rev)
        return CommitSpan(cursor.rev, None if start < 0 else start, end, last)
