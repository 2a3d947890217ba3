"""/revert and /commits/{rev}/undo: restores declared objects to what they were."""

from dataclasses import replace
from typing import Annotated

from fastapi import Response
from fastapi.routing import APIRouter
from pydantic import Field

from app.errors import InvalidRequest, NotFound, TooManyChanges
from app.http.asked_rev import asked_rev, rev_of
from app.http.comparing import RevSpan, TooLong
from app.http.context import Call, Context, Ctx
from app.http.declared_responses import committed
from app.http.planned_write import SteppedRule
from app.http.writes import Post
from app.models.base import INT64, MAX_INT64, given_text
from app.models.names import IN_DIGITS
from app.models.paths import DECLARED, Include, Subtree, subtree
from app.models.plan import Planned
from app.models.revert import Part, RevertRequest, UndoRequest
from app.registry import revert, undo
from app.registry.difference import difference
from app.registry.revert import Going
from app.registry.sighted import shows
from app.routers.plans import answer
from app.store.contract import MAX_CHANGES, UNREADABLE, Snapshot
from app.store.reads import Remembering
from app.store.records import Record
from app.store.snapshots import ask, scan

router = APIRouter(tags=["plans"])

GOES_BACK = DECLARED | {"scale"}

_NO_BODY = UndoRequest()

CommitRev = Annotated[
    int,
    Field(ge=1, le=MAX_INT64, description="The rev of the commit.", json_schema_extra=INT64, examples=[42]),
    IN_DIGITS,
]


@router.post("/revert", response_model=Planned, responses=committed(404, 410), summary="Revert to a rev")
async def revert_subtree(body: RevertRequest, write: Post, context: Ctx, call: Call) -> Response:
    """Restores what is declared at a path and below it to how it was at a rev, in one commit: code and
    configuration together. Instances go on running; with `scale` their counts are restored too. Objects
    that came later are removed only with `delete`."""
    area = subtree(body.path, Include.ALL, ["body", "path"])
    area = replace(area, kinds=area.kinds & (GOES_BACK if body.scale else DECLARED))

    if not area.kinds:
        raise InvalidRequest.of(["body", "path"], "is no path of what is declared, such as `/apps/rocket`")

    point = asked_rev(body.to_rev, body.to_at, "to_at")
    if point is None:
        raise InvalidRequest.of(["body", "to_rev"], "Field required, or `to_at`", "missing")

    to_rev: int | None = None

    async def begin(snapshot: Remembering) -> SteppedRule:
        nonlocal to_rev
        # Once: to know the rev at a time may take a write, and those wait while the plan is made alone.
        to_rev = await rev_of(context, point) if to_rev is None else to_rev
        assert to_rev is not None, "it was said"
        going = await _going(context, call, area, body, to_rev, snapshot)
        wanted = given_text(body.plan)
        return lambda seen, at: revert.revert(seen, at, going, wanted)

    return await answer(write, context, begin)


@router.post(
    "/commits/{rev}/undo", response_model=Planned, responses=committed(404, 410), summary="Undo a commit"
)
async def undo_commit(
    rev: CommitRev, write: Post, context: Ctx, call: Call, body: UndoRequest = _NO_BODY
) -> Response:
    """Takes back what the commit changed in declared objects and in targets of scales. `conflict` if the
    same fields were changed again since."""
    wanted = given_text(body.plan)

    async def begin(snapshot: Remembering) -> SteppedRule:
        changed = await _changed(context, call, rev)
        return lambda seen, at: undo.undo(seen, at, rev, changed, wanted)

    return await answer(write, context, begin)


async def _changed(context: Context, call: Call, rev: int) -> dict[str, tuple[Record | None, Record | None]]:
    """What a commit changed that can be undone: key by key what was before it and after it."""
    await context.store.at(rev)
    commits = await context.store.commits(rev - 1, 1)
    if not commits or commits[0].rev != rev:
        raise NotFound(f"Rev {rev} is no commit of this registry.", rev=context.store.rev)
    sight = call.principal.sight
    changed = {
        change.key: (change.before, change.after)
        for change in commits[0].changes
        if change.key.partition("/")[0] in GOES_BACK
        and any(side is not None and shows(sight, side) for side in change[1:])
    }
    if not changed:
        detail = f"The commit at rev {rev} has changed nothing that can be undone."
        raise NotFound(detail, rev=context.store.rev)
    return changed


async def _going(
    context: Context, call: Call, area: Subtree, body: RevertRequest, to_rev: int, now: Remembering
) -> Going:
    """What differs between now and then: of now, all of the subtree is read for it."""
    store = context.store
    now.reads.keys.update(area.single_keys)
    now.reads.terms.update(area.terms, (UNREADABLE,))
    old = call.principal.see(await store.at(to_rev))
    if not area.everything and not await ask(old, lambda snapshot: _is_there(snapshot, area)):
        raise NotFound(f"There was nothing at {area.path} at rev {to_rev}.", rev=to_rev)
    span = RevSpan(store, context.channels.turns, to_rev, now.rev, area)
    then: dict[str, Record | None] = {}
    with context.comparisons.counted():
        async for pair in span.pairs():
            sides = (side for side in (pair.before, pair.after) if side is not None)
            seen = any(shows(call.principal.sight, side) for side in sides)
            if seen and difference(pair.before, pair.after, area.field) is not None:
                then[pair.key] = pair.before
            if len(then) > 2 * MAX_CHANGES:
                raise TooManyChanges.of(len(then), MAX_CHANGES)
        undoes: list[int] = []
        warnings: list[str] = []
        try:
            async for commit, changes in span.commits():
                if any(change.key in then for change in changes):
                    undoes.append(commit.rev)
        except TooLong:
            undoes, warnings = [], ["More commits lie between than are gone through: `undoes` names none."]
    only = frozenset(body.only) if isinstance(body.only, list) else frozenset[Part]()
    return Going(
        then,
        frozenset({Part.ENV}) if area.field else only,
        area.field[1] if len(area.field) > 1 else None,
        body.scale,
        body.delete,
        body.ports,
        tuple(undoes),
        tuple(warnings),
    )


def _is_there(snapshot: Snapshot, area: Subtree) -> bool:
    if any(snapshot.get(key) is not None for key in area.single_keys):
        return True
    records = (record for term in area.terms for record in scan(snapshot, term, limit=1))
    return any(area.covers(record.key, record.terms) for record in records)
