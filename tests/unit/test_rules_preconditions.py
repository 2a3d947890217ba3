"""Preconditions of writes on plain data, and the entity tags they are read from."""

import pytest

from app.errors import MalformedRequest, RevMismatch
from app.http.entity_tags import parse_tags, preconditions, unchanged
from app.models import keys
from app.registry.preconditions import Preconditions
from tests.unit.plain_registry import Registry

HERE = keys.app("cat")
GONE = keys.app("dog")


@pytest.fixture(scope="module")
def registry() -> Registry:
    """The app is at rev 2, the registry at rev 3."""
    return Registry().with_app("first").with_app("cat").with_app("last")


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "here", "gone"),
    [
        (None, None, True, True),
        ('"2"', None, True, False),
        ('W/"2"', None, True, False),
        ('"1", "2"', None, True, False),
        ('"3"', None, False, False),
        ('"x"', None, False, False),
        ("*", None, True, False),
        (None, "*", False, True),
        (None, '"2"', False, True),
        (None, '"3"', True, True),
        ("*", '"2"', False, False),
        ('"2"', '"1"', True, False),
        ('"2"', "*", False, False),
    ],
)
def test_what_holds(registry, if_match, if_none_match, here, gone):
    """For a resource at rev 2, and for one that is not there."""
    wanted = preconditions(if_match, if_none_match)
    for key, holds in ((HERE, here), (GONE, gone)):
        if holds:
            wanted.check(registry.snapshot, lambda s, key=key: s.get(key))
            continue
        with pytest.raises(RevMismatch) as error:
            wanted.check(registry.snapshot, lambda s, key=key: s.get(key))
        assert error.value.members == {"current_rev": 2 if key == HERE else None}


def test_nothing_is_looked_up_where_nothing_is_asked(registry):
    def never(snapshot: object) -> None:
        raise AssertionError("looked up")

    Preconditions().check(registry.snapshot, never)


@pytest.mark.parametrize(
    ("text", "revs"),
    [
        ('"42"', {42}),
        (' "42" ', {42}),
        ('W/"42"', {42}),
        ('"1","2" ,  W/"3"', {1, 2, 3}),
        ('"abc"', set()),
        ('""', set()),
        ('"-1"', set()),
        ('"4_2"', set()),
        ('"' + "9" * 400 + '"', set()),
        ('"abc", "7"', {7}),
        ('"1",', {1}),
    ],
)
def test_tags_are_revs_and_others_match_nothing(text, revs):
    assert parse_tags("If-Match", text) == revs


@pytest.mark.parametrize(
    "text", ["", "42", '"42', '42"', 'w/"42"', "W/42", '"1" "2"', '*,"1"', '"a b"', '"\n"']
)
def test_what_is_no_tag_is_malformed(text):
    with pytest.raises(MalformedRequest, match="If-Match"):
        parse_tags("If-Match", text)


@pytest.mark.parametrize(
    ("held", "same"),
    [(None, False), ("*", True), ('"7"', True), ('W/"7"', True), ('"8"', False), ('"1", "7"', True)],
)
def test_what_a_client_has_already(held, same):
    assert unchanged(held, 7) is same
