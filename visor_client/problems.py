"""What can go wrong, as one tree of exceptions.

`Problem` is an answer of the service that is no success, one class for each `code`; `Unreachable` is no
answer at all. Both are `ClientError`.
"""

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """The root: whatever a call raises on purpose."""


class Unreachable(ClientError):
    """No answer has come. `outcome` is "unknown" where a write may have been done nevertheless."""

    def __init__(self, detail: str, outcome: str | None = None) -> None:
        super().__init__(detail)
        self.outcome = outcome


class Untrusted(Unreachable):
    """The service has shown a certificate that is not trusted: nothing was sent, or is tried again."""


class Problem(ClientError):
    """An answer that is no success: RFC 9457's members, those of this code in `members`.

    `repeated` says that an earlier try of the same call had no answer: a 409 or 412 may then be the echo of a
    success.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        members: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.members = dict(members or {})
        self.retry_after = retry_after
        self.repeated = False

    @property
    def title(self) -> str:
        """A short text, always the same for a code."""
        return str(self.members.get("title", self.code))

    @property
    def rev(self) -> int | None:
        """The rev of the snapshot that was read."""
        return self._number("rev")

    @property
    def current_rev(self) -> int | None:
        """`rev-mismatch`: the resource's rev. `rev-in-future`: the latest one."""
        return self._number("current_rev")

    @property
    def oldest_rev(self) -> int | None:
        """`rev-compacted`: the oldest rev that can be read."""
        return self._number("oldest_rev")

    @property
    def errors(self) -> list[dict[str, Any]]:
        """`invalid-request`: one entry for each field."""
        return list(self.members.get("errors") or [])

    @property
    def outcome(self) -> str | None:
        """ "unknown" where the write may have been done nevertheless."""
        outcome = self.members.get("outcome")
        return None if outcome is None else str(outcome)

    def _number(self, name: str) -> int | None:
        value = self.members.get(name)
        return value if isinstance(value, int) else None


class MalformedRequest(Problem):
    """400 `malformed-request`."""


class InvalidCursor(Problem):
    """400 `invalid-cursor`."""


class RevInFuture(Problem):
    """400 `rev-in-future`: `current_rev` is the latest."""


class TimeInFuture(Problem):
    """400 `time-in-future`."""


class TimeUnsettled(Problem):
    """400 `time-unsettled`: on etcd, the last 10 seconds."""


class Unauthenticated(Problem):
    """401 `unauthenticated`."""


class Forbidden(Problem):
    """403 `forbidden`."""


class NotClaimer(Problem):
    """403 `not-claimer`: the claim was lost; stop the process."""


class ForeignOrigin(Problem):
    """403 `foreign-origin`."""


class NotFound(Problem):
    """404 `not-found`."""


class AlreadyExists(Problem):
    """409 `already-exists`."""


class AlreadyClaimed(Problem):
    """409 `already-claimed`."""


class InvalidState(Problem):
    """409 `invalid-state`."""


class InUse(Problem):
    """409 `in-use`."""


class Locked(Problem):
    """409 `locked`."""


class Conflict(Problem):
    """409 `conflict`."""


class NoKeyring(Problem):
    """409 `no-keyring`: the service has no keys for secrets."""


class TooManyObjects(Problem):
    """409 `too-many-objects`: the service takes no more of this kind."""


class RevCompacted(Problem):
    """410 `rev-compacted`: `oldest_rev` is the oldest rev that can be read."""


class RevMismatch(Problem):
    """412 `rev-mismatch`: it has changed since it was read."""


class BodyTooLarge(Problem):
    """413 `body-too-large`."""


class UnknownHost(Problem):
    """421 `unknown-host`."""


class InvalidRequest(Problem):
    """422 `invalid-request`: `errors` has one entry for each field."""


class TooManyChanges(Problem):
    """422 `too-many-changes`: more than one commit may have."""


class IdempotencyKeyReused(Problem):
    """422 `idempotency-key-reused`."""


class TooManyRequests(Problem):
    """429 `too-many-requests`."""


class TooManySubscribers(Problem):
    """429 `too-many-subscribers`."""


class CoordinatorUnavailable(Problem):
    """503 `coordinator-unavailable`."""


class ResolverUnavailable(Problem):
    """503 `resolver-unavailable`: the name of an endpoint could not be looked up."""


class StorageFull(Problem):
    """507 `storage-full`."""


CLASSES: dict[str, type[Problem]] = {
    "malformed-request": MalformedRequest,
    "invalid-cursor": InvalidCursor,
    "rev-in-future": RevInFuture,
    "time-in-future": TimeInFuture,
    "time-unsettled": TimeUnsettled,
    "unauthenticated": Unauthenticated,
    "forbidden": Forbidden,
    "not-claimer": NotClaimer,
    "foreign-origin": ForeignOrigin,
    "not-found": NotFound,
    "already-exists": AlreadyExists,
    "already-claimed": AlreadyClaimed,
    "invalid-state": InvalidState,
    "in-use": InUse,
    "locked": Locked,
    "conflict": Conflict,
    "no-keyring": NoKeyring,
    "too-many-objects": TooManyObjects,
    "rev-compacted": RevCompacted,
    "rev-mismatch": RevMismatch,
    "body-too-large": BodyTooLarge,
    "unknown-host": UnknownHost,
    "invalid-request": InvalidRequest,
    "too-many-changes": TooManyChanges,
    "idempotency-key-reused": IdempotencyKeyReused,
    "too-many-requests": TooManyRequests,
    "too-many-subscribers": TooManySubscribers,
    "coordinator-unavailable": CoordinatorUnavailable,
    "resolver-unavailable": ResolverUnavailable,
    "storage-full": StorageFull,
}
"""A code that is not here is a plain `Problem`: a newer service may have more."""
