"""The rev that a read names, by its number or by a time."""

from typing import Annotated

from fastapi import Query
from pydantic import MISSING, Field

from app.errors import InvalidRequest
from app.http.context import Context
from app.models.base import INT64, MAX_INT64
from app.models.names import IN_DIGITS
from app.models.times import AskedTime, TimeText, asked_time

RevNumber = Annotated[int, Field(ge=0, le=MAX_INT64, json_schema_extra=INT64), IN_DIGITS]

AtRev = Annotated[
    RevNumber | MISSING,
    Query(
        description="Read the snapshot at this rev; 0 is the empty registry, before the first commit.",
        examples=[42],
    ),
]


AtTime = Annotated[
    TimeText | MISSING,
    Query(
        description="Instead of `rev`: read the snapshot that was the latest at this time. An RFC "
        "3339 time with `Z` or an offset, or how long ago: `-90s`, `-15m`, `-2h`, `-1d`.",
        examples=["-15m", "2026-11-30T18:04:11Z"],
    ),
]

AskedRev = int | AskedTime | None
"""A rev, a time, or the latest."""


def time_in(text: object) -> AskedTime | None:
    """The time that a parameter names, where it is given."""
    return asked_time(text) if isinstance(text, str) else None


def asked_rev(rev: object, at: object, name: str = "at") -> AskedRev:
    """What a request asks for; `name` is that of the parameter for the time. Raises InvalidRequest where it
    names both."""
    if rev is MISSING and at is MISSING:
        return None
    time = time_in(at)
    if not isinstance(rev, int):
        return time
    if time is not None:
        raise InvalidRequest.of(["query", name], "and a rev are two ways to say it: leave one of them out")
    return rev


async def named_rev(context: Context, point: int | AskedTime) -> int:
    """The rev that is named. Raises RevCompacted, TimeInFuture, TimeUnsettled, CoordinatorUnavailable."""
    return point if isinstance(point, int) else (await context.chronicle.at(point)).rev


async def rev_of(context: Context, point: AskedRev) -> int | None:
    """The same; None for the latest."""
    return None if point is None else await named_rev(context, point)
