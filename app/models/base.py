"""What all models share: strictness, and the four fields with a resource's revs and times."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer


def rfc3339(at: datetime) -> str:
    """A time in UTC with `Z` and six digits, so that text order is time order."""
    text = at.isoformat("T", "microseconds")
    if not text.endswith("+00:00"):
        text = at.astimezone(UTC).isoformat("T", "microseconds")
    return text[:-6] + "Z"


Timestamp = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str),
    Field(description="RFC 3339, UTC.", json_schema_extra={"format": "date-time"}),
]

MAX_INT64 = 2**63 - 1

INT64: dict[str, Any] = {"format": "int64"}
"""What a schema says of a number that may need 64 bits."""

Rev = Annotated[
    int,
    Field(ge=0, description="Number of a commit: a point in time.", json_schema_extra=INT64, examples=[42]),
]


def given_text(value: object) -> str | None:
    """The text of a field or parameter that may be left out; None where it is."""
    return value if isinstance(value, str) else None


class Model(BaseModel):
    """Nothing is coerced, nothing unknown is taken, nothing is changed in place."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Resource(Model):
    """A registered thing. `rev` is the rev of its last change, `created_rev` of its registration."""

    rev: Rev
    created_rev: Rev
    created_at: Timestamp
    updated_at: Timestamp


class Deleted(Model):
    """The answer to a DELETE: the rev of the commit that removed the resource."""

    rev: Rev
