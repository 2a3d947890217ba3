"""Permissions: the row of an operation, and rules that check a token's grants.

A write reads its token's key in its own transaction, so none commits after the token was revoked or narrowed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pydantic_core import from_json

from app.errors import Forbidden, InvalidRequest, Unauthenticated
from app.models import codec
from app.models.grants import EVERYTHING, NOTHING, SCOPE_OF, Grant, Role, Scope, own_scope, sight_of
from app.models.paths import key_of
from app.registry import tokens
from app.registry.idempotency import Replay
from app.registry.readable import readable
from app.registry.sighted import Sighted, scope_names
from app.store.contract import Changes, Rule, Snapshot
from app.store.records import Record
from app.store.steps import Steps, in_one_go

NEVER = float("inf")

CHECKED = 50
"""Changes that are held against a scope at once: those of instances are read for it."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Which roles may do an operation: `all` for everything, `own` for what their grant names. `open`:
    everybody, without a token. `fenced`: a host has to say by which claim it speaks, once it has one."""

    all: frozenset[Role] = frozenset()
    own: frozenset[Role] = frozenset()
    open: bool = False
    fenced: bool = False

    def scope(self, grants: Iterable[Grant]) -> Scope | None:
        """What grants allow the operation for; None where they do not allow it at all."""
        sight: Scope | None = None
        for grant in grants:
            if grant.role in self.all:
                return EVERYTHING
            if grant.role in self.own:
                sight = (sight or NOTHING) | own_scope(grant)
        return sight

    @property
    def needs(self) -> str:
        """Which grants would do, in words."""
        own = [f"{role}({SCOPE_OF.get(role, 'own')})" for role in Role if role in self.own]
        return " or ".join([*own, *(role.value for role in Role if role in self.all)]) or "no grant there is"


@dataclass(frozen=True, slots=True)
class Permission:
    """What a request may do, as its token said when it came. `record` is that token; None where it is none of
    the store's. `until`: what it said is looked at again then, should it still be that record.
    `anonymous`: there was no token, and none was needed."""

    row: Row
    record: Record | None
    sha256: bytes
    scope: Scope | None
    sight: Scope
    until: float = NEVER
    anonymous: bool = False

    def guard(self, rule: Rule) -> Rule:
        """The rule, held to what the token allows when it commits. Raises Unauthenticated, Forbidden, and
        what the rule raises: of what the token may not see, that it is not there."""

        def run(snapshot: Snapshot, at: datetime) -> Changes:
            scope, seen = self.admit(snapshot, at)
            changes = rule(seen, at)
            in_one_go(self.checking(snapshot, changes, scope))
            return changes

        return run

    def admit(self, snapshot: Snapshot, at: datetime) -> tuple[Scope, Snapshot]:
        """What the token allows the request for, and what a rule may see of the snapshot for it. Raises
        Unauthenticated, Forbidden."""
        if self.anonymous:
            if tokens.needs_a_token(snapshot):
                raise Unauthenticated.unknown()
            return EVERYTHING, snapshot
        scope, sight = self._now(snapshot, at)
        if scope is None:
            raise Forbidden.needing(self.row.needs)
        if scope.all:
            return scope, snapshot
        return scope, Sighted(snapshot, sight, of_rule=True)

    def checking(self, snapshot: Snapshot, changes: Changes, scope: Scope) -> Steps[None]:
        """Raises Forbidden where something is changed, or was by the first call of a replay, that is outside
        the scope."""
        if not scope.all:
            yield from _checking(snapshot, changes, scope, self.row)

    def speak_for(self, host: str) -> None:
        """Raises Forbidden where only hosts may do this, and the token is not this one's."""
        scope = self.scope
        if scope is not None and not scope.all and not scope.hosts.has(host):
            raise Forbidden.needing(f"host({host})")

    def speak_by(self, claim_rev: object) -> None:
        """Raises InvalidRequest where a claim has to be named and is not."""
        scope = self.scope
        # Absent is pydantic's MISSING, which is no int.
        if self.row.fenced and scope is not None and not scope.all and not isinstance(claim_rev, int):
            raise InvalidRequest.of(["body", "claim_rev"], "is required of a host", "missing")

    def _now(self, snapshot: Snapshot, at: datetime) -> tuple[Scope | None, Scope]:
        """What the token allows the request for, and may see, by the snapshot. Raises Unauthenticated."""
        if self.record is None:
            return self.scope, self.sight
        record = snapshot.get(self.record.key)
        if record is self.record and at.timestamp() < self.until:
            # As when the request came. To parse it for each write would cost more than the check does.
            return self.scope, self.sight
        kept = tokens.read(record)
        if kept is None:
            raise Unauthenticated.unknown()
        tokens.check(kept, self.sha256, at)
        return self.row.scope(kept.grants), sight_of(kept.grants)


def _checking(snapshot: Snapshot, changes: Changes, scope: Scope, row: Row) -> Steps[None]:
    if isinstance(changes.result, Replay):
        replay = changes.result
        if replay.key == "":
            _check_plan(snapshot, replay.record, scope, row)
            return
        value = None if replay.record is None else replay.record.value
        if not _within(snapshot, replay.key, value, scope):
            raise Forbidden.needing(row.needs)
        return
    for number, (key, value) in enumerate(changes.puts.items(), start=1):
        if number % CHECKED == 0:
            yield
        if not _within(snapshot, key, value, scope):
            raise Forbidden.needing(row.needs)
    for key in (*changes.deletes, *changes.prefixes, *changes.renews):
        if not _within(snapshot, key, None, scope):
            raise Forbidden.needing(row.needs)


def _check_plan(snapshot: Snapshot, kept: Record | None, scope: Scope, row: Row) -> None:
    """The same of an answer that is not the state of one resource: it names what was changed."""
    changes = [] if kept is None else from_json(kept.value)["changes"]
    for change in changes:
        if not _within(snapshot, key_of(change["path"]), None, scope):
            raise Forbidden.needing(row.needs)


_OWN_BUSINESS = frozenset({"counter", "fence", "idempotency"})


def _within(snapshot: Snapshot, key: str, value: bytes | None, scope: Scope) -> bool:
    """Whether a change of the key is inside the scope. Of what changes hands, one of both sides has to be."""
    named = scope_names(scope, key)
    if named is not None:
        return named
    kind, _, rest = key.partition("/")
    if kind in _OWN_BUSINESS:
        return True
    if kind == "scaling":
        return scope.apps.has(rest.partition(",")[0])
    if kind == "instance":
        before = snapshot.get(key)
        sides = [side for side in (before, None if value is None else Record(key, value, 1, 1)) if side]
        return any(_is_of(side, scope) for side in sides)
    return False


def _is_of(record: Record, scope: Scope) -> bool:
    if not readable(record):
        return False
    instance = codec.kept(record)
    host = instance.get("host")
    return scope.apps.has(instance["app"]) or (host is not None and scope.hosts.has(host))


def is_operator(grants: Iterable[Grant]) -> bool:
    """Whether they let somebody speak for another."""
    return any(grant.role in (Role.OPERATOR, Role.ADMIN) for grant in grants)
