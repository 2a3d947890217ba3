"""/discovery: what runs where, as other programs want to be told of it."""

import asyncio
from collections.abc import Sequence
from functools import partial
from math import ceil
from typing import Annotated

from fastapi import Depends, Query, Response
from fastapi.routing import APIRouter
from pydantic import MISSING, Field
from pydantic_core import to_json

from app.errors import CoordinatorUnavailable, InvalidRequest
from app.http.asked_rev import AtRev, AtTime, asked_rev
from app.http.chosen_snapshot import AskedConsistency, Consistency
from app.http.context import Call, Context, Ctx
from app.http.declared_responses import of_replica
from app.http.entity_tags import IfNoneMatch, tag_of, unchanged
from app.http.large_answer import LargeAnswer
from app.http.reads import View
from app.http.ready_answer import ReadyAnswer
from app.models.base import given_text
from app.models.names import Name, ProctypeName, ServiceName
from app.models.target import ScrapedPort, TargetGroup
from app.registry.targets import Targets
from app.store.contract import Snapshot
from app.store.snapshots import ask

router = APIRouter(tags=["discovery"])

MAX_TARGETS = 50_000
"""Of one answer: http_sd has no pages."""

_SMALL = 8
"""Pieces that are hashed at once: a hash of 20 MB takes a while."""


class HeldRead:
    """A read of what this replica holds, unless a rev or the latest is asked for. `age` is None then."""

    def __init__(self, context: Context, view: View, stale: bool, if_none_match: str | None) -> None:
        self._store = context.store
        self.view = view
        self.if_none_match = if_none_match
        self._stale = stale

    async def snapshot(self) -> tuple[Snapshot, int | None]:
        """What is read, and its age in seconds. Raises CoordinatorUnavailable before the first load: an
        empty answer would have Prometheus drop all that it scrapes."""
        age = self._store.age
        if age is None:
            raise CoordinatorUnavailable("Nothing is loaded yet: what runs is not known.")
        return await self.view.snapshot(), ceil(age) if self._stale else None


def _held(
    context: Ctx,
    call: Call,
    rev: AtRev = MISSING,
    at: AtTime = MISSING,
    consistency: AskedConsistency = Consistency.STALE,
    if_none_match: IfNoneMatch = MISSING,
) -> HeldRead:
    point = asked_rev(rev, at)
    tag = given_text(if_none_match)
    stale = point is None and consistency is Consistency.STALE
    return HeldRead(context, View(context, call, point, consistency, tag), stale, tag)


@router.get(
    "/discovery/prometheus",
    response_model=list[TargetGroup],
    responses=of_replica(),
    summary="List targets for Prometheus",
)
async def list_prometheus_targets(
    context: Ctx,
    call: Call,
    held: Annotated[HeldRead, Depends(_held)],
    port: Annotated[ScrapedPort, Query(description="Which port of an instance.")] = ScrapedPort.MAIN,
    app: Annotated[list[Name], Query(description="Repeatable.")] = [],  # noqa: B006
    proctype: Annotated[list[ProctypeName], Query(description="Repeatable.")] = [],  # noqa: B006
    service: Annotated[
        list[ServiceName],
        Field(max_length=100),
        Query(description="List the endpoints of these services instead of instances. Repeatable."),
    ] = [],  # noqa: B006
) -> Response:
    """For `http_sd_configs`: one group for each running instance that has the port, by id, with labels
    `__meta_visor_*`. The answer comes from what this replica holds, so it works while the coordinator
    cannot be reached; `Visor-Age` says how old it is. More than 50,000 targets are 422: filter by app or
    proctype."""
    if service and (app or proctype or port is not ScrapedPort.MAIN):
        raise InvalidRequest.of(
            ["query", "service"], "names endpoints: app, proctype and port do not go with it"
        )
    targets = Targets(port, frozenset(app), frozenset(proctype), frozenset(service))
    async with context.discovering:
        snapshot, age = await held.snapshot()
        pieces = await _pieces(context, call, snapshot, targets)
        tag = tag_of(pieces) if len(pieces) < _SMALL else await asyncio.to_thread(tag_of, pieces)
    headers = [(b"visor-rev", b"%d" % snapshot.rev), (b"etag", b'"%d"' % tag)]
    if age is not None:
        headers.append((b"visor-age", b"%d" % age))
    if unchanged(held.if_none_match, tag):
        return ReadyAnswer(b"", 304, headers)
    size, release = sum(map(len, pieces)), call.permit.release
    return LargeAnswer(pieces, size, headers, context.channels.turns, release, context.untaken)


async def _pieces(context: Context, call: Call, snapshot: Snapshot, targets: Targets) -> Sequence[bytes]:
    """The JSON of all groups, in pieces. Raises InvalidRequest where there are too many."""
    pieces, count = [b"["], 0
    after = ""
    turns = context.channels.turns
    while True:
        groups, following = await ask(snapshot, partial(targets.page, after=after))
        count += len(groups)
        if count > MAX_TARGETS:
            raise InvalidRequest.of(
                ["query"], f"finds over {MAX_TARGETS} targets: ask for some apps or proctypes at a time"
            )
        if groups:
            pieces.append((b"," if len(pieces) > 1 else b"") + to_json(groups)[1:-1])
        if following is None:
            pieces.append(b"]")
            return pieces
        after = following
        if turns.over:
            await turns.give_way()
        # It may have left the memory since.
        snapshot = call.principal.see(await context.store.at(snapshot.rev))
