"""A time as a number: microseconds since 1970 in UTC, exact."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def moment(number: int) -> datetime:
    """The reverse of `micros`. Raises OverflowError for what is no time of a calendar."""
    return _EPOCH + number * _MICROSECOND
