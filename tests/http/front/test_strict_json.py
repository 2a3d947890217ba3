"""Bodies are read strictly and in linear time (traps 11, 12, 13, 36)."""

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import MalformedRequest
from app.http.json_body import MAX_DEPTH, parse

JSON = {"Content-Type": "application/json"}


def refusal(body: bytes) -> str:
    with pytest.raises(MalformedRequest) as error:
        parse(body)
    return error.value.detail


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'"\xff"', "not UTF-8, at byte 1"),
        ('{"a": "ä"}'.encode("latin-1"), "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'{"\xed\xa0\x80": 1}', "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "not JSON"),
        (b'\xef\xbb\xbf{"a": 1}', "byte order mark"),
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b"1 2", "not JSON"),
        (b'"a\nb"', "not JSON"),
        (b'"\\x41"', "not JSON"),
        (b"01", "not JSON"),
        (b"tru", "not JSON"),
        (b"NaN", "NaN"),
        (b'{"a": Infinity}', "Infinity"),
        (b"[-Infinity]", "-Infinity"),
        (b"1e999", "too large"),
        (b"-1e999", "too large"),
        (b'"\\ud800"', "surrogate"),
        (b'{"a": ["x\\uDFFFy"]}', "surrogate"),
        (b'{"\\udc00": 1}', "surrogate"),
        (b'"\\ude00\\ud83d"', "surrogate"),
        (b'{"a": 1, "a": 2}', "repeats the key 'a'"),
        (b'{"b": {"a": 1, "\\u0061": 1}}', "repeats the key 'a'"),
        (b'[{"a b": 1, "a b": 1}]', "repeats the key in"),
        (b"9" * 5000, "digits"),
        (b"-" + b"9" * 1_000_000, "digits"),
        (b"0." + b"9" * 1_000_000, "digits"),
        (b"1e" + b"9" * 5000, "digits"),
        (b"[" * 65 + b"]" * 65, "64 deep"),
        (b"[" * 500_000 + b"]" * 500_000, "2048 values"),
        (b"[" * 1_000_000, "2048 values"),
        (b'{"a":' * 200_000, "2048 values"),
        (b'[{"a":' * 40 + b"1" + b"}]" * 40, "64 deep"),
        (b'"\\"' + b"[" * 100_000, "not JSON"),
        (b"]" * 100_000 + b"[" * 100_000, "2048 values"),
    ],
)
def test_what_is_not_plainly_json_is_refused_with_the_reason(body, words):
    assert words in refusal(body)


def test_64_levels_are_allowed_and_brackets_in_strings_are_none():
    assert parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    assert parse(b'"' + b"[" * 100_000 + b'"')
    assert parse(b'["\\"' + b"[{" * 100 + b'", "\\\\"]') == ['"' + "[{" * 100, "\\"]
    assert parse(b"[" + b",".join([b"[]"] * 1000) + b"]") == [[]] * 1000


def test_whole_surrogate_pairs_are_characters_and_escaped_backslashes_no_escapes():
    assert parse(b'"\\ud83d\\ude00"') == "\U0001f600"
    assert parse(b'"\\\\ud800"') == "\\ud800"


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
        ),
    ),
    st.booleans(),
)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_json_value_is_read_as_it_was_written(value, escaped):
    assert parse(json.dumps(value, ensure_ascii=escaped).encode()) == value


@given(st.binary() | st.text('[]{}",:\\u0d89aefINn1-. ').map(str.encode))
def test_any_bytes_are_a_value_or_a_malformed_request(body):
    try:
        value = parse(body)
    except MalformedRequest:
        return
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize(
    "unit",
    [b"[]", b'\\"', b'"\\"', b"[{", b'"', b"\\", b'"\\\\"[', b'{"a":1},', b"]", b'"\\ud800",'],
)
def test_a_body_of_1_mib_takes_no_more_than_a_moment(unit):
    for prefix in (b"", b'"', b"["):
        body = (prefix + unit * 1_048_576)[:1_048_576]
        began = time.thread_time()
        with pytest.raises(MalformedRequest):
            parse(body)
        assert time.thread_time() - began < 1.5


def test_a_body_of_many_keys_takes_no_more_than_a_moment():
    body = json.dumps({f"key{n}": n for n in range(60_000)}).encode()
    began = time.thread_time()
    with pytest.raises(MalformedRequest, match="values"):
        parse(body)
    assert time.thread_time() - began < 1.5


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/json, text/plain",
        "xapplication/json",
        "application/json; charset=latin-1",
        'application/json; charset="utf-16"',
        "application/problem+xml",
        "text/json",
    ],
)
def test_a_body_that_is_not_declared_as_json_is_415_and_says_what_to_send(edge, content_type):
    headers = {} if content_type is None else {"Content-Type": content_type}
    response = edge.client.post("/things", content=b'{"name": "a"}', headers=headers)
    assert response.status_code == 415
    problem = response.json()
    assert problem["code"] == "unsupported-media-type"
    assert "curl: -H 'Content-Type: application/json'" in problem["detail"]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json;charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/merge-patch+json",
        "application/vnd.visor.v1+json ; q=1",
    ],
)
def test_every_kind_of_json_is_taken(edge, content_type):
    response = edge.client.post("/things", content=b'{"name": "a"}', headers={"Content-Type": content_type})
    assert response.status_code == 200, response.text


def test_an_encoded_body_is_415(edge):
    headers = {**JSON, "Content-Encoding": "gzip"}
    assert edge.client.post("/things", content=b"x", headers=headers).status_code == 415


def test_a_malformed_body_is_a_400_that_says_why(edge):
    response = edge.client.post("/things", content=b'{"name": "a", "name": "b"}', headers=JSON)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "malformed-request"
    assert "repeats the key 'name'" in response.json()["detail"]


def test_a_body_of_depth_900_or_of_half_a_surrogate_is_no_fault(edge):
    for body in (b"[" * 900 + b"]" * 900, b'"\\ud800"'):
        assert edge.client.post("/any", content=body, headers=JSON).status_code == 400


def test_an_empty_body_where_one_is_needed_is_422(edge):
    response = edge.client.post("/things")
    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == ["body"]


def test_models_stay_strict_behind_it(edge):
    for body in (
        b'{"name": 7}',
        b'{"name": "a", "size": "7"}',
        b'{"name": "a", "size": true}',
        b"[]",
        b"null",
    ):
        assert edge.client.post("/things", content=body, headers=JSON).status_code == 422, body


def test_the_raw_body_stays_readable(edge):
    raw = b' {"name" : "a"}\n'
    answer = edge.client.post("/things", content=raw, headers=JSON).json()
    assert answer == {"name": "a", "size": 1, "raw": raw.decode()}


def test_an_operation_that_takes_no_body_takes_an_empty_object_and_nothing_else(edge):
    """What a client believes to have said must not be dropped in silence."""
    assert edge.client.request("DELETE", "/things/a", json={}).status_code == 200
    refused = edge.client.request("DELETE", "/things/a", json={"force": True})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["loc"] == ["body"]
