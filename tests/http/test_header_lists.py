"""Headers that are lists are read by their grammar, however they are spelled (DESIGN section 3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.header_lists import elements, joined, quality
from tests.http.expect import refused
from tests.serving import APP

NEVER = '"999999999"'


def test_several_lines_are_one_list():
    assert joined([(b"a", b"1"), (b"b", b"2"), (b"a", b"3"), (b"a", b"")]) == {b"a": b"1, 3, ", b"b": b"2"}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("", []),
        (" , ,\t,", []),
        ("a,b ,\tc", ["a", "b", "c"]),
        ('"a,b", c', ['"a,b"', "c"]),
        (r'"a\",b", c', [r'"a\",b"', "c"]),
        ('a;x="1,2";q=0.5,b', ['a;x="1,2";q=0.5', "b"]),
        ('"no end, b', ['"no end', "b"]),
    ],
)
def test_commas_part_elements_and_empty_ones_are_ignored(value, found):
    assert list(elements(value)) == found


def test_in_entity_tags_a_backslash_is_a_character():
    assert list(elements('"a\\", "b"', of_tags=True)) == ['"a\\"', '"b"']


@given(st.lists(st.sampled_from(['"', ",", "\\", "a", " ", ";"])).map("".join), st.booleans())
def test_any_text_is_read_in_one_pass_and_nothing_of_it_is_lost(value, of_tags):
    parts = "".join(elements(value, of_tags=of_tags))
    kept = [one for one in value if one not in ", "]
    assert [one for one in parts if one not in ", "] == kept


@pytest.mark.parametrize(
    ("accept", "json", "stream"),
    [
        ("", 0, 0),
        ("*/*", 1, 1),
        ("application/json", 1, 0),
        ("APPLICATION/JSON; charset=utf-8", 1, 0),
        ("application/*;q=0.5, text/event-stream;q=0.4", 0.5, 0.4),
        ("application/json;q=0, */*", 0, 1),
        ("text/*;Q=0.3,*/*;q=0.1", 0.1, 0.3),
        ("*/*, application/json;q=0.2", 0.2, 1),
        ("application/json;q=2, application/json;q=0.7", 0.7, 0),
        ("application/jsonp, application/json-seq", 0, 0),
        ('text/plain;x="application/json, text/event-stream"', 0, 0),
    ],
)
def test_a_media_type_is_wanted_as_much_as_the_range_that_fits_it_best(accept, json, stream):
    assert quality(accept, "application/json") == json
    assert quality(accept, "text/event-stream") == stream


@pytest.mark.parametrize(
    ("lines", "is_list"),
    [
        ([], False),
        (["*/*"], False),
        (["application/json"], True),
        (["Application/JSON"], True),
        (["application/*"], True),
        (["text/event-stream, application/json"], False),
        (["text/event-stream;q=0.5, application/json"], True),
        (["text/event-stream", "application/json;q=0.9"], False),
        (["text/event-stream;q=0.1", "application/json;q=0.9"], True),
        (["text/html"], False),
        (["application/json;q=0"], False),
        (["application/jsonp"], False),
        (["text/plain", ", ,", "application/json"], True),
    ],
    ids=str,
)
def test_events_are_a_list_where_json_is_wanted_more_than_the_stream(visor, lines, is_list):
    headers = [("Accept", line) for line in lines] or [("Accept", "")]
    with visor.client.stream("GET", "/events", headers=headers) as answer:
        assert answer.status_code == 200
        kind = answer.headers["Content-Type"].partition(";")[0]
        assert kind == ("application/json" if is_list else "text/event-stream")


def test_lines_of_one_header_are_one_list_of_tags(visor):
    """Whichever line has the tag that counts."""
    tag = visor.post("/apps", APP).headers["ETag"]
    for lines in ((NEVER, tag), (tag, NEVER), ("", tag), (f",{NEVER},", f", {tag},")):
        headers = [("If-None-Match", line) for line in lines]
        assert visor.get("/apps/cat", headers=headers).status_code == 304, lines
        headers = [("If-Match", line) for line in lines]
        same = visor.client.patch("/apps/cat", json={"stack": APP["stack"]}, headers=headers)
        assert same.status_code == 200, lines
    for lines, status, code in (
        ((NEVER, '"1000000"'), 412, "rev-mismatch"),
        ((tag, "x"), 400, "malformed-request"),
        ((tag, "*"), 400, "malformed-request"),
        (("", ","), 400, "malformed-request"),
    ):
        headers = [("If-Match", line) for line in lines]
        refused(visor.client.patch("/apps/cat", json={"stack": "x"}, headers=headers), status, code)


SUFFIXES = ["-gzip", "-br", "-zstd", "-deflate", ";gzip", "--gzip"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("weak", ["", "W/"])
def test_a_tag_to_which_a_proxy_has_added_how_it_compresses_is_the_tag(visor, weak, suffix):
    tag = visor.post("/apps", APP).headers["ETag"]
    packed = f'{weak}"{tag[1:-1]}{suffix}"'
    assert visor.get("/apps/cat", headers={"If-None-Match": packed}).status_code == 304
    assert visor.patch("/apps/cat", {"stack": "x"}, headers={"If-Match": packed}).status_code == 200
    refused(visor.patch("/apps/cat", {"stack": "y"}, headers={"If-Match": packed}), 412, "rev-mismatch")


@pytest.mark.parametrize("suffix", ["-", "gzip", "-7", "-gzipped", "-gzip-br", ".gzip", "-GZIP"])
def test_another_suffix_makes_another_tag(visor, suffix):
    tag = visor.post("/apps", APP).headers["ETag"]
    other = f'"{tag[1:-1]}{suffix}"'
    assert visor.get("/apps/cat", headers={"If-None-Match": other}).status_code == 200
    refused(visor.patch("/apps/cat", {"stack": "x"}, headers={"If-Match": other}), 412, "rev-mismatch")


@pytest.mark.parametrize(
    "media_type", ["application/merge-patch+json", "application/json", "Application/JSON ; charset=utf-8"]
)
def test_two_media_types_are_a_merge_patch(visor, media_type):
    visor.made("/apps", APP)
    headers = {"Content-Type": media_type}
    assert visor.client.patch("/apps/cat", content=b'{"stack":"x"}', headers=headers).status_code == 200


@pytest.mark.parametrize(
    "media_type", ["application/json-patch+json", "application/vnd.visor+json", "text/plain", None]
)
def test_any_other_is_refused_and_told_which_are_taken(visor, media_type):
    """A JSON Patch is JSON too, and means something else."""
    visor.made("/apps", APP)
    headers = {} if media_type is None else {"Content-Type": media_type}
    for path in ("/apps/cat", "/apps/cat/env"):
        answer = visor.client.patch(path, content=b'{"stack":"x"}', headers=headers)
        refused(answer, 415, "unsupported-media-type")
        assert "application/merge-patch+json" in answer.headers["Accept-Patch"]
    assert visor.client.options("/apps/cat").headers["Accept-Patch"] == answer.headers["Accept-Patch"]
    assert "Accept-Patch" not in visor.client.options("/apps").headers
    assert visor.get("/apps/cat").json()["stack"] == APP["stack"]
