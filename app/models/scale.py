"""Scale: how many instances of a proctype, revision and env set there are to be."""

from typing import Annotated

from pydantic import Field

from app.models.base import Model, Resource, Rev
from app.models.names import Id, Name, ProctypeName, Ref
from app.models.page import Page

MAX_SCALE = 10_000


class Statuses(Model):
    """Instances by status."""

    pending: int
    claimed: int
    running: int
    stopping: int
    exited: int
    failed: int
    lost: int


class ScaleRecord(Resource):
    """How many instances of a proctype, revision and env set should run. A target of 0 ends the record
    when no instance is left."""

    app: Name
    proctype: ProctypeName
    revision: Ref
    env: Ref | None
    target: int


class ScaleCount(Model):
    """`count` is how many are pending, claimed and running. `target` is how many there should be, and
    `rev` the rev of its last change; both are null if they were never scaled. A `count` below the
    `target` means that instances are missing: scale to the same target again to start them."""

    revision: Ref
    env: Ref | None
    count: int
    target: int | None
    rev: Rev | None
    statuses: Statuses


class Scale(Page[ScaleCount]):
    """Counts by revision and env set."""


class ScaleTarget(Model):
    """How many there should be."""

    revision: Ref
    env: Ref | None = None
    count: Annotated[int, Field(ge=0, le=MAX_SCALE, examples=[3])]


class Scaled(Model):
    """What a scale did: the ids that were registered, and the ids that were unregistered or asked to
    stop."""

    rev: Rev
    previous: int
    count: int
    started: list[Id]
    stopped: list[Id]
