"""Events, as the API shows them: one model for each kind, distinguished by `type`."""

from enum import StrEnum
from typing import Annotated, Literal, get_args

from pydantic import MISSING, ConfigDict, Field
from typing_extensions import TypeAliasType

from app.models.app import App
from app.models.base import Model, Resource, Rev, Timestamp
from app.models.envset import EnvSet
from app.models.instance import Instance
from app.models.member import Member
from app.models.names import Id
from app.models.proctype import Proctype
from app.models.revision import Revision
from app.models.revs import SchemaInfo
from app.models.runner import Runner
from app.models.scale import ScaleRecord
from app.models.service import Endpoint, Service

KINDS: dict[str, type[Resource]] = {
    "app": App,
    "revision": Revision,
    "envset": EnvSet,
    "proctype": Proctype,
    "instance": Instance,
    "scale": ScaleRecord,
    "service": Service,
    "endpoint": Endpoint,
    "runner": Runner,
    "member": Member,
}
"""What is under a kind of key."""

STEMS = {
    "app": "app",
    "revision": "rev",
    "envset": "env",
    "proctype": "proc",
    "instance": "instance",
    "scale": "scale",
    "service": "service",
    "endpoint": "endpoint",
    "runner": "runner",
    "member": "member",
    "schema": "schema",
}
"""How the types of a kind's events begin."""


class BaseEvent(Model):
    """`rev` and `index` are the event's place in the history, `at` and `actor` are its commit's."""

    rev: Rev
    index: Annotated[int, Field(ge=0, description="Place among the events of the rev.")]
    at: Timestamp
    actor: str


class AppEvent(BaseEvent):
    """An app was registered, changed or unregistered."""

    type: Literal["app-register", "app-update", "app-unregister"]
    app: str
    object: App


class RevisionEvent(BaseEvent):
    """A revision was registered, ratified or purged."""

    type: Literal["rev-register", "rev-update", "rev-unregister"]
    app: str
    revision: str
    object: Revision


class EnvSetEvent(BaseEvent):
    """An env set was registered or unregistered."""

    type: Literal["env-register", "env-unregister"]
    app: str
    env: str
    object: EnvSet


class ProctypeEvent(BaseEvent):
    """A proctype was registered, changed or unregistered."""

    type: Literal["proc-register", "proc-update", "proc-unregister"]
    app: str
    proctype: str
    object: Proctype


class InstanceEvent(BaseEvent):
    """Something happened in the life of an instance."""

    type: Literal[
        "instance-register",
        "instance-claim",
        "instance-unclaim",
        "instance-start",
        "instance-stop",
        "instance-exit",
        "instance-fail",
        "instance-lost",
        "instance-restart",
        "instance-lock",
        "instance-unlock",
        "instance-unregister",
    ]
    app: str
    proctype: str
    revision: str
    instance: Id
    object: Instance


class ScaleEvent(BaseEvent):
    """The target of a scale has changed. `previous` is what it was, null where there was none; with the
    target 0 it has ended. `env` is null where there is no env set."""

    type: Literal["scale-update"]
    app: str
    proctype: str
    revision: str
    env: str | None
    previous: ScaleRecord | None
    object: ScaleRecord


class ServiceEvent(BaseEvent):
    """A service was registered or unregistered."""

    type: Literal["service-register", "service-unregister"]
    service: str
    object: Service


class EndpointEvent(BaseEvent):
    """An endpoint was registered or unregistered."""

    type: Literal["endpoint-register", "endpoint-unregister"]
    service: str
    endpoint: str
    object: Endpoint


class RunnerEvent(BaseEvent):
    """A runner was registered or unregistered."""

    type: Literal["runner-register", "runner-unregister"]
    runner: str
    host: str
    object: Runner


class MemberEvent(BaseEvent):
    """A member came, changed or went."""

    type: Literal["member-register", "member-update", "member-unregister"]
    member: str
    object: Member


class SchemaEvent(BaseEvent):
    """The stored layout has another version."""

    type: Literal["schema-update"]
    object: SchemaInfo


class AnyOtherEvent(BaseEvent):
    """`unknown`: another program wrote something into the store that cannot be read; `key` says where. A
    later version may add types. Clients should handle a type that they do not know as this one, and go
    on."""

    # In the schema an open form, so that a client made from it today reads the types of tomorrow.
    model_config = ConfigDict(json_schema_extra={"additionalProperties": True})

    type: Literal["unknown"]
    key: Annotated[str | MISSING, Field(description="Where it is kept.")] = MISSING


Event = TypeAliasType(
    "Event",
    Annotated[
        AppEvent
        | RevisionEvent
        | EnvSetEvent
        | ProctypeEvent
        | InstanceEvent
        | ScaleEvent
        | ServiceEvent
        | EndpointEvent
        | RunnerEvent
        | MemberEvent
        | SchemaEvent
        | AnyOtherEvent,
        Field(
            discriminator="type",
            description="What happened; `type` tells which. A type that is not listed here is one of a later "
            "version: read it as an `AnyOtherEvent`.",
        ),
    ],
)


TYPES = frozenset(
    type_
    for model in get_args(get_args(Event.__value__)[0])
    for type_ in get_args(model.model_fields["type"].annotation)
)
"""The types that an event of the history can have."""


class Kind(StrEnum):
    """What an object in a snapshot is."""

    APP = "app"
    REVISION = "revision"
    ENVSET = "envset"
    PROCTYPE = "proctype"
    INSTANCE = "instance"
    SCALE = "scale"
    SERVICE = "service"
    ENDPOINT = "endpoint"
    RUNNER = "runner"
    MEMBER = "member"


SnapshotObject = TypeAliasType(
    "SnapshotObject",
    Annotated[
        App | Revision | EnvSet | Proctype | Instance | ScaleRecord | Service | Endpoint | Runner | Member,
        Field(description="A resource; `kind` says which."),
    ],
)


class SnapshotEvent(Model):
    """One object that matches at the start of a stream with `snapshot=true`. `rev` is the object's. It
    has the same fields that name the object as its events have."""

    rev: Rev
    type: Literal["snapshot"]
    kind: Kind
    app: str | MISSING = MISSING
    revision: str | MISSING = MISSING
    env: str | MISSING = MISSING
    proctype: str | MISSING = MISSING
    instance: Id | MISSING = MISSING
    service: str | MISSING = MISSING
    endpoint: str | MISSING = MISSING
    runner: str | MISSING = MISSING
    host: str | MISSING = MISSING
    member: str | MISSING = MISSING
    object: SnapshotObject


class MarkEvent(Model):
    """`snapshot-end` and `bookmark`: everything up to `rev` has been sent. The first message of a stream is a
    bookmark (or comes before a `snapshot-end`): its id is where the stream begins."""

    type: Literal["snapshot-end", "bookmark"]
    rev: Rev


class GoneEvent(Model):
    """The history at the stream's position is no longer kept. Start again from a snapshot. With
    `snapshot=true` the snapshot follows; otherwise the stream ends here."""

    type: Literal["gone"]
    oldest_rev: Rev


StreamMessage = TypeAliasType(
    "StreamMessage",
    Annotated[
        Event | SnapshotEvent | MarkEvent | GoneEvent,
        Field(description="The `data` of one message of a stream. Its `event` is the same as its `type`."),
    ],
)


class EventPage(Model):
    """The history as a list. `rev` is the latest rev looked at; give `next` as `rev` to go on."""

    rev: Rev
    items: list[Event]
    next: Annotated[str, Field(examples=["42-0"])]
