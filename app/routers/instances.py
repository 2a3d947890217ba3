"""Instances: tickets registered, listed, read, and waited for."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query, Response
from fastapi.routing import APIRouter
from pydantic import MISSING, Field
from pydantic_core import from_json

from app.errors import InvalidRequest
from app.http.context import Call, Ctx
from app.http.declared_responses import committed, created, listed, removed, resource
from app.http.disconnects import Gone, until_gone
from app.http.listing import List, Listing
from app.http.reads import Read
from app.http.writes import Post, Put, live_instance, nothing
from app.models import codec, keys
from app.models.base import Deleted, given_text
from app.models.instance import (
    FinalStatus,
    Instance,
    InstanceCreate,
    Status,
    StatusFilter,
    Unregistered,
)
from app.models.names import IN_DIGITS, Host, InstanceId, Name, ProctypeName, Ref, ShortText, Text
from app.models.page import InstancePage
from app.registry import finals, tickets
from app.registry.batch import BATCH
from app.registry.finals import Batch
from app.registry.life import reachable
from app.registry.readable import readable
from app.registry.selection import Selection
from app.registry.state import exists
from app.store.contract import MAX_VALUE, Changes, Snapshot
from app.store.records import Record
from app.store.snapshots import find_page

router = APIRouter(tags=["instances"])

Statuses = Annotated[
    list[StatusFilter],
    Query(
        alias="status",
        description="A status, or `active` for pending, claimed, running and stopping together. "
        "Repeatable. Without it, all instances, including final ones.",
        examples=[["active"]],
    ),
]
Refs = list[Ref]
Client = Annotated[ShortText | MISSING, Query(description="Who unregisters the instance.")]
Reason = Annotated[Text | MISSING, Query(description="Why.")]


def statuses(wanted: list[StatusFilter]) -> frozenset[Status]:
    """The statuses that a filter means."""
    return frozenset(status for choice in wanted for status in choice.statuses())


def filters(
    status: Statuses = [],  # noqa: B006 - FastAPI reads it as a declaration
    revision: Annotated[Refs, Query(description="Repeatable.")] = [],  # noqa: B006
    env: Annotated[Refs, Query(description="Repeatable.")] = [],  # noqa: B006
    host: Annotated[list[Host], Query(description="Repeatable.")] = [],  # noqa: B006
) -> Selection:
    """The filters that every list of instances takes."""
    return Selection(
        revisions=frozenset(revision),
        envs=frozenset(env),
        hosts=frozenset(host),
        statuses=statuses(status),
    )


Filters = Annotated[Selection, Depends(filters)]
Proctypes = Annotated[list[ProctypeName], Query(description="Repeatable.")]


async def _page(listing: Listing, selection: Selection, *parents: tuple[str, str]) -> Response:
    def find(snapshot: Snapshot, after: str, limit: int) -> list[Record]:
        for key, what in parents:
            exists(snapshot, key, what)
        return selection.find(snapshot, after, limit)

    return await listing.page(find)


@router.get("/instances", response_model=InstancePage, responses=listed(), summary="List instances")
async def list_instances(
    filters: Filters,
    listing: List,
    app: Annotated[list[Name], Query(description="Repeatable.")] = [],  # noqa: B006
    proctype: Proctypes = [],  # noqa: B006
) -> Response:
    """The instances that match all filters, by id. Unregistered ones are in their proctype's ended list."""
    return await _page(listing, replace(filters, apps=frozenset(app), proctypes=frozenset(proctype)))


@router.get(
    "/apps/{app}/instances",
    response_model=InstancePage,
    responses=listed(404),
    summary="List an app's instances",
)
async def list_app_instances(
    app: Name,
    filters: Filters,
    listing: List,
    proctype: Proctypes = [],  # noqa: B006
) -> Response:
    """The app's instances that match all filters, by id."""
    selection = replace(filters, apps=frozenset({app}), proctypes=frozenset(proctype))
    return await _page(listing, selection, (keys.app(app), f"app {app}"))


@router.get(
    "/apps/{app}/proctypes/{proctype}/instances",
    response_model=InstancePage,
    responses=listed(404),
    summary="List a proctype's instances",
)
async def list_proctype_instances(
    app: Name, proctype: ProctypeName, filters: Filters, listing: List
) -> Response:
    """The proctype's instances that match all filters, by id."""
    return await _page(
        listing,
        replace(filters, apps=frozenset({app}), proctypes=frozenset({proctype})),
        (keys.app(app), f"app {app}"),
        (keys.proctype(app, proctype), f"proctype {proctype} of app {app}"),
    )


def location_of(record: Record) -> str:
    """The URL of the instance that a record is."""
    return f"/instances/{int(record.key.removeprefix(keys.INSTANCES))}"


@router.post(
    "/instances",
    status_code=201,
    response_model=Instance,
    responses=created(),
    summary="Register an instance",
)
async def register_instance(body: InstanceCreate, write: Post) -> Response:
    """Registers one pending ticket. The revision has to be accepted."""
    return await write.answer(
        lambda snapshot, at: tickets.register(snapshot, at, body), nothing, 201, location=location_of
    )


