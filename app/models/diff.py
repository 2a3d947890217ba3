"""What differs between two states of the registry."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import MISSING, Field
from typing_extensions import TypeAliasType

from app.models.base import Model, Rev, Timestamp
from app.models.page import Next

ObjectPath = Annotated[
    str, Field(description="The path of the object, as in its URL.", examples=["/apps/rocket"])
]


class Action(StrEnum):
    """What became of an object."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    REPLACE = "replace"


State = TypeAliasType(
    "State",
    Annotated[
        dict[str, Any],
        Field(
            description="The object as a GET of its path answers it. If another program wrote "
            'something that cannot be read, `{"unreadable": true}`.'
        ),
    ],
)


class FieldChange(Model):
    """One field that differs. A side that lacks the field lacks the member."""

    path: Annotated[
        str, Field(description="Where it is in the object: a JSON pointer.", examples=["/env/cow"])
    ]
    before: Annotated[Any, Field(description="Its value before.")] = MISSING
    after: Annotated[Any, Field(description="Its value after.")] = MISSING


class ChangedBy(Model):
    """The commit that changed an object last."""

    rev: Rev
    at: Timestamp
    actor: str
    reason: str | None


class ObjectChange(Model):
    """How one object differs. `replace` means that it was deleted and created again in between."""

    path: ObjectPath
    kind: Annotated[str, Field(description="What it is: `app`, `revision`, `envset`, ..")]
    action: Annotated[str, Field(description="`create`, `update`, `delete` or `replace`.")]
    rev_before: Annotated[Rev | None, Field(description="Its rev before; null where it was not there.")]
    rev_after: Annotated[Rev | None, Field(description="Its rev after; null where it is not there.")]
    by: Annotated[ChangedBy | None, Field(description="The last commit between the two that changed it.")]
    before: Annotated[State | None, Field(description="The object before; null where it was not there.")]
    after: Annotated[State | None, Field(description="The object after; null where it is not there.")]
    fields: Annotated[
        list[FieldChange],
        Field(description="The fields that differ; empty for an object that was created or deleted."),
    ]


Counts = Annotated[
    dict[str, dict[str, int]],
    Field(
        description="How many objects, by kind and action.",
        examples=[{"app": {"update": 1}}],
    ),
]


class Diff(Model):
    """A page of what differs between the snapshots at `from` and `to`."""

    rev: Annotated[Rev, Field(description="The later of the two revs.")]
    from_: Annotated[Rev, Field(alias="from", description="The rev before.")]
    to: Annotated[
        Rev, Field(description="The later rev. If it is below `from`, the difference is given backwards.")
    ]
    items: Annotated[list[ObjectChange], Field(description="What differs; empty with `summary=true`.")]
    next: Next
    counts: Annotated[Counts | None, Field(description="How many objects, with `summary=true`; else null.")]
