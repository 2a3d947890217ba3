"""Every error the domain can raise, as one tree.

Two branches: `RequestError` is an answer to one request and becomes `application/problem+json`
(RFC 9457); `StartError` stops `visor serve` before it listens, with one line that says what to do.
The docstring of a class is the text of its page under `/problems/<code>`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class VisorError(Exception):
    """The root: whatever Visor raises on purpose."""


class StartError(VisorError):
    """The service cannot start, or a command cannot run. The message is one line for the operator."""


class RequestError(VisorError):
    """An answer that is not a success. Subclasses give status, code and title.

    `detail` is a sentence that says what to do; `members` are RFC 9457 extension members;
    `headers` go on the response; `rev` is the rev of the snapshot the answer was judged by.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(
        self,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        rev: int | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})
        self.rev = rev
        self.members = members

    def problem(self, root_path: str = "") -> dict[str, Any]:
        """The body of the problem+json answer, to clients that see the service under `root_path`."""
        return {
            "type": f"{root_path}/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **({} if self.rev is None else {"rev": self.rev}),
            **self.members,
        }


class MalformedRequest(RequestError):
    """The request cannot be read: its JSON does not parse (or is nested more than 64 deep, repeats
    a key, holds NaN or half a surrogate pair), an entity tag or event id is not in its form, or the
    body did not arrive in time. Correct the request; nothing was changed."""

    status, code, title = 400, "malformed-request", "The request cannot be read"


class InvalidCursor(RequestError):
    """The `cursor` was not given out by this list, or was altered. Ask for the first page again,
    without a cursor, and follow `next` as it comes."""

    status, code, title = 400, "invalid-cursor", "The cursor is not one of this list"


class RevInFuture(RequestError):
    """The rev asked for has not been reached. `current_rev` is the latest there is."""

    status, code, title = 400, "rev-in-future", "The rev has not been reached yet"

    @classmethod
    def beyond(cls, rev: int, latest: int) -> "RevInFuture":
        """For a read at `rev` where `latest` is the latest."""
        return cls(f"Rev {rev} has not been reached: the latest is {latest}.", current_rev=latest)


class TimeInFuture(RequestError):
    """The time asked for has not come. `now` is the server's time."""

    status, code, title = 400, "time-in-future", "The time has not come yet"


class TimeUnsettled(RequestError):
    """What was at that time is not settled: another replica may still commit at or before it. Ask for
    `settled_at` or before, or wait a few seconds. A short form such as `-1s` asks for what is settled."""

    status, code, title = 400, "time-unsettled", "What was at that time is not settled yet"


class Unauthenticated(RequestError):
    """The request carries no token that is valid: none, one that is unknown, or one that was revoked. Where
    the token is right but over its time, `reason` is `expired`. Send `Authorization: Bearer <token>`."""

    status, code, title = 401, "unauthenticated", "Credentials are missing or not valid"

    def __init__(self, detail: str, **members: Any) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"}, **members)

    @classmethod
    def unknown(cls) -> "Unauthenticated":
        """The one answer wherever there is no valid token."""
        return cls("This call needs a token that is valid: send it as `Authorization: Bearer <token>`.")

    @classmethod
    def expired(cls, what: str = "token") -> "Unauthenticated":
        """Only for those who have the secret."""
        return cls(f"The {what} is over its time: ask for a new one.", reason="expired")


class Forbidden(RequestError):
    """The token is valid, and its grants do not allow this call. `needs` says which roles do. What a token
    may not see is answered as what is not there."""

    status, code, title = 403, "forbidden", "The call is not allowed"

    @classmethod
    def needing(cls, needs: str) -> "Forbidden":
        """Where a grant like these would do: `deployer(rocket) or operator`."""
        return cls(f"The token's grants do not allow this: it needs {needs}.", needs=needs)


class NotClaimer(RequestError):
    """Only the host that holds the claim on an instance may make this call, and where it gives a
    `claim_rev`, it has to be the one of the present claim. The instance was lost to another holder
    or was never yours: stop the process and claim anew."""

    status, code, title = 403, "not-claimer", "The instance is claimed by another"


class ForeignOrigin(RequestError):
    """A browser says that a page of another site has it ask (`Origin`, `Sec-Fetch-Site`). Nothing was done.
    Pages that may ask have their origin named in the setting `cors_origins`."""

    status, code, title = 403, "foreign-origin", "Pages of other sites may not ask"


