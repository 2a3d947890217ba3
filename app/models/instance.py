"""An instance: a ticket to run one process of a proctype at a revision, and what became of it."""

from enum import StrEnum
from typing import Annotated

from pydantic import MISSING, Field

from app.models.base import INT64, MAX_INT64, Model, Resource, Rev, Timestamp
from app.models.names import Host, Id, KeptHost, Name, Port, Printable, ProctypeName, Ref, ShortText, Text


class Status(StrEnum):
    """Where an instance is in its life."""

    PENDING = "pending"
    CLAIMED = "claimed"
    RUNNING = "running"
    STOPPING = "stopping"
    EXITED = "exited"
    FAILED = "failed"
    LOST = "lost"


ACTIVE = frozenset({Status.PENDING, Status.CLAIMED, Status.RUNNING, Status.STOPPING})
"""The four before the end; the other three are final."""

FINAL = frozenset({Status.EXITED, Status.FAILED, Status.LOST})
"""The three at the end."""

SCALED = frozenset({Status.PENDING, Status.CLAIMED, Status.RUNNING})
"""What a scale counts: one that is stopping no longer is part of the target."""


class StatusFilter(StrEnum):
    """`active` for the four before the end, or a status."""

    ACTIVE = "active"
    PENDING = "pending"
    CLAIMED = "claimed"
    RUNNING = "running"
    STOPPING = "stopping"
    EXITED = "exited"
    FAILED = "failed"
    LOST = "lost"

    def statuses(self) -> frozenset[Status]:
        return ACTIVE if self is StatusFilter.ACTIVE else frozenset({Status(self.value)})


class FinalStatus(StrEnum):
    """A final status of an instance."""

    EXITED = "exited"
    FAILED = "failed"
    LOST = "lost"


class Unregistered(Model):
    """How many instances were unregistered, up to the commit `rev`."""

    rev: Rev
    count: int


class ClaimEntry(Model):
    """A host that held the instance. `error` is the reason that it gave with its `unclaim`."""

    host: KeptHost
    at: Timestamp
    error: str | None


class Restarts(Model):
    """How often the process was started again in place."""

    fail: int
    oom: int


class Lock(Model):
    """Who locks the instance, and why."""

    client: str
    reason: str
    at: Timestamp


class Instance(Resource):
    """An instance. `host` and `ip` are its claimer's; `hostname`, `port` and `tele_port` are what the
    claimer gave with `start`. `claim_rev` is the fencing token of the present claim."""

    id: Id
    app: Name
    revision: Ref
    proctype: ProctypeName
    env: Ref | None
    status: Status
    host: KeptHost | None
    ip: str | None
    hostname: str | None
    port: Port | None
    tele_port: Port | None
    claims: Annotated[
        list[ClaimEntry],
        Field(
            description="The newest 100 claims, oldest first. Their errors take 8 KiB together at most: "
            "older ones are cut, then left out."
        ),
    ]
    restarts: Restarts
    lock: Lock | None
    reason: str | None
    lost_by: Annotated[str | None, Field(description="Who reported that it is lost.")]
    claim_rev: Rev | None
    registered_at: Timestamp
    claimed_at: Timestamp | None
    started_at: Timestamp | None
    stopped_at: Timestamp | None
    ended_at: Timestamp | None


class Ended(Resource):
    """What is kept of an unregistered instance."""

    id: Id
    app: Name
    proctype: ProctypeName
    revision: Ref
    env: Ref | None
    status: Annotated[Status, Field(description="Its last status.")]
    client: str | None
    reason: str | None
    at: Timestamp


class InstanceCreate(Model):
    """What registers one pending ticket."""

    app: Annotated[Name, Field(examples=["rocket"])]
    revision: Ref
    proctype: Annotated[ProctypeName, Field(examples=["web"])]
    env: Ref | None = None


class Claim(Model):
    """A host asks for an instance."""

    host: Host


Wait = Annotated[int, Field(ge=0, le=60, description="Seconds to wait at most.")]


class ClaimNext(Model):
    """A host asks for the oldest pending ticket that fits."""

    host: Host
    app: Name | MISSING = MISSING
    proctype: ProctypeName | MISSING = MISSING
    wait: Wait = 0


Fence = Annotated[
    int,
    Field(
        ge=1,
        le=MAX_INT64,
        description="The `claim_rev` of the claim you hold.",
        json_schema_extra=INT64,
        examples=[42],
    ),
]


class Claimer(Model):
    """The host that holds the claim and makes the call. With `claim_rev`, the call counts only for that
    claim."""

    host: Host
    claim_rev: Fence | MISSING = MISSING


class Unclaim(Claimer):
    """A claim is given back."""

    error: Text | None = None


class Start(Claimer):
    """The process runs."""

    hostname: Annotated[Printable, Field(min_length=1, max_length=253, examples=["box7.example.com"])]
    port: Port
    tele_port: Port | None = None


class Failure(Claimer):
    """The report that a process has failed."""

    reason: Text


class Loss(Model):
    """The report that an instance is lost."""

    client: ShortText
    reason: Text


class RestartReason(StrEnum):
    """Why a process was started again: it failed, or it ran out of memory."""

    FAIL = "fail"
    OOM = "oom"


class Restart(Model):
    """The process was started again in place."""

    # Not strict: a JSON string has to become the enum.
    reason: Annotated[RestartReason, Field(strict=False)]
    count: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    claim_rev: Fence | MISSING = MISSING


class LockRequest(Model):
    """The body of a lock: who, and why."""

    client: ShortText
    reason: Text
