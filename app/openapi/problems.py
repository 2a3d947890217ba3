"""An example of every error that a call can be answered with."""

from typing import Any

from app import errors

_AT = "2026-11-02T09:21:00.000000Z"

EXAMPLES: tuple[errors.RequestError, ...] = (
    errors.MalformedRequest("The body is not JSON: Expecting ',' delimiter (line 1, column 18)."),
    errors.InvalidCursor("The cursor was not given out by this list: begin again without one."),
    errors.RevInFuture("Rev 99 has not been reached: the latest is 42.", current_rev=42),
    errors.TimeInFuture(
        "2026-11-02T10:00:00.000000Z has not come: it is 2026-11-02T09:21:00.000000Z here.", now=_AT
    ),
    errors.TimeUnsettled(
        f"Another replica may still commit at that time: ask for {_AT} or before.", settled_at=_AT
    ),
    errors.Unauthenticated.unknown(),
    errors.Forbidden.needing("deployer(apps) or operator or admin"),
    errors.NotClaimer("Instance 17 is claimed by another host than 10.0.0.8.", rev=42),
    errors.ForeignOrigin(
        "A page of another site may not ask this service. To let it, name its origin in "
        "VISOR_CORS_ORIGINS (--cors-origins)."
    ),
    errors.NotFound("There is no app rocket at rev 42.", rev=42),
    errors.AlreadyExists("There is app rocket already: it was registered at rev 7."),
    errors.AlreadyClaimed("Instance 17 is claimed by 10.0.0.7.", host="10.0.0.7"),
    errors.InvalidState("Instance 17 is exited: it cannot be claimed.", state="exited"),
    errors.InUse("Instance 17 is running at revision 128af9: scale it to 0 first."),
    errors.Locked(
        "Instance 17 is locked by ops.", lock={"client": "ops", "reason": "being looked at", "at": _AT}
    ),
    errors.Conflict("No port between 8000 and 65535 is free: unregister a proctype first."),
    errors.TooManyObjects.of("instance", 1_000_000, 1, 1_000_000),
    errors.NoKeyring(
        "Secrets need a keyring, and this service has none: make one with `visor keys new FILE` and start "
        "the service with VISOR_KEYRING_FILE (--keyring-file)."
    ),
    errors.RevCompacted("Rev 3 is dropped: the oldest that is kept is 12.", oldest_rev=12),
    errors.RevMismatch("The resource is at rev 13.", current_rev=13),
    errors.BodyTooLarge("A body may have at most 1048576 bytes.", limit=1_048_576),
    errors.UnsupportedMediaType(
        "The body has no Content-Type; it has to be JSON and to say so. "
        "With curl: -H 'Content-Type: application/json' (or --json)."
    ),
    errors.UnknownHost(
        "This service does not go by the host rocket.example.com. Ask it by a name that it has, or have "
        "VISOR_ALLOWED_HOSTS (--allowed-hosts) name this one."
    ),
    errors.InvalidRequest.of(["body", "name"], "Field required", "missing"),
    errors.TooManyChanges.of(2412, 2000),
    errors.IdempotencyKeyReused("This Idempotency-Key was used for another request before."),
    errors.TooManyRequests("The server works on 1000 requests already: try again in a second."),
    errors.TooManySubscribers("The server has 5000 subscribers already: try again in 5 seconds."),
    errors.InternalError(
        "The server met a fault of its own; its log has the cause. Report it, and try again."
    ),
    errors.CoordinatorUnavailable(
        "The write may have happened or not: repeat it with the same Idempotency-Key, or read first.",
        outcome="unknown",
    ),
    errors.ResolverUnavailable(
        "The name service cannot be asked: it said nothing of db.example.com for 5 seconds. "
        "Try again, or give the ip."
    ),
    errors.Draining("The service drains: it is about to end. Send new requests to another replica."),
    errors.StorageFull("The store is full: free space on its disk. Reads go on."),
)


def codes() -> str:
    """What is said of the member that has them."""
    listed = ", ".join(f"`{error.code}`" for error in errors.request_errors())
    return f"For programs. One of {listed}; a later version may add others. `/problems/<code>` explains each."


def examples(status: int) -> dict[str, Any]:
    """Those of a status, by code."""
    return {
        error.code: {"summary": error.title, "value": error.problem()}
        for error in EXAMPLES
        if error.status == status
    }
