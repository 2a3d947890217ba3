"""What `POST /apply`, `/revert` and `/undo` answer."""

from typing import Annotated

from pydantic import Field

from app.models.base import Model, Rev
from app.models.diff import FieldChange, ObjectPath, State
from app.models.names import Id


class PlannedChange(Model):
    """What happens to one object. `rev_after` is null in a dry run, and if the object is deleted."""

    path: ObjectPath
    kind: Annotated[str, Field(description="What it is: `app`, `revision`, `envset`, ..")]
    action: Annotated[str, Field(description="`create`, `update`, `delete` or `replace`.")]
    rev_before: Annotated[Rev | None, Field(description="Its rev before; null where it was not there.")]
    rev_after: Annotated[
        Rev | None, Field(description="Its rev after; null where it is gone, and in a dry run.")
    ]
    guard: Annotated[
        Rev | None, Field(description="The rev that it must still have; null: it must not exist.")
    ]
    before: Annotated[State | None, Field(description="The object before; null where it was not there.")]
    after: Annotated[State | None, Field(description="The object after; null where it is gone.")]
    fields: Annotated[
        list[FieldChange],
        Field(description="The fields that differ; empty for an object that was created or deleted."),
    ]


class PlanCounts(Model):
    """How much changes: objects by action, instances, and keys of the store in all."""

    create: int
    update: int
    delete: int
    start: int
    stop: int
    keys: int


class Planned(Model):
    """What was changed, in one commit; for a dry run, what would be changed."""

    rev: Annotated[
        Rev,
        Field(
            description="The rev of the commit. In a dry run, or if nothing changed, the rev of the snapshot."
        ),
    ]
    plan: Annotated[str, Field(description="A hash of the changes: send it back to make exactly these.")]
    changes: Annotated[list[PlannedChange], Field(description="What happens to each object, by path.")]
    counts: PlanCounts
    started: Annotated[list[Id], Field(description="The ids of the tickets that were registered.")]
    stopped: Annotated[
        list[Id], Field(description="The ids of the instances that were taken back or are stopping.")
    ]
    undoes: Annotated[
        list[Rev], Field(description="The later commits whose changes are undone; of a revert or undo.")
    ]
    warnings: Annotated[list[str], Field(description="Changes that are allowed but may be mistakes.")]
