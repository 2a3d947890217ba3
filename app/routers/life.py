"""The calls that move an instance through its life."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, TypeVar

from fastapi import Response
from fastapi.routing import APIRouter

from app.events.claim_queue import Place
from app.http.context import Call, Context, Ctx
from app.http.declared_responses import changed, queued, removed
from app.http.disconnects import Gone, until_gone
from app.http.writes import Post, Put, Write, live_instance, nothing
from app.models.base import Deleted, given_text
from app.models.instance import (
    Claim,
    Claimer,
    ClaimNext,
    Failure,
    Instance,
    LockRequest,
    Loss,
    Restart,
    Start,
    Unclaim,
)
from app.models.names import InstanceId
from app.registry import claims, life, locks
from app.routers.instances import location_of
from app.store.contract import Changes, Outcome, Snapshot

router = APIRouter(tags=["life of an instance"])

C = TypeVar("C", bound=Claimer)


@router.post(
    "/instances/claim",
    response_model=Instance,
    responses=queued(),
    summary="Claim the oldest ticket that fits",
)
async def claim_next(body: ClaimNext, write: Post, context: Ctx, call: Call) -> Response:
    """Claims the oldest pending ticket, of the app and proctype named or of any. Waits up to `wait`
    seconds for one. Each new ticket wakes one waiting host, in the order in which they asked."""
    write.speak_for(body.host)
    app = given_text(body.app)
    proctype = given_text(body.proctype)

    async def attempt(write: Write) -> Outcome:
        return await write.commit(
            lambda snapshot, at: claims.claim_next(snapshot, at, body.host, app, proctype), nothing
        )

    def answer(outcome: Outcome) -> Response | None:
        if outcome.record is None and outcome.changes.result is None:
            return None
        return write.respond(outcome, location=location_of)

    answered = answer(outcome := await attempt(write))
    if answered is None and body.wait and not write.is_dry:
        until = time.monotonic() + body.wait
        with (
            context.claim_queue.place(app, proctype) as place,
            _answer_to_the_same(context, write, place),
            call.permit.waiting(claims=True),
        ):
            # Once more from inside the queue: a ticket may have come before the place was taken.
            answered = answer(outcome := await attempt(write))
            while answered is None and not context.hub.closing:
                left = until - time.monotonic()
                try:
                    if left <= 0 or not await until_gone(call, place.turn(left)):
                        break
                except Gone:
                    # Nobody is there to hold a claim: a ticket that was called for is handed on.
                    break
                answered = answer(outcome := await attempt(write))
            place.claimed = outcome.changes.answer
    return answered or write.no_content(outcome.rev)


def _answer_to_the_same(context: Context, write: Write, place: Place) -> AbstractContextManager[Any]:
    """Have the place look again when the same call, made twice or more at a time, was answered elsewhere: all
    get the same ticket."""
    key = write.record_key
    return nullcontext() if key is None else context.key_watch.watch(key, place.event)


@router.post(
    "/instances/{id}/claim",
    response_model=Instance,
    responses=changed(404),
    summary="Claim an instance",
)
async def claim_instance(id: InstanceId, body: Claim, write: Post) -> Response:
    """If several hosts race, exactly one wins. `claim_rev` in the answer is the claim's fencing token."""
    write.speak_for(body.host)
    return await write.answer(
        lambda snapshot, at: claims.claim(snapshot, at, id, body.host), live_instance(id)
    )


async def _answer_claimer(
    write: Write, id: int, body: C, rule: Callable[[Snapshot, datetime, int, C], Changes]
) -> Response:
    """The answer to what only the holder of the claim may say."""
    write.speak_for(body.host)
    write.speak_by(body.claim_rev)
    return await write.answer(lambda snapshot, at: rule(snapshot, at, id, body), live_instance(id))


@router.post(
    "/instances/{id}/unclaim",
    response_model=Instance,
    responses=changed(403, 404),
    summary="Give a claim back",
)
async def unclaim_instance(id: InstanceId, body: Unclaim, write: Post) -> Response:
    """For the claimer only. The instance becomes pending again; `error` is kept in `claims`."""
    return await _answer_claimer(write, id, body, claims.unclaim)


@router.post(
    "/instances/{id}/start",
    response_model=Instance,
    responses=changed(403, 404),
    summary="Say that it runs",
)
async def start_instance(id: InstanceId, body: Start, write: Post) -> Response:
    """For the claimer only. Repeating the call with the same values changes nothing."""
    return await _answer_claimer(write, id, body, life.start)


@router.post(
    "/instances/{id}/stop",
    response_model=Instance,
    responses=changed(404),
    summary="Ask it to stop",
)
async def stop_instance(id: InstanceId, write: Post) -> Response:
    """A running or claimed instance becomes stopping. Its claimer then stops the process and calls
    `exit`."""
    return await write.answer(lambda snapshot, at: life.stop(snapshot, at, id), live_instance(id))


@router.post(
    "/instances/{id}/exit",
    response_model=Instance,
    responses=changed(403, 404),
    summary="Say that it has exited",
)
async def exit_instance(id: InstanceId, body: Claimer, write: Post) -> Response:
    """For the claimer only. A lost or failed instance can still become exited; exited is final."""
    return await _answer_claimer(write, id, body, life.exit)


@router.post(
    "/instances/{id}/fail",
    response_model=Instance,
    responses=changed(403, 404),
    summary="Say that it has failed",
)
async def fail_instance(id: InstanceId, body: Failure, write: Post) -> Response:
    """For the claimer only."""
    return await _answer_claimer(write, id, body, life.fail)


@router.post(
    "/instances/{id}/lost",
    response_model=Instance,
    responses=changed(404),
    summary="Say that it is lost",
)
async def lose_instance(id: InstanceId, body: Loss, write: Post) -> Response:
    """For anyone who may write. Every instance that has not exited becomes lost."""
    return await write.answer(lambda snapshot, at: life.lose(snapshot, at, id, body), live_instance(id))


@router.post(
    "/instances/{id}/restart",
    response_model=Instance,
    responses=changed(404),
    summary="Count a restart",
)
async def restart_instance(id: InstanceId, body: Restart, write: Post) -> Response:
    """Running instances only. Adds to the counter of failures or of out-of-memory kills."""
    write.speak_by(body.claim_rev)
    return await write.answer(lambda snapshot, at: life.restart(snapshot, at, id, body), live_instance(id))


@router.put(
    "/instances/{id}/lock",
    response_model=Instance,
    responses=changed(404),
    summary="Lock an instance",
)
async def lock_instance(id: InstanceId, body: LockRequest, write: Put) -> Response:
    """`locked` if it is locked already, no matter by whom."""
    return await write.answer(lambda snapshot, at: locks.lock(snapshot, at, id, body), live_instance(id))


@router.delete(
    "/instances/{id}/lock",
    response_model=Deleted,
    responses=removed(404),
    summary="Unlock an instance",
)
async def unlock_instance(id: InstanceId, write: Put) -> Response:
    """404 if it is not locked."""
    return await write.delete(lambda snapshot, at: locks.unlock(snapshot, at, id), live_instance(id))
