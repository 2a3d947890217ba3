"""/apps/{app}/proctypes/{proctype}/scale."""

import asyncio
from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import uuid4

from fastapi import Query, Response
from fastapi.routing import APIRouter
from pydantic import MISSING

from app.http.declared_responses import committed, listed
from app.http.listing import List
from app.http.writes import Put, at_key
from app.models import keys
from app.models.base import given_text
from app.models.names import Name, ProctypeName, Ref
from app.models.scale import Scale, Scaled, ScaleTarget
from app.registry import scale
from app.registry.scale import ScaleStep
from app.registry.scale_counts import ANY, Counts
from app.store.contract import Changes, Snapshot
from app.store.snapshots import ask

router = APIRouter(tags=["scale"])


@router.get(
    "/apps/{app}/proctypes/{proctype}/scale",
    response_model=Scale,
    responses=listed(404),
    summary="Read the scale",
)
async def get_scale(
    app: Name,
    proctype: ProctypeName,
    listing: List,
    revision: Annotated[Ref | MISSING, Query(description="Only of this revision.")] = MISSING,
    env: Annotated[
        str | MISSING,
        Query(
            description="Only of this env set. If empty, only those without an env set.",
            pattern=r"^([A-Za-z0-9][A-Za-z0-9.-]*)?$",
            max_length=128,
        ),
    ] = MISSING,
) -> Response:
    """Counts by revision and env set, in that order, each with its target. If you ask for a revision or
    env set that has no instances, its count is 0."""
    snapshot, start = await listing.begin()
    counts = Counts(
        app,
        proctype,
        given_text(revision),
        ANY if not isinstance(env, str) else env or None,
        after=start,
        limit=listing.limit,
    )
    for take_in in (counts.instances, counts.targets):
        after = await ask(snapshot, partial(take_in, after=""))
        while after is not None:
            await asyncio.sleep(0)  # a page at a time: others have their turn
            snapshot = await listing.again(snapshot)
            after = await ask(snapshot, partial(take_in, after=after))
    items = counts.items()
    wires = [item.model_dump_json().encode() for _, item in items]
    return await listing.answer(snapshot.rev, wires, items[-1][0] if counts.more else None)


@router.put(
    "/apps/{app}/proctypes/{proctype}/scale",
    response_model=Scaled,
    responses=committed(404),
    summary="Scale",
)
async def set_scale(app: Name, proctype: ProctypeName, body: ScaleTarget, write: Put) -> Response:
    """Sets a target, which is kept: how many instances of the proctype, revision and env set should be
    pending, claimed or running. Scaling up registers pending instances. Scaling down first unregisters
    pending ones; then claimed and then running ones become stopping, lowest id first. Up to 100 changes
    are one commit. The same PUT again finishes an interrupted call, and replaces instances that were lost
    since."""
    run = uuid4().hex
    steps: list[ScaleStep] = []
    conditional = write
    while True:

        def rule(snapshot: Snapshot, at: datetime) -> Changes:
            return scale.step(snapshot, at, app, proctype, body, run, first=not steps)

        outcome = await conditional.commit(rule, at_key(keys.proctype(app, proctype)))
        step = outcome.changes.result
        assert isinstance(step, ScaleStep), "a scale's rule says what it did"
        steps.append(step)
        if step.done:
            break
        conditional = write.unconditional()
    scaled = Scaled(
        rev=outcome.rev,
        previous=steps[0].previous,
        count=body.count,
        started=[id for step in steps for id in step.started],
        stopped=[id for step in steps for id in step.stopped],
    )
    return write.response(scaled.model_dump_json().encode(), outcome.rev)
