"""Who asks: from a request's credentials to a principal, decided on the newest state.

A token is looked up in what is held here, and what was made of it is kept with its record. One that is not
valid by what is held is asked for once by a confirmed read: it may have been made on another replica a
moment ago.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.errors import Forbidden, Unauthenticated
from app.models import keys
from app.models.grants import EVERYTHING, NOTHING, Grant, Role, Scope, sight_of
from app.models.token import KeptToken, id_of
from app.registry import tokens
from app.registry.permissions import Permission, Row
from app.registry.sighted import Sighted
from app.store.contract import Origin, Record, Snapshot, Store

HOUR = 3600

ADMIN_NAME, ANONYMOUS = "admin", "anonymous"

_BEARER = b"bearer "
_NEVER = float("inf")
MAX_TOKEN = 512
"""Bytes of credentials that are looked at."""


@dataclass(slots=True, eq=False)
class Principal:
    """Who asks, by a token that was valid when it was looked at. `record` is where that token is kept; None
    for the admin token of the settings, and where nobody needs a token."""

    id: str | None
    name: str
    grants: Sequence[Grant]
    sight: Scope
    sha256: bytes = b""
    record: Record | None = None
    until: float = _NEVER
    """When this has to be decided anew: the token expires, or its old secret does."""
    used_hour: int = 0
    scopes: dict[Row, Scope | None] = field(default_factory=dict)

    @property
    def anonymous(self) -> bool:
        return self.id is None and not self.sha256

    def scope(self, row: Row) -> Scope | None:
        """What it may do an operation for; None where it may not at all."""
        if self.anonymous:
            return EVERYTHING
        if row not in self.scopes:
            self.scopes[row] = EVERYTHING if row.open else row.scope(self.grants)
        return self.scopes[row]

    def permission(self, row: Row) -> Permission:
        """What a write has to read again in its transaction."""
        key = None if self.record is None else self.record.key
        return Permission(row, key, self.sha256, self.grants, self.anonymous)

    def see(self, snapshot: Snapshot) -> Snapshot:
        """A snapshot as the principal sees it."""
        return snapshot if self.sight.all else Sighted(snapshot, self.sight)

    def reach(self, row: Row, snapshot: Snapshot) -> Snapshot:
        """The part of a snapshot for which it may do an operation."""
        scope = self.scope(row) or NOTHING
        return snapshot if scope.all else Sighted(snapshot, scope)

    @property
    def digest(self) -> str:
        """Stands for what is seen, in cursors; empty where that is everything."""
        return "" if self.sight.all else hashlib.sha256(repr(self.sight.spelled()).encode()).hexdigest()

    @property
    def filtered(self) -> list[tuple[bytes, bytes]]:
        """The header that says that there may be more than is shown."""
        return [] if self.sight.all else [(b"visor-filtered", b"true")]

    @property
    def called(self) -> str:
        """Whose its idempotency keys are: a token's stay its own when it is renamed."""
        return f"token:{self.id}" if self.id is not None else self.name


_ADMINS = (Grant(role=Role.ADMIN),)