class NotFound(RequestError):
    """There is no such resource at the rev that was read. `rev` names that rev: it may exist at
    another one. Of an instance that is done, `ended` is what is kept of it."""

    status, code, title = 404, "not-found", "There is no such resource"


class MethodNotAllowed(RequestError):
    """The path exists, but not for this method. The header `Allow` lists the methods it has."""

    status, code, title = 405, "method-not-allowed", "The method is not allowed here"


class AlreadyExists(RequestError):
    """A resource of that name is registered. Read it, or choose another name."""

    status, code, title = 409, "already-exists", "The resource exists already"


class AlreadyClaimed(RequestError):
    """Another host was first. Claim another instance."""

    status, code, title = 409, "already-claimed", "The instance is claimed already"


class InvalidState(RequestError):
    """The resource is in a state that does not allow this call. Read it again before deciding."""

    status, code, title = 409, "invalid-state", "The state does not allow this"


class InUse(RequestError):
    """Something that is still alive needs the resource. Stop or scale that down first."""

    status, code, title = 409, "in-use", "The resource is in use"


class Locked(RequestError):
    """The instance is locked. `lock` says by whom and why; unlock it first."""

    status, code, title = 409, "locked", "The instance is locked"


class Conflict(RequestError):
    """The change lost a race against others, after the server's own retries; or there is nothing left to
    give (no free port); or it was made before, with this `Idempotency-Key`, and its large answer is no
    longer kept; or what an import would bring is there as another one. The detail says which."""

    status, code, title = 409, "conflict", "The change conflicts with another"


class TooManyObjects(RequestError):
    """The registry has as many objects of that `kind` as it is allowed to: `count`, of at most `limit`.
    Nothing was changed. Unregister some that are not used any more, or have the operator raise
    `max_objects`."""

    status, code, title = 409, "too-many-objects", "There are too many objects of that kind"

    @classmethod
    def of(cls, kind: str, count: int, more: int, limit: int) -> "TooManyObjects":
        """`count` is how many there are before the change, which would add `more`."""
        return cls(
            f"There are {count} objects of kind {kind}, this would add {more}, and there may be {limit}: "
            "unregister some, or have VISOR_MAX_OBJECTS (--max-objects) allow more.",
            kind=kind,
            count=count,
            limit=limit,
        )


class NoKeyring(RequestError):
    """Secrets are kept sealed, and the service has no key for that, or not the one that is needed.
    `visor keys new FILE` makes a keyring; start the service with the setting `keyring_file`. Nothing was
    changed."""

    status, code, title = 409, "no-keyring", "There is no key for secrets"


class RevCompacted(RequestError):
    """The history before `oldest_rev` is dropped. Read the latest snapshot and go on from there."""

    status, code, title = 410, "rev-compacted", "The history before this rev is dropped"

    @classmethod
    def before(cls, oldest: int) -> "RevCompacted":
        """Where `oldest` is the oldest rev that can still be read."""
        return cls(
            f"The history before rev {oldest} is dropped: read from there on, or the latest snapshot.",
            oldest_rev=oldest,
        )


class RevMismatch(RequestError):
    """`If-Match` or `If-None-Match` does not hold: the resource has changed since you read it (its
    `rev` says when), or is there, or is not. Read it again and repeat the change on what you see."""

    status, code, title = 412, "rev-mismatch", "The resource is not at that rev"


class BodyTooLarge(RequestError):
    """The body, or the resource it would make, is over the limit (`limit`, in bytes)."""

    status, code, title = 413, "body-too-large", "The body is too large"


class UnsupportedMediaType(RequestError):
    """The body has to be JSON and has to say so. With curl: `-H 'Content-Type: application/json'`
    (or `--json`)."""

    status, code, title = 415, "unsupported-media-type", "The body is not declared as JSON"


class UnknownHost(RequestError):
    """The request names a host that this service does not go by, so a page might have given a name of its own
    to the service's address; or a proxy has passed it on to a service that serves its own machine. Nothing
    was done. Ask by a name that the service has, or name this one in the setting `allowed_hosts`."""

    status, code, title = 421, "unknown-host", "The service does not go by that host"


class InvalidRequest(RequestError):
    """A field, parameter or name is not valid. `errors` has one entry for each, with its location
    (`loc`) and what is wrong (`msg`). Nothing was changed."""

    status, code, title = 422, "invalid-request", "The request is not valid"

    @classmethod
    def of(cls, loc: Sequence[str | int], msg: str, kind: str = "value_error") -> "InvalidRequest":
        """One invalid field: `loc` as in `["body", "head"]`, `msg` what is wrong with it."""
        return cls(
            f"{'.'.join(map(str, loc))}: {msg}.",
            errors=[{"loc": list(loc), "msg": msg, "type": kind}],
        )


