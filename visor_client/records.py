"""What the service answers with, as dataclasses. `raw` is the JSON as it came."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Record:
    """`raw` is the JSON as it came; `snapshot_rev` is the answer's `Visor-Rev`: the rev of the snapshot that
    was read, or of the commit that was made. Follow events from there, and nothing is missed."""

    raw: dict[str, Any] = field(repr=False, compare=False, kw_only=True)
    snapshot_rev: int | None = field(default=None, repr=False, compare=False, kw_only=True)


@dataclass(frozen=True)
class Resource(Record):
    """`rev` is the rev of the last change: `if_rev=` takes it."""

    rev: int
    created_rev: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class App(Resource):
    name: str
    repo_url: str
    stack: str
    deploy_type: str
    head: str | None
    env: dict[str, str]


@dataclass(frozen=True)
class Env(Record):
    """An app's variables. `rev` is the app's."""

    rev: int
    vars: dict[str, str]


@dataclass(frozen=True)
class EnvVar(Record):
    rev: int
    key: str
    value: str


@dataclass(frozen=True)
class EnvSet(Resource):
    app: str
    ref: str
    vars: dict[str, str]


@dataclass(frozen=True)
class Revision(Resource):
    """A version of an app's code; `state` is "proposed" or "accepted"."""

    app: str
    ref: str
    state: str
    archive_url: str | None


@dataclass(frozen=True)
class Limits(Record):
    memory_limit_mb: int | None


@dataclass(frozen=True)
class Proctype(Resource):
    app: str
    name: str
    port: int
    limits: Limits


@dataclass(frozen=True)
class Statuses(Record):
    """Instances by status."""

    pending: int
    claimed: int
    running: int
    stopping: int
    exited: int
    failed: int
    lost: int


@dataclass(frozen=True)
class ScaleCount(Record):
    """`count` below `target` says that instances are missing: the same scale again starts them."""

    revision: str
    env: str | None
    count: int
    target: int | None
    rev: int | None
    statuses: Statuses


@dataclass(frozen=True)
class Scaled(Record):
    """What a scale did: ids of new tickets, and ids that were taken back or told to stop."""

    rev: int
    previous: int
    count: int
    started: list[int]
    stopped: list[int]


@dataclass(frozen=True)
class ClaimEntry(Record):
    host: str
    at: datetime
    error: str | None


@dataclass(frozen=True)
class Restarts(Record):
    fail: int
    oom: int


@dataclass(frozen=True)
class Lock(Record):
    client: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class Instance(Resource):
    """`status` is one of pending, claimed, running, stopping, exited, failed, lost."""

    id: int
    app: str
    revision: str
    proctype: str
    env: str | None
    status: str
    host: str | None
    ip: str | None
    hostname: str | None
    port: int | None
    tele_port: int | None
    claims: list[ClaimEntry]
    restarts: Restarts
    lock: Lock | None
    reason: str | None
    lost_by: str | None
    claim_rev: int | None
    registered_at: datetime
    claimed_at: datetime | None
    started_at: datetime | None
    stopped_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class Ended(Resource):
    """What is kept of an unregistered instance."""

    id: int
    app: str
    proctype: str
    revision: str
    env: str | None
    status: str
    client: str | None
    reason: str | None
    at: datetime


@dataclass(frozen=True)
class Service(Resource):
    name: str


@dataclass(frozen=True)
class Endpoint(Resource):
    service: str
    id: str
    addr: str
    ip: str
    port: int
    priority: int
    weight: int
    target: str | None


@dataclass(frozen=True)
class Runner(Resource):
    addr: str
    host: str
    instance_id: int


@dataclass(frozen=True)
class Member(Resource):
    kind: str
    addr: str
    version: str | None
    ttl: int | None


@dataclass(frozen=True)
class Deleted(Record):
    """The rev of the commit that removed it."""

    rev: int


@dataclass(frozen=True)
class Unregistered(Record):
    rev: int
    count: int


@dataclass(frozen=True)
class SchemaInfo(Record):
    version: int


@dataclass(frozen=True)
class Token(Resource):
    """A token, without its secret."""

    id: str
    name: str
    grants: list[dict[str, Any]]
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True)
class AppSecrets(Record):
    """An app's secrets by name: `{"rev", "fingerprint"}` of each. `rev` is the app's."""

    rev: int
    secrets: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class AppSecret(Record):
    """One secret, as it was set. The fingerprint changes with the value and tells nothing of it."""

    rev: int
    key: str
    fingerprint: str


@dataclass(frozen=True)
class Rewritten(Record):
    """How many secrets were sealed anew, and how many are left."""

    rev: int
    rewritten: int
    left: int


@dataclass(frozen=True)
class Caller(Record):
    """Who asks, and what they may do."""

    id: str | None
    name: str
    grants: list[dict[str, Any]]
    expires_at: datetime | None