class Access:
    """Knows who asks. `admin_sha256` is the hash of a token that is an admin's, whatever the store has."""

    def __init__(self, store: Store, admin_sha256: str = "") -> None:
        self._store = store
        self._admin = Principal(None, ADMIN_NAME, _ADMINS, EVERYTHING, bytes.fromhex(admin_sha256))
        self._nobody = Principal(None, ANONYMOUS, _ADMINS, EVERYTHING)
        self._made: dict[str, Principal] = {}
        self._used: dict[str, datetime] = {}

    @property
    def nobody(self) -> Principal:
        """Who asks where no token is needed."""
        return self._nobody

    def closed(self, snapshot: Snapshot) -> bool:
        """Whether a token is needed."""
        return bool(self._admin.sha256) or tokens.needs_a_token(snapshot)

    def known(self, fields: Mapping[bytes, bytes]) -> Principal | None:
        """Who asks, by what is held here; None where that says nothing good."""
        snapshot = self._store.stale()
        token = _token(fields)
        if token is None:
            return None if self.closed(snapshot) else self._nobody
        sha256 = hashlib.sha256(token).digest()
        if hmac.compare_digest(sha256, self._admin.sha256):
            return self._admin
        try:
            return self._of_token(snapshot, token, sha256, time.time())
        except Unauthenticated:
            return None

    async def find(self, fields: Mapping[bytes, bytes]) -> Principal:
        """The same on the state that is confirmed now. Raises Unauthenticated, CoordinatorUnavailable."""
        if _token(fields) is None and self.closed(self._store.stale()):
            raise Unauthenticated.unknown()
        snapshot = await self._store.latest()
        principal = self.known(fields)
        if principal is not None:
            return principal
        if not self.closed(snapshot):
            return self._nobody
        token = _token(fields)
        if token is not None:
            self._of_token(snapshot, token, hashlib.sha256(token).digest(), time.time())
        raise Unauthenticated.unknown()

    def _of_token(self, snapshot: Snapshot, token: bytes, sha256: bytes, now: float) -> Principal:
        """Raises Unauthenticated."""
        id = id_of(token.decode("latin-1"))
        record = None if id is None else snapshot.get(keys.token(id))
        if id is None or record is None:
            raise Unauthenticated.unknown()
        principal = self._made.get(id)
        if (
            principal is None
            or principal.record is not record
            or now >= principal.until
            or not hmac.compare_digest(sha256, principal.sha256)
        ):
            principal = self._make(record, sha256, now)
        hour = int(now) // HOUR
        if principal.used_hour != hour:
            principal.used_hour = hour
            self._used[id] = datetime.fromtimestamp(hour * HOUR, UTC)
        return principal

    def _make(self, record: Record, sha256: bytes, now: float) -> Principal:
        kept = tokens.read(record)
        if kept is None:
            raise Unauthenticated.unknown()
        tokens.check(kept, sha256, datetime.fromtimestamp(now, UTC))
        if len(self._made) >= MAX_KNOWN:
            self._made.clear()
        made = Principal(
            kept.id, kept.name, kept.grants, sight_of(kept.grants), sha256, record, _until(kept, now)
        )
        self._made[kept.id] = made
        return made

    def still(self, principal: Principal) -> bool:
        """Whether the principal may go on: its token is as it was when it was looked at."""
        if principal.anonymous:
            return not self.closed(self._store.stale())
        if principal.record is None:
            return True
        held = self._store.stale().get(principal.record.key)
        return held is principal.record and time.time() < principal.until

    async def write_uses(self) -> None:
        """Write down which tokens were used since the last time."""
        uses, self._used = self._used, {}
        while uses:
            some = dict(list(uses.items())[: tokens.USES])
            await self._store.transact(
                lambda snapshot, at, some=some: tokens.note_uses(snapshot, at, some),  # type: ignore[misc]
                Origin("visor", "tokens used"),
            )
            for id in some:
                del uses[id]


MAX_KNOWN = 10_000
"""Tokens that are remembered."""


def _until(kept: KeptToken, now: float) -> float:
    times = [at.timestamp() for at in (kept.expires_at, kept.old_until) if at is not None]
    return min((at for at in times if at > now), default=_NEVER)


def _token(fields: Mapping[bytes, bytes]) -> bytes | None:
    """What is given as a Bearer token; None where nothing is."""
    given = fields.get(b"authorization")
    if given is None or given[:7].lower() != _BEARER or len(given) > MAX_TOKEN:
        return None
    return given[7:].strip()


def check(principal: Principal, row: Row) -> None:
    """Raises Forbidden where the principal may not do an operation of this row, for anything."""
    if principal.scope(row) is None:
        raise Forbidden.needing(row.needs)