class TooManyChanges(RequestError):
    """The request would change more at once than one commit takes: `changes` objects, or their bytes, are
    over `limit`. Nothing was changed, and nothing was split. Ask for less at a time."""

    status, code, title = 422, "too-many-changes", "The request changes too much at once"

    @classmethod
    def of(cls, changes: int, limit: int) -> "TooManyChanges":
        """`changes` is how many keys would change."""
        return cls(
            f"This would change {changes} objects in one commit, which takes {limit}: ask for less.",
            changes=changes,
            limit=limit,
        )

    @classmethod
    def of_bytes(cls, changes: int, size: int, limit: int) -> "TooManyChanges":
        """`size` is how many bytes what would be kept takes, of `limit`."""
        return cls(
            f"This would keep {size} bytes in one commit, which takes {limit}: ask for less at a time.",
            changes=changes,
            limit=limit,
        )


class IdempotencyKeyReused(RequestError):
    """The `Idempotency-Key` was used within the last 24 hours for another request. Use a new key
    for a new request; repeat a key only with the same method, path and body."""

    status, code, title = 422, "idempotency-key-reused", "The idempotency key belongs to another request"


class TooManyRequests(RequestError):
    """With `scope` `server`: the server works on as many requests as it is allowed to. With `client`: your
    token, or else your address, has as many connections or requests, or has written as often in a second, as
    one client is allowed to. Wait for `Retry-After` seconds."""

    status, code, title = 429, "too-many-requests", "Too many requests at a time"

    def __init__(self, detail: str, *, scope: str = "server", **more: Any) -> None:
        super().__init__(detail, scope=scope, **more)


class TooManySubscribers(RequestError):
    """There are as many event streams and waiting calls as are allowed: of all clients where `scope` is
    `server`, of your token, or else your address, where it is `client`. Wait for `Retry-After` seconds, end
    some of your own, or use another replica."""

    status, code, title = 429, "too-many-subscribers", "Too many subscribers"

    def __init__(self, detail: str, *, scope: str = "server", **more: Any) -> None:
        super().__init__(detail, scope=scope, **more)


class InternalError(RequestError):
    """A fault of the server's own. Its log has the cause; please report it."""

    status, code, title = 500, "internal-error", "The server has a fault"


class UnsupportedTransferCoding(RequestError):
    """The body comes in a transfer coding that is not spoken here. Send it as it is, with its
    `Content-Length`, or in chunks."""

    status, code, title = 501, "unsupported-transfer-coding", "The transfer coding is not supported"


class CoordinatorUnavailable(RequestError):
    """The store cannot be reached, or is closing. Try again after `Retry-After` seconds. Only where
    `outcome` is `unknown` may a write have happened nevertheless: repeat it with the same
    `Idempotency-Key`, or read first."""

    status, code, title = 503, "coordinator-unavailable", "The coordinator cannot be reached"

    def __init__(self, detail: str, *, retry_after: int = 1, **members: Any) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, **members)


class ResolverUnavailable(RequestError):
    """The name service cannot be asked, or gave no answer in time: whether the name exists is not known.
    Nothing was changed. Try again after `Retry-After` seconds, or give the `ip`."""

    status, code, title = 503, "resolver-unavailable", "The name service cannot be reached"

    def __init__(self, detail: str, **members: Any) -> None:
        super().__init__(detail, headers={"Retry-After": "1"}, **members)


class Draining(RequestError):
    """Only of `/readyz`: the service has been told to end, and serves as before for a while yet. Send
    new requests to another replica."""

    status, code, title = 503, "draining", "The service is about to end"


class StorageFull(RequestError):
    """The store has no room left; nothing was changed. Free space on its disk (or raise its quota),
    and writes go on by themselves. Reads are not affected."""

    status, code, title = 507, "storage-full", "The store is full"


def request_errors() -> list[type[RequestError]]:
    """Every class of the tree that has a code, ordered by status and code."""
    classes: list[type[RequestError]] = []
    todo: list[type[RequestError]] = [RequestError]
    while todo:
        for sub in todo.pop().__subclasses__():
            classes.append(sub)
            todo.append(sub)
    return sorted(classes, key=lambda e: (e.status, e.code))
