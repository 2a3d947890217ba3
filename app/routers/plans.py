"""/apply: many changes as one, planned and then made."""

import asyncio
from typing import Any

from fastapi import Response
from fastapi.routing import APIRouter

from app.errors import RequestError
from app.http.context import Context, Ctx
from app.http.declared_responses import committed
from app.http.document_body import takes_document
from app.http.planned_write import Begin, SteppedRule, plan_and_commit
from app.http.writes import Post, Write
from app.models import keys
from app.models.document import Document
from app.models.plan import Planned
from app.models.service import endpoint_id
from app.registry import apply
from app.registry.idempotency import Replay
from app.registry.plan import CommitPlan, answer_of
from app.store.reads import Remembering

router = APIRouter(tags=["plans"])

AT_A_TIME = 4
"""Names of one document that are looked up at once."""


@router.post("/apply", response_model=Planned, responses=committed(), summary="Apply a document")
@takes_document
async def apply_document(body: Document, write: Post, context: Ctx) -> Response:
    """Makes the named objects as the document says, in one commit, or changes nothing. Objects that it
    does not name stay. Send JSON, or YAML with `Content-Type: application/yaml`. A dry run answers with a
    `plan`. If you send it back, exactly the changes of that plan are made, or none."""
    addresses = await _addresses(context, body)

    async def begin(snapshot: Remembering) -> SteppedRule:
        return lambda seen, at: apply.apply(seen, at, body, addresses)

    return await answer(write, context, begin)


async def answer(write: Write, context: Context, begin: Begin) -> Response:
    """The answer to a write whose rule makes a CommitPlan."""
    turns = context.channels.turns
    outcome = await plan_and_commit(write, turns, begin)
    result: Any = outcome.changes.result
    if isinstance(result, Replay):
        assert result.record is not None, "a plan's answer is kept with its key"
        body = await turns.take(answer_of(result.record.value, result.rev))
        response = write.response(body, result.rev, planned=True)
        response.headers["Idempotency-Replayed"] = "true"
        return response
    assert isinstance(result, CommitPlan), "the rule says what it does"
    body = await turns.take(result.answer(write.rev_of(outcome), outcome.committed))
    return write.response(body, outcome.rev, planned=True)


async def _addresses(context: Context, document: Document) -> dict[str, str | RequestError]:
    """What the names of endpoints that are new and say no ip resolve to, or why they do not."""
    snapshot = context.store.stale()
    names = {
        endpoint.addr
        for service in document.services
        for endpoint in service.endpoints
        if not endpoint.absent
        and not isinstance(endpoint.ip, str)
        and snapshot.get(keys.endpoint(service.name, endpoint_id(endpoint.addr, endpoint.port))) is None
    }
    addresses: dict[str, str | RequestError] = {}
    todo = sorted(names)

    async def look_up() -> None:
        while todo:
            name = todo.pop()
            addresses[name] = await context.resolver.find(name)

    await asyncio.gather(*(look_up() for _ in range(min(AT_A_TIME, len(todo)))))
    return addresses
