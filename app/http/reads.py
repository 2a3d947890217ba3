"""A read of one resource, or of another part of one snapshot."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Response
from pydantic import MISSING

from app.errors import NotFound
from app.http.asked_rev import AskedRev, AtRev, AtTime, asked_rev
from app.http.chosen_snapshot import AskedConsistency, Consistency, chosen, lasts
from app.http.context import Call, Context, Ctx
from app.http.entity_tags import IfNoneMatch, unchanged
from app.http.ready_answer import ReadyAnswer, json_answer
from app.models import codec
from app.models.times import AskedTime
from app.registry.state import Locate, exists
from app.store.contract import Snapshot
from app.store.records import Record
from app.store.snapshots import ask

T = TypeVar("T")


class View:
    """A read of one snapshot: the latest, or the one that the request names."""

    def __init__(
        self,
        context: Context,
        call: Call,
        rev: AskedRev,
        consistency: Consistency,
        if_none_match: str | None,
    ) -> None:
        self._context = context
        self._call = call
        self._rev = rev
        self._stale = consistency is Consistency.STALE
        self._if_none_match = if_none_match

    @property
    def names_rev(self) -> bool:
        return self._rev is not None

    @property
    def time(self) -> AskedTime | None:
        """The time that it is asked for by, where it is."""
        return self._rev if isinstance(self._rev, AskedTime) else None

    async def snapshot(self) -> Snapshot:
        """Raises RevCompacted, RevInFuture, TimeInFuture, TimeUnsettled, CoordinatorUnavailable."""
        return await chosen(self._context, self._call, self._rev, stale=self._stale)

    async def ask(self, query: Callable[[Snapshot], T]) -> tuple[int, T]:
        """A query's answer, and the rev of the snapshot that gave it."""
        snapshot = await chosen(self._context, self._call, self._rev, stale=self._stale)
        if self._rev is not None:
            self._call.lasting = lasts(self._context, self._call, self._rev)
        # One in memory, as most are, without a coroutine more.
        return snapshot.rev, await ask(snapshot, query) if snapshot.blocking else query(snapshot)

    async def resource(
        self,
        key: str | Locate,
        what: str,
        body: Callable[[Record], bytes] = codec.wire,
        fits: Callable[[Record], bool] | None = None,
        instead: Callable[[Record], dict[str, Any]] = lambda record: {},
    ) -> Response:
        """The resource at the key; 304 where the client has it. Raises NotFound, which says `instead` what is
        there where that does not fit."""

        def find(snapshot: Snapshot) -> Record:
            record = exists(snapshot, key if isinstance(key, str) else key(snapshot), what)
            if fits is not None and not fits(record):
                raise NotFound(
                    f"There is no {what} at rev {snapshot.rev}.", rev=snapshot.rev, **instead(record)
                )
            return record

        rev, record = await self.ask(find)
        if self._if_none_match is not None and unchanged(self._if_none_match, record.rev):
            return ReadyAnswer(b"", 304, [(b"visor-rev", b"%d" % rev), (b"etag", b'"%d"' % record.rev)])
        return json_answer(body(record), rev, etag=record.rev)


def _moment(
    context: Ctx,
    call: Call,
    rev: AtRev = MISSING,
    at: AtTime = MISSING,
    consistency: AskedConsistency = Consistency.LINEARIZABLE,
) -> View:
    return View(context, call, asked_rev(rev, at), consistency, None)


Moment = Annotated[View, Depends(_moment)]
"""A read of what has no tag of its own."""


def _view(
    context: Ctx,
    call: Call,
    rev: AtRev = MISSING,
    at: AtTime = MISSING,
    consistency: AskedConsistency = Consistency.LINEARIZABLE,
    if_none_match: IfNoneMatch = MISSING,
) -> View:
    return View(
        context,
        call,
        asked_rev(rev, at),
        consistency,
        if_none_match if isinstance(if_none_match, str) else None,
    )


Read = Annotated[View, Depends(_view)]
"""A read of one resource: 304 where the client has it."""
