"""A time as a request names it: RFC 3339, or how long ago, for people."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?"
    # A plus that was not percent-encoded arrives as a blank.
    r"(?:([Zz])|([+ -])([01][0-9]|2[0-3]):([0-5][0-9]))\Z"
)
_AGO = re.compile(r"-([0-9]{1,9})([smhd])\Z")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

PATTERN = (
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+ -]([01][0-9]|2[0-3]):[0-5][0-9])|-[0-9]{1,9}[smhd])$"
)

_MICRO = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AskedTime(NamedTuple):
    """`micros` since 1970, or, where `ago`, before now."""

    micros: int
    ago: bool


def asked_time(text: str) -> AskedTime:
    """`2026-11-30T18:04:11.5+01:00` or `-15m`. Raises ValueError."""
    ago = _AGO.match(text)
    if ago is not None:
        return AskedTime(int(ago[1]) * _UNITS[ago[2]] * _MICRO, True)
    match = _RFC3339.match(text)
    if match is None:
        raise ValueError("no time")
    date, clock, fraction, zulu, sign, hours, minutes = match.groups()
    local = datetime.fromisoformat(f"{date}T{clock}+00:00") - _EPOCH
    offset = 0 if zulu else (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "-" else 1)
    # As numbers: what is no year of the calendar any more in UTC is still before or after all commits.
    whole = local // timedelta(seconds=1) - offset
    return AskedTime(whole * _MICRO + int((fraction or "0").ljust(6, "0")[:6]), False)


def _time(text: str) -> str:
    try:
        asked_time(text)
    except ValueError:
        raise PydanticCustomError(
            "time", "Input should be a time as in RFC 3339, with Z or an offset, or how long ago: -15m"
        ) from None
    return text


TimeText = Annotated[
    str, AfterValidator(_time), Field(json_schema_extra={"format": "visor-time", "pattern": PATTERN})
]
"""RFC 3339 with `Z` or an offset, or how long ago in s, m, h or d: `-15m`."""
