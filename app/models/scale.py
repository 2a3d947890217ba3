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
    """How many instances of a proctype, revision and env set there are to be, since the last scale that
    changed it. A target of 0 ends the record when nothing is left."""

    app: Name
    proctype: ProctypeName
    revision: Ref
    env: Ref | None
    target: int


class ScaleCount(Model):
    """`count` is the number of pending, claimed and running ones; `target` is how many there are to be, and
    `rev` the rev of its last change, null where they were never scaled. A `count` below the `target` says
    that instances are missing: the same scale again starts them."""

    revision: Ref
    env: Ref | None
    count: int
    target: int | None
    rev: Rev | None
    statuses: Statuses


class Scale(Page[ScaleCount]):
    """Counts by revision and env set."""


class ScaleTarget(Model):
    """How many there are to be."""

    revision: Ref
    env: Ref | None = None
    count: Annotated[int, Field(ge=0, le=MAX_SCALE, examples=[3])]


class Scaled(Model):
    """What a scale did: ids that were registered, and ids that were taken back or told to stop."""

    rev: Rev
    previous: int
    count: int
    started: list[Id]
    stopped: list[Id]
