"""What a write says of itself: its reason is read strictly, its trace is taken or left."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidRequest
from app.http.origin import reason_of, trace_of

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=256))
def test_every_printable_reason_comes_through_percent_encoded_and_no_other(reason):
    if reason.isprintable() and reason.strip():
        assert reason_of(quote(reason)) == reason
    else:
        with pytest.raises(InvalidRequest):
            reason_of(quote(reason))


@pytest.mark.parametrize("text", ["make cows louder", "a", "ä" * 256, "100%25", "~!\"'(),;<=>@[]{}"])
def test_good_reasons(text):
    assert reason_of(quote(text, safe="%") if not text.isascii() else text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "%20", "größer", "50%", "%4", "%zz", "%ff", "%c3", "%0a", "a%00", "%e2%80%ae", "a" * 257],
)
def test_a_bad_reason_is_422(text):
    with pytest.raises(InvalidRequest) as refused:
        reason_of(text)
    assert refused.value.members["errors"][0]["loc"] == ["header", "Visor-Reason"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (TRACE, TRACE),
        ("cc" + TRACE[2:] + "-more", "cc" + TRACE[2:]),
        (TRACE + "more", None),
        (TRACE.upper(), None),
        ("ff" + TRACE[2:], None),
        ("00-" + "0" * 32 + TRACE[35:], None),
        (TRACE[:36] + "0" * 16 + "-01", None),
        ("x\n" + TRACE, None),
        ("", None),
    ],
)
def test_a_traceparent_that_is_none_is_ignored(text, kept):
    assert trace_of(text) == kept
