"""Entity tags: `If-Match` and `If-None-Match`. Our tag is a version, so `W/"42"` is as good as `"42"`."""

import hashlib
import re
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Header
from pydantic import MISSING

from app.errors import MalformedRequest
from app.http.header_lists import elements
from app.registry.preconditions import UNCONDITIONAL, Preconditions

TAGS: dict[str, Any] = {
    "pattern": r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$',
}
"""How the schema says it; `parse_tags` decides."""

IfNoneMatch = Annotated[
    str | MISSING,
    Header(
        alias="If-None-Match",
        description="For a read: 304 if the resource still has this tag. For a write: 412 if it has "
        "this tag. `*` means 412 if the resource exists, so that a PUT only creates.",
        examples=['"42"'],
        json_schema_extra=TAGS,
    ),
]

MAX_TAGS = 1000

# A proxy that compresses adds how to the tag: `"42-gzip"` (Apache, Caddy), `"42;br"`, `"42--gzip"` (Jetty).
_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"\Z')
_REV = re.compile(r"([0-9]{1,19})(?:(?:--?|;)(?:gzip|br|zstd|deflate|compress))?\Z")


def parse_tags(header: str, value: str) -> frozenset[int] | None:
    """The revs of a list of entity tags; None for `*`. A tag that is none of ours matches nothing.
    Raises MalformedRequest."""
    if value.count(",") >= MAX_TAGS:
        raise MalformedRequest(f"{header} takes {MAX_TAGS} entity tags at most.")
    tags = list(elements(value, of_tags=True))
    if tags == ["*"]:
        return None
    revs: set[int] = set()
    for tag in map(_TAG.match, tags):
        if tag is None:
            tags = []
            break
        if rev := _REV.match(tag[1]):
            revs.add(int(rev[1]))
    if not tags:
        raise MalformedRequest(f'{header} is * or a list of entity tags, each in quotes: "42".')
    return frozenset(revs)


def preconditions(if_match: object, if_none_match: object) -> Preconditions:
    """What the two headers ask of a write; MISSING or None where there is none. Raises MalformedRequest."""
    matches, excludes = isinstance(if_match, str), isinstance(if_none_match, str)
    if not matches and not excludes:
        return UNCONDITIONAL
    revs = parse_tags("If-Match", if_match) if isinstance(if_match, str) else None
    none = parse_tags("If-None-Match", if_none_match) if isinstance(if_none_match, str) else None
    return Preconditions(
        revs=revs,
        any_rev=matches and revs is None,
        absent=excludes and none is None,
        not_revs=none or frozenset(),
    )


def unchanged(if_none_match: str | None, rev: int) -> bool:
    """Whether a read answers 304. Raises MalformedRequest."""
    if if_none_match is None:
        return False
    revs = parse_tags("If-None-Match", if_none_match)
    return revs is None or rev in revs


def tag_of(content: Iterable[bytes]) -> int:
    """A number that stands for the bytes of an answer whose parts have revs of their own."""
    digest = hashlib.sha256()
    for piece in content:
        digest.update(piece)
    return int.from_bytes(digest.digest()[:8]) >> 1
