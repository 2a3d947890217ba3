"""A time as a request names it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.times import AskedTime, asked_time
from app.store.micros import micros, moment

zones = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda m: timezone(timedelta(minutes=m)))
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=zones)  # noqa: DTZ001


@given(moments)
def test_every_time_of_rfc_3339_is_exact(at):
    for text in (at.isoformat(), at.isoformat().replace("T", "t").replace("+", " ")):
        assert asked_time(text) == AskedTime(micros(at), False)
    assert moment(micros(at)) == at


def test_what_is_meant():
    at = micros(datetime(2026, 11, 30, 17, 4, 11, 500_000, tzinfo=UTC))
    assert asked_time("2026-11-30T18:04:11.5+01:00").micros == at
    assert asked_time("2026-11-30T17:04:11.500000999Z").micros == at
    assert asked_time("-15m") == AskedTime(900_000_000, True)
    assert asked_time("-2d") == AskedTime(2 * 86_400_000_000, True)
    # No year of the calendar in UTC, and still before everything.
    assert asked_time("0001-01-01T00:00:00+23:59").micros < micros(datetime.min.replace(tzinfo=UTC))


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "15m", "-15", "-m", "-1w", "--1m", "-1.5h", "-1234567890s", "1764525851"),
        *(
            "2026-11-30",
            "2026-11-30T18:04Z",
            "2026-11-30T18:04:11",
            "2026-11-30 18:04:11Z",
            "2026-13-01T00:00:00Z",
        ),
        *(
            "2026-11-30T18:04:11.Z",
            "2026-11-30T18:04:11+1:00",
            "2026-11-30T18:04:11+24:00",
            "0000-01-01T00:00:00Z",
        ),
        *("2026-11-30T25:00:00Z", "2026-11-30T18:04:11Z\n", "\uff12026-11-30T18:04:11Z"),
    ],
)
def test_what_is_no_time(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the calendar's own too
        asked_time(text)