@router.get(
    "/instances/{id}",
    response_model=Instance,
    responses=resource(404),
    summary="Read an instance, or wait for a status",
)
async def get_instance(
    id: InstanceId,
    view: Read,
    context: Ctx,
    call: Call,
    status: Annotated[
        list[StatusFilter],
        Query(
            description="Answer as soon as the status is one of these, or can never become one of "
            "these again."
        ),
    ] = [],  # noqa: B006
    wait: Annotated[
        Annotated[int, Field(ge=0, le=60), IN_DIGITS] | MISSING,
        Query(description="Seconds to wait at most for one of the statuses."),
    ] = MISSING,
) -> Response:
    """Answers with the instance as it is at the end of the wait. An unregistered instance is 404, with
    its entry in the ended list as `ended` while that is kept. An id that was never given is 404 without
    `ended`."""
    key, what = keys.instance(id), f"instance {id}"
    if isinstance(wait, int) and view.names_rev:
        raise InvalidRequest.of(["query", "wait"], "a snapshot in the past does not change: leave rev out")
    if status and isinstance(wait, int) and wait > 0:
        await _wait_for(context, call, key, statuses(status), wait)
    return await view.resource(key, what, fits=_is_live, instead=_ended)


def _is_live(record: Record) -> bool:
    return not keys.is_ended(record.value)


def _ended(record: Record) -> dict[str, Any]:
    return {"ended": from_json(codec.wire(record))}


async def _wait_for(context: Ctx, call: Call, key: str, wanted: frozenset[Status], seconds: float) -> None:
    until = time.monotonic() + seconds
    with context.key_watch.watch(key) as watch, call.permit.waiting():
        while not context.hub.closing:
            record = call.principal.see(await context.store.latest()).get(key)
            if record is None or not readable(record) or not _is_live(record):
                return
            instance = codec.decode(record, Instance)
            if instance.status in wanted or not wanted & reachable(instance):
                return
            left = until - time.monotonic()
            try:
                if left <= 0 or not await until_gone(call, watch.changed(left)):
                    return
            except Gone:
                return


@router.delete(
    "/instances",
    response_model=Unregistered,
    responses=committed(),
    summary="Unregister final instances",
)
async def unregister_instances(
    write: Put,
    context: Ctx,
    call: Call,
    status: Annotated[list[FinalStatus], Query(min_length=1, description="Final statuses only. Repeatable.")],
    app: Annotated[list[Name], Query(description="Repeatable.")] = [],  # noqa: B006
    proctype: Proctypes = [],  # noqa: B006
    revision: Annotated[Refs, Query(description="Repeatable.")] = [],  # noqa: B006
    client: Client = MISSING,
    reason: Reason = MISSING,
) -> Response:
    """Unregisters all that match, in batches of at most 100, each batch in one commit. The same call
    again finishes an interrupted one. The instances are kept in their proctypes' ended lists."""
    wanted = Selection(
        apps=frozenset(app),
        proctypes=frozenset(proctype),
        revisions=frozenset(revision),
        statuses=frozenset(Status(choice.value) for choice in status),
    )
    count, rev, after, conditional = 0, 0, "", write
    while True:
        # Found outside the rule, and looked at again in it: a list that grows meanwhile is no conflict.
        snapshot = call.principal.reach(call.row, await context.store.latest())
        page, _ = await find_page(snapshot, wanted.find, after, BATCH, MAX_VALUE * BATCH)
        page_keys = [record.key for record in page]

        def rule(snapshot: Snapshot, at: datetime, page_keys: Sequence[str] = page_keys) -> Changes:
            return finals.unregister_those(
                snapshot, at, page_keys, wanted.statuses, given_text(client), given_text(reason)
            )

        outcome = await conditional.commit(rule, nothing)
        batch = outcome.changes.result
        assert isinstance(batch, Batch), "the rule says what it did"
        count, rev = count + batch.count, max(rev, outcome.rev)
        if len(page_keys) < BATCH and (not page_keys or batch.last == page_keys[-1]):
            break
        conditional, after = write.apart(), batch.last
    answer = Unregistered(rev=rev, count=count)
    return conditional.response(answer.model_dump_json().encode(), rev)


@router.delete(
    "/instances/{id}",
    response_model=Deleted,
    responses=removed(404),
    summary="Unregister an instance",
)
async def unregister_instance(
    id: InstanceId,
    write: Put,
    client: Client = MISSING,
    reason: Reason = MISSING,
) -> Response:
    """Allowed in any state. The instance is kept in the proctype's ended list, and its id is never
    reused."""

    def rule(snapshot: Snapshot, at: datetime) -> Changes:
        return tickets.unregister(snapshot, at, id, given_text(client), given_text(reason))

    return await write.delete(rule, live_instance(id))
