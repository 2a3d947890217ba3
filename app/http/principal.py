"""A principal: the caller, and what it may see and do."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.models.grants import EVERYTHING, NOTHING, Grant, Scope
from app.registry.permissions import NEVER, Permission, Row
from app.registry.sighted import Sighted
from app.store.contract import Snapshot
from app.store.records import Record


@dataclass(slots=True, eq=False)
class Principal:
    """Who asks, by a token or a certificate that was valid when it was looked at. `record` is where the
    token is kept; None for a certificate, for the admin token of the settings, and where nobody needs a
    token."""

    id: str | None
    name: str
    grants: Sequence[Grant]
    sight: Scope
    sha256: bytes = b""
    record: Record | None = None
    until: float = NEVER
    """When this has to be decided anew: the token expires, or its old secret does."""
    used_hour: int = 0
    noted_until: float = 0.0
    """Until then neither this has to be decided anew nor its use to be noted."""
    hosts: tuple[str, ...] = ()
    """Those that a client's certificate names, where it is by that."""
    scopes: dict[Row, Scope | None] = field(default_factory=dict)
    permissions: dict[Row, Permission] = field(default_factory=dict)
    anonymous: bool = field(init=False)

    def __post_init__(self) -> None:
        self.anonymous = self.id is None and not self.sha256 and not self.hosts

    def scope(self, row: Row) -> Scope | None:
        """What it may do an operation for; None where it may not at all."""
        try:
            return self.scopes[row]
        except KeyError:
            free = row.open or self.anonymous
            scope = self.scopes[row] = EVERYTHING if free else row.scope(self.grants)
            return scope

    def permission(self, row: Row) -> Permission:
        """What a write has to read again in its transaction."""
        permission = self.permissions.get(row)
        if permission is None:
            scope, until = self.scope(row), self.until
            permission = Permission(row, self.record, self.sha256, scope, self.sight, until, self.anonymous)
            self.permissions[row] = permission
        return permission

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
        if self.hosts:
            return f"certificate:{self.name}"
        return f"token:{self.id}" if self.id is not None else self.name
