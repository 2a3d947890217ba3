"""How a call to etcd can fail, told apart by what the caller may do next."""

import grpc  # type: ignore[import-untyped]

from app.errors import CoordinatorUnavailable


class EtcdError(Exception):
    """The root of all that the client raises."""


class Away(EtcdError):
    """etcd cannot be reached or cannot decide just now. Either `NotDone` or `Ambiguous`."""


class NotDone(Away):
    """Nothing was done: never sent, or refused before anything was carried out. Safe to repeat."""


class Ambiguous(Away):
    """It was sent and no answer came: it may have been done, or may still be done a little later."""


class NoSpace(EtcdError):
    """etcd's quota is used up. A transaction that ends so was *usually* not done, but it may have been:
    a member that runs out while it applies carries it out and then says this. Look before you tell."""


class Compacted(EtcdError):
    """The revision asked for is gone. `revision` is the oldest one kept, 0 where etcd did not say."""

    def __init__(self, message: str, revision: int = 0) -> None:
        super().__init__(message)
        self.revision = revision


class WrongCluster(EtcdError):
    """The endpoints answer for another cluster than before: restored anew, or two clusters in one
    list. Nothing that is held counts there."""


class RevisionWentBack(EtcdError):
    """etcd is behind what it has told before (restored from a backup?): drop what is held, load anew."""


class RevisionSplit(EtcdError):
    """More of a revision came after it was delivered as whole: drop what is held, load anew."""


class WatchLost(EtcdError):
    """The watch has ended without a fault of its own: resume at the last delivered revision + 1."""


class RevisionsMissing(EtcdError):
    """A watch has left out revisions that it should have delivered (etcd#17529): ask for them again."""


class Refused(EtcdError):
    """A definite no: nothing was done, and the same call will be refused again."""


class FutureRevision(Refused):
    """The revision asked for has not been reached (on this member, for a serializable read)."""


class TooLarge(Refused):
    """The request has too many operations or bytes for this etcd (`--max-txn-ops`, 1.5 MiB)."""


class LeaseNotFound(Refused):
    """There is no such lease (any more)."""


class Denied(Refused):
    """User, password, token or rights are not what this etcd wants."""


class PermissionDenied(Denied):
    """The user has no right to the keys that were asked for."""


class StaleToken(Denied):
    """The token has expired or is older than the users' last change: authenticate again."""


# What etcd says, as a part of the status message. The first that fits counts.
_SAYINGS: tuple[tuple[str, type[EtcdError]], ...] = (
    ("database space exceeded", NoSpace),
    ("required revision has been compacted", Compacted),
    ("required revision is a future revision", FutureRevision),
    ("too many operations in txn", TooLarge),
    ("request is too large", TooLarge),
    ("received message larger than max", TooLarge),
    ("message too large", TooLarge),
    ("requested lease not found", LeaseNotFound),
    ("invalid auth token", StaleToken),
    ("revision of auth store is old", StaleToken),
    ("user name is empty", StaleToken),
    ("authentication failed", Denied),
    ("permission denied", PermissionDenied),
    # Said before anything is proposed.
    ("etcdserver: no leader", NotDone),
    ("too many requests", NotDone),
    ("not capable", NotDone),
)

_REFUSALS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.DATA_LOSS,
    }
)


def kind_of(details: str) -> type[EtcdError] | None:
    """The error that etcd's words mean, None where they are not known."""
    return next((error for words, error in _SAYINGS if words in details), None)


def classify(code: grpc.StatusCode, details: str, where: str) -> EtcdError:
    """The error that a failed call means. What is not known to have been refused is ambiguous."""
    kind = kind_of(details)
    if kind is None:
        if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
            kind = PermissionDenied if code is grpc.StatusCode.PERMISSION_DENIED else Denied
        else:
            kind = Refused if code in _REFUSALS else Ambiguous
    return kind(f"{where}: {code.name}: {details}")


_ANSWERS: tuple[tuple[type[Exception], str], ...] = (
    (Denied, "etcd refuses this service its keys: its operator has to grant them"),
    (NotDone, "etcd cannot be reached"),
    (Ambiguous, "etcd did not answer in time"),
    (TimeoutError, "etcd did not answer in time"),
    (WrongCluster, "another etcd cluster answers than before"),
    (RevisionWentBack, "etcd is behind what it was before"),
    (RevisionsMissing, "etcd left out commits"),
    (Refused, "etcd refuses the request"),
)


def cannot_ask(error: Exception, more: str = "") -> CoordinatorUnavailable:
    """What a request is answered whose call to etcd has failed: what kind of failure it is, and no more."""
    text = next((words for kind, words in _ANSWERS if isinstance(error, kind)), "etcd cannot be asked")
    return CoordinatorUnavailable(f"{text}.{more}")
