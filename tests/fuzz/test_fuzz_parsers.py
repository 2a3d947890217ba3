"""What reads hostile text, by itself: for any text it answers, or raises the error that is its own; and what
it has written it reads again. (Bodies: `tests/http/front/test_strict_json.py`.)

`VISOR_FUZZ_EXAMPLES` is the number of random texts.
"""

import base64
import os
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.errors import InvalidCursor, MalformedRequest
from app.events.filters import Filter, Subject
from app.events.position import Position
from app.http import cursors
from app.http.cursors import Cursor
from app.http.entity_tags import TAGS, parse_tags, preconditions, unchanged
from app.models import names
from app.models.base import MAX_INT64
from app.models.event import TYPES
from app.models.hosts import canonical_host, split_host_port
from app.models.service import EndpointId, endpoint_id

EXAMPLES = int(os.environ.get("VISOR_FUZZ_EXAMPLES", "0"))

bounded = settings(
    max_examples=EXAMPLES or 200,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

# Any text, and text out of the characters that the forms are made of, digits of other scripts too.
texts = st.text(max_size=300) | st.text('0123456789-_.:,*"W/ []%\n\r\t\0aZé²٣\u2028', max_size=30)
digits = st.text("01٣²", min_size=1, max_size=4)
revs = st.integers(0, MAX_INT64)


# Names: what is taken is of the form, and as it was given.

FORMS: dict[str, tuple[Any, str]] = {
    "Name": (names.Name, r"[A-Za-z0-9][A-Za-z0-9.-]{0,127}"),
    "Ref": (names.Ref, r"[A-Za-z0-9][A-Za-z0-9.-]{0,127}"),
    "ProctypeName": (names.ProctypeName, r"[A-Za-z0-9]{1,64}"),
    "EnvKey": (names.EnvKey, r"(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,256}"),
    "Host": (names.Host, r"[A-Za-z0-9_.:-]{1,253}"),
    "HostPort": (names.HostPort, r"([A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]+\]):[1-9][0-9]{0,4}"),
    "HostMaybePort": (names.HostMaybePort, r"[A-Za-z0-9_.:\[\]-]{1,259}"),
    "Ip": (names.Ip, r"[0-9A-Fa-f:.]+"),
    "EndpointId": (EndpointId, r"[A-Za-z0-9_-]+-[0-9]{1,5}"),
    "InstanceId": (names.InstanceId, r"0*[1-9][0-9]{0,18}"),
}


SPELLED = ("Host", "HostPort", "HostMaybePort", "Ip", "EndpointId")
"""Names that are taken in every spelling and kept in one."""


def read(form: Any, text: str) -> Any:
    """The value, or None where the text is refused."""
    try:
        return TypeAdapter(form).validate_python(text, strict=True)
    except ValidationError:
        return None


@pytest.mark.parametrize("name", FORMS)
def test_a_name_is_of_its_form_and_kept_as_given_or_refused(name: str) -> None:
    form, pattern = FORMS[name]

    @bounded
    @given(texts | digits | st.from_regex(pattern) | st.from_regex(pattern, fullmatch=True))
    def holds(text: str) -> None:
        value = read(form, text)
        if value is not None:
            assert re.fullmatch(pattern, text, re.ASCII), text
            if name == "InstanceId":
                assert value == int(text)
            elif name in SPELLED:
                # The one spelling of it, which is its own.
                assert read(form, value) == value
                assert name == "Ip" or value == value.lower()
            else:
                assert value == text
        elif name in ("Name", "Ref", "ProctypeName", "EnvKey", "EndpointId"):
            assert not re.fullmatch(pattern, text, re.ASCII), text

    holds()


hosts = st.ip_addresses().map(str).map(canonical_host) | st.from_regex(
    r"([a-z0-9_]([a-z0-9-]{0,9}[a-z0-9])?\.){0,3}[a-z]{2,9}", fullmatch=True
)
ports = st.integers(1, 65535)


@bounded
@given(hosts, ports)
def test_every_host_with_a_port_is_read_as_its_parts_and_names_an_endpoint(host: str, port: int) -> None:
    assert read(names.Host, host) == host
    addr = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    assert split_host_port(addr) == (host, port)
    assert read(names.HostPort, addr) == read(names.HostMaybePort, addr) == addr
    assert read(EndpointId, endpoint_id(host, port))


@bounded
@given(texts | digits.map("db:{}".format))
def test_an_address_is_two_parts_or_none(text: str) -> None:
    parts = split_host_port(text)
    if parts is not None:
        host, port = parts
        written = text.rpartition(":")[0].removeprefix("[").removesuffix("]")
        assert read(names.Host, written) == host == read(names.Host, host)
        assert text.endswith(f":{port}")


# Cursors

lists = st.text(max_size=60)
places = st.builds(
    Cursor, st.integers(1, MAX_INT64), st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
)


@bounded
@given(places, lists)
def test_a_cursor_is_read_as_it_was_written_for_its_own_list_only(cursor: Cursor, of: str) -> None:
    text = cursors.write(cursor, of)
    assert re.fullmatch("[A-Za-z0-9_-]+", text)
    assert cursors.read(text, of) == cursor
    with pytest.raises(InvalidCursor):
        cursors.read(text, of + "x")


@bounded
@given(places, lists, st.data())
def test_a_cursor_that_was_altered_is_refused(cursor: Cursor, of: str, data: st.DataObject) -> None:
    text = cursors.write(cursor, of)
    at = data.draw(st.integers(0, len(text)))
    other = text[:at] + data.draw(texts) + text[at + data.draw(st.integers(0, 3)) :]
    if other != text:
        with pytest.raises(InvalidCursor):
            cursors.read(other, of)


@bounded
@given(texts | st.from_regex("[A-Za-z0-9_-]{1,80}=*", fullmatch=True), lists)
def test_no_text_passes_for_a_cursor(text: str, of: str) -> None:
    with pytest.raises(InvalidCursor):
        cursors.read(text, of)


# JSON as others may write it: numbers out of every range, what is none, strings that are no text.
MARKS = list("[]{},:")
NUMBERS = ["1", "0", "-1", "1.5", "1e999", "-1e999", "NaN", "-Infinity", f"{MAX_INT64}", f"{MAX_INT64 + 1}"]
tokens = st.sampled_from([*MARKS, *NUMBERS, "true", "null", '"a"', '"\\ud800"', "9" * 5000, "1e" + "9" * 50])
payloads = (
    st.lists(tokens, max_size=8).map("".join)
    | st.tuples(tokens, tokens).map("[{0[0]},{0[1]}]".format)
    | st.text(max_size=40)
)


@bounded
@given(st.binary(min_size=9, max_size=9), payloads)
def test_what_decodes_but_was_not_given_out_is_no_cursor(sum_: bytes, payload: str) -> None:
    """Its first reader took JSON's 1e999 for a rev, and fell over it."""
    raw = sum_ + payload.encode("utf-8", "surrogatepass")
    with pytest.raises(InvalidCursor):
        cursors.read(base64.urlsafe_b64encode(raw).rstrip(b"=").decode(), "/apps?[]")


# Places in the history: Last-Event-ID

positions = st.builds(Position, revs, st.none() | st.integers(0, 999_999_999))


@bounded
@given(positions)
def test_a_place_is_read_as_it_was_written(position: Position) -> None:
    assert Position.parse(str(position)) == position


@bounded
@given(texts | digits | st.from_regex(r"[0-9]{1,21}(-[0-9]{1,11})?", fullmatch=True))
def test_any_text_is_a_place_or_malformed(text: str) -> None:
    try:
        position = Position.parse(text)
    except MalformedRequest:
        return
    assert 0 <= position.rev <= MAX_INT64
    assert 0 <= position.after <= position.rev
    assert re.fullmatch(r"\d+(-\d+)?", text.strip(), re.ASCII)


@bounded
@given(positions, st.integers(1, 3), st.integers(0, 3))
def test_what_was_passed_stays_passed(position: Position, rev: int, index: int) -> None:
    """And nothing at or before the rev to go on after is still needed."""
    if rev <= position.after:
        assert position.passed(rev, index)
    if position.passed(rev, index + 1):
        assert position.passed(rev, index)


# Conditions

opaque = st.text(st.characters(codec="latin-1", exclude_characters='"', min_codepoint=0x21), max_size=9)
tags = st.tuples(st.sampled_from(["", "W/"]), opaque | revs.map(str)).filter(lambda tag: "\x7f" not in tag[1])
spaces = st.sampled_from(["", " ", "\t", "  "])


@bounded
@given(st.lists(st.tuples(tags, spaces, spaces), min_size=1, max_size=5))
def test_a_list_of_tags_is_read_whole_whatever_is_in_the_quotes(found: list[Any]) -> None:
    text = ",".join(f'{before}{weak}"{tag}"{after}' for (weak, tag), before, after in found)
    expected = {int(tag) for (_, tag), _, _ in found if re.fullmatch("[0-9]{1,19}", tag, re.ASCII)}
    assert parse_tags("If-Match", text) == expected


@bounded
@given(texts, texts)
def test_any_header_is_a_condition_or_malformed(match: str, none_match: str) -> None:
    try:
        asked = preconditions(match, none_match)
        unchanged(none_match, 1)
    except MalformedRequest:
        return
    # Empty elements of a list are ignored.
    assert asked.any_rev == (match.strip(" \t,") == "*")
    assert asked.absent == (none_match.strip(" \t,") == "*")
    assert asked.any_rev or asked.revs is not None


@bounded
@given(st.from_regex(TAGS["pattern"], fullmatch=True))
def test_what_the_schema_takes_for_tags_is_taken(text: str) -> None:
    parse_tags("If-Match", text)


# Filters of events

types = st.sampled_from(sorted(TYPES))
patterns = st.sampled_from(["*", "i*", "instance-*", "instance-claim", "app-update", "app-*", "rev-register"])


def some(*values: Any) -> st.SearchStrategy[frozenset[Any]]:
    return st.frozensets(st.sampled_from(values), max_size=2)


filters = st.builds(
    Filter,
    types=st.frozensets(patterns, max_size=3).map(Filter.types_of),
    apps=some("cat", "dog"),
    proctypes=some("web", "worker"),
    instances=some(1, 2),
    hosts=some("10.0.0.7", "10.0.0.8"),
)
subjects = st.lists(
    st.builds(
        Subject,
        st.fixed_dictionaries(
            {},
            optional={
                "app": st.sampled_from(["cat", "dog"]),
                "proctype": st.just("web"),
                "instance": st.just(1),
            },
        ),
        st.sampled_from([None, "10.0.0.7", "10.0.0.8"]),
    ),
    min_size=1,
    max_size=2,
)


@bounded
@given(filters, types, subjects)
def test_a_filter_takes_what_all_its_parts_take_before_or_after(
    wanted: Filter, type_: str, subjects: list[Subject]
) -> None:
    names = ("types", "apps", "proctypes", "instances", "hosts")
    parts = [Filter(**{name: getattr(wanted, name)}) for name in names]
    assert wanted.fits(type_, subjects) == any(
        all(part.fits(type_, [subject]) for part in parts) for subject in subjects
    )
    assert Filter().fits(type_, subjects)


@bounded
@given(st.lists(patterns, min_size=1, max_size=3), types)
def test_a_pattern_means_the_types_that_it_spells(asked: list[str], type_: str) -> None:
    fits = any(type_ == one or (one.endswith("*") and type_.startswith(one[:-1])) for one in asked)
    assert Filter(Filter.types_of(asked)).fits(type_, [Subject({})]) == fits
