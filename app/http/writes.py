"""The one way of a write: a rule, its preconditions and its idempotency key, one transaction."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Header, Query, Response
from pydantic import MISSING
from starlette.types import Scope

from app.errors import Conflict, InvalidRequest, RevCompacted
from app.http.context import Call, Ctx
from app.http.dry_run import DRY_RUN, DryRun
from app.http.entity_tags import TAGS, IfNoneMatch, preconditions
from app.http.origin import Asker
from app.http.ready_answer import json_answer
from app.models import codec, keys
from app.models.paths import path_of
from app.registry.idempotency import IdempotentCall, Replay, once
from app.registry.object_limits import ObjectLimits
from app.registry.permissions import Permission
from app.registry.preconditions import UNCONDITIONAL, Preconditions, Target
from app.registry.state import Locate
from app.store.contract import Changes, Outcome, Rule, Snapshot, Store
from app.store.records import Origin, Record
from app.store.snapshots import ask
from app.store.steps import in_one_go

_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")


def at_key(key: str) -> Target:
    """The resource that a request addresses is the one at the key."""
    return lambda snapshot: snapshot.get(key)


def where(locate: Locate) -> Target:
    """The same, at the key that is found."""
    return lambda snapshot: snapshot.get(locate(snapshot))


def live_instance(id: int) -> Target:
    """The resource is an instance that is not done."""

    def find(snapshot: Snapshot) -> Record | None:
        record = snapshot.get(keys.instance(id))
        return None if record is None or keys.is_ended(record.value) else record

    return find


def nothing(snapshot: Snapshot) -> None:
    """The request addresses no resource that could be there."""


class Write:
    """A write request: who asks (`origin`), what its token allows (`permission`), under which `conditions`,
    and, for a POST, as which idempotent `call`. With a `dry_run` it is tried, and not made."""

    def __init__(
        self,
        store: Store,
        origin: Origin,
        conditions: Preconditions,
        call: IdempotentCall | None,
        permission: Permission,
        limits: ObjectLimits,
        dry_run: DryRun | None = None,
    ) -> None:
        self.store = store
        self.origin = origin
        self.permission = permission
        self.limits = limits
        self.conditions = conditions
        self.call = call
        self.dry_run = dry_run

    @property
    def is_dry(self) -> bool:
        """Whether nothing comes of it: then it waits for nothing either."""
        return self.dry_run is not None

    @property
    def record_key(self) -> str | None:
        """Where the first answer to this Idempotency-Key is kept, once there is one."""
        return None if self.call is None else keys.idempotency(self.call.digest)

    def unconditional(self) -> "Write":
        """The same request, past its preconditions: they were for its first commit."""
        return self._unconditional(self.dry_run)

    def apart(self) -> "Write":
        """The same, for a commit that does not depend on those before it: in a dry run they are forgotten."""
        return self._unconditional(self.dry_run.apart() if self.dry_run else None)

    def _unconditional(self, dry_run: DryRun | None) -> "Write":
        return Write(self.store, self.origin, UNCONDITIONAL, None, self.permission, self.limits, dry_run)

    def speak_for(self, host: str) -> None:
        """Raises Forbidden where the caller is a host, and not this one."""
        self.permission.speak_for(host)

    def speak_by(self, claim_rev: object) -> None:
        """Raises InvalidRequest where the caller is a host and does not say by which claim it speaks."""
        self.permission.speak_by(claim_rev)

    async def commit(self, rule: Rule, target: Target) -> Outcome:
        """Run the rule as one transaction, in which the caller's token is looked at again. Raises
        Unauthenticated, Forbidden, RevMismatch, IdempotencyKeyReused, what the rule raises,
        TooManyObjects, CoordinatorUnavailable, StorageFull."""

        def guarded(snapshot: Snapshot, at: datetime) -> Changes:
            self.conditions.check(snapshot, target)
            return rule(snapshot, at)

        whole = once(self.call, guarded) if self.call else guarded

        def allowed(snapshot: Snapshot, at: datetime) -> Changes:
            scope, seen = self.permission.admit(snapshot, at)
            changes = whole(seen, at)
            if not scope.all:
                in_one_go(self.permission.checking(snapshot, changes, scope))
            self.limits.check(snapshot, changes)
            return changes

        outcome = await (self.dry_run or self.store).transact(allowed, self.origin)
        return await self.found_again(outcome)

    async def found_again(self, outcome: Outcome) -> Outcome:
        """The outcome; of a replay with its record, out of the history where it was not kept. Raises Conflict
        where that no longer has it."""
        replay = outcome.changes.result
        if isinstance(replay, Replay) and replay.record is None:
            outcome.changes.result = await self._from_history(replay)
        return outcome

    async def _from_history(self, replay: Replay) -> Replay:
        try:
            snapshot = await self.store.at(replay.rev)
            record = await ask(snapshot, lambda snapshot: snapshot.get(replay.key))
        except RevCompacted as gone:
            raise Conflict(
                f"This request was carried out at rev {replay.rev} and is not done again. Its answer is large"
                " and went with the history of that rev: read the resource.",
                **gone.members,
            ) from None
        return replace(replay, record=record)

    async def answer(
        self,
        rule: Rule,
        target: Target,
        status: int = 200,
        *,
        location: Callable[[Record], str] | None = None,
        body: Callable[[Record], bytes] = codec.wire,
    ) -> Response:
        """The new state of the resource that the rule names as its answer."""
        return self.respond(await self.commit(rule, target), status, location=location, body=body)

    async def create(self, rule: Rule, key: str) -> Response:
        """201 with the new resource at the key, and where it is."""
        return await self.answer(
            rule, at_key(key), 201, location=lambda record: path_of(record.key) or record.key
        )

    def respond(
        self,
        outcome: Outcome,
        status: int = 200,
        *,
        location: Callable[[Record], str] | None = None,
        body: Callable[[Record], bytes] = codec.wire,
    ) -> Response:
        record, rev = outcome.record, outcome.rev
        replay = outcome.changes.result
        if isinstance(replay, Replay):
            record, rev = replay.record, replay.rev
        assert record is not None, "a rule that is answered from a record names it"
        where = None if location is None else location(record)
        response = self.response(body(record), rev, status, etag=record.rev, location=where)
        if isinstance(replay, Replay):
            response.headers["Idempotency-Replayed"] = "true"
        return response

    async def delete(self, rule: Rule, target: Target) -> Response:
        """`{"rev": N}` of the commit that removed it."""
        outcome = await self.commit(rule, target)
        return self.response(b'{"rev":%d}' % outcome.rev, outcome.rev)

    def response(
        self,
        body: bytes,
        rev: int,
        status: int = 200,
        *,
        etag: int | None = None,
        location: str | None = None,
        planned: bool = False,
    ) -> Response:
        """JSON as the answer to the write, which made the commit at `rev`. With `planned` it says of a dry
        run what there is to say."""
        dry_run = self.dry_run
        if dry_run is None:
            return json_answer(body, rev, status, etag=etag, location=location)
        # What is not there has no place yet.
        where = None if status == 201 else location
        response = json_answer(body if planned else dry_run.body(body), dry_run.rev, location=where)
        response.headers[DRY_RUN] = "true"
        return response

    def rev_of(self, outcome: Outcome) -> int:
        """The rev of the commit; where there is none, that of the snapshot that was read."""
        return outcome.rev if self.dry_run is None else self.dry_run.rev

    def no_content(self, rev: int) -> Response:
        """204: there was nothing to do."""
        headers = {"Visor-Rev": str(self.dry_run.rev if self.dry_run else rev)}
        return Response(status_code=204, headers={**headers, **({DRY_RUN: "true"} if self.is_dry else {})})


def idempotent_call(key: str, whose: str, scope: Scope, body: bytes) -> IdempotentCall:
    """The call as its Idempotency-Key names it: each actor or token has keys of its own. Raises
    InvalidRequest."""
    if not _KEY.match(key):
        raise InvalidRequest.of(
            ["header", "Idempotency-Key"], "takes 1 to 255 visible ASCII characters, no spaces"
        )
    digest = hashlib.sha256()
    # A dry run asks for the same as the call: it is told of the first answer, and leaves none.
    query = b"&".join(part for part in scope["query_string"].split(b"&") if not part.startswith(b"dry_run="))
    for part in (scope["method"].encode(), scope["path"].encode(), query):
        digest.update(part)
        digest.update(b"\0")
    digest.update(body)
    # Neither has a NUL in it.
    return IdempotentCall(hashlib.sha256(f"{whose}\0{key}".encode()).hexdigest(), digest.hexdigest())


IfMatch = Annotated[
    str | MISSING,
    Header(
        alias="If-Match",
        description="412 unless the resource still has this tag.",
        examples=['"42"'],
        json_schema_extra=TAGS,
    ),
]


AskedDryRun = Annotated[
    bool,
    Query(
        description="Try the call and change nothing: 200 with `Visor-Dry-Run: true`, the "
        "`Visor-Rev` of the snapshot that it was tried on, and the body that the call "
        "would give. Revs of commits that are not made are null. Errors are the same as "
        "without a dry run.",
    ),
]


def _write(
    context: Ctx,
    call: Call,
    origin: Asker,
    if_match: IfMatch = MISSING,
    if_none_match: IfNoneMatch = MISSING,
    dry_run: AskedDryRun = False,
) -> Write:
    conditions = preconditions(if_match, if_none_match)
    tried = DryRun(context.store) if dry_run else None
    permission = call.principal.permission(call.row)
    return Write(context.store, origin, conditions, None, permission, context.object_limits, tried)


def _post(
    context: Ctx,
    call: Call,
    origin: Asker,
    if_match: IfMatch = MISSING,
    if_none_match: IfNoneMatch = MISSING,
    idempotency_key: Annotated[
        str | MISSING,
        Header(
            alias="Idempotency-Key",
            description="Makes a retry safe: the same key with the same request by the same actor "
            "gets the first answer again and changes nothing. Keys are kept for 24 "
            "hours, or until 100,000 newer ones have come. An answer of 64 KiB or more "
            "is repeated while the history has it; after that the retry is 409.",
            examples=["7f9c2ba4-e88f"],
            json_schema_extra={"pattern": r"^[!-~]{1,255}$"},
        ),
    ] = MISSING,
    dry_run: AskedDryRun = False,
) -> Write:
    keyed = None
    if isinstance(idempotency_key, str):
        whose = origin.actor if call.principal.anonymous else call.principal.called
        keyed = idempotent_call(idempotency_key, whose, call.scope, call.content)
    conditions = preconditions(if_match, if_none_match)
    tried = DryRun(context.store) if dry_run else None
    permission = call.principal.permission(call.row)
    return Write(context.store, origin, conditions, keyed, permission, context.object_limits, tried)


Put = Annotated[Write, Depends(_write)]
"""PUT, PATCH, DELETE."""

Post = Annotated[Write, Depends(_post)]
