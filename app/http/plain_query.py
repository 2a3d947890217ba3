"""Queries that need no decoding: their text is their meaning."""

import re
from dataclasses import dataclass

from app.http.reads import MAX_LIMIT
from app.models.base import MAX_INT64

_PAIR = re.compile(
    rb"(?:(?:rev|limit)=[1-9][0-9]{0,18}|consistency=stale|cursor=[A-Za-z0-9_-]{1,4096}"
    rb"|(?!(?:rev|limit|consistency|cursor)=)[a-z]{1,16}=[A-Za-z0-9._:-]{1,256})"
)
_ONCE = frozenset({"rev", "limit", "consistency", "cursor"})


@dataclass(frozen=True, slots=True)
class PlainQuery:
    """Where to read, and the filters by their names. `pairs` is all that was said."""

    rev: int | None = None
    limit: int | None = None
    stale: bool = False
    cursor: str | None = None
    filters: dict[str, list[str]] | None = None
    pairs: tuple[tuple[str, str], ...] = ()


_NOTHING = PlainQuery()


def parse(query: bytes) -> PlainQuery | None:
    """What the query says; None where it is not plain, or may be wrong: the framework sees to those."""
    if not query:
        return _NOTHING
    once: dict[str, str] = {}
    filters: dict[str, list[str]] = {}
    pairs: list[tuple[str, str]] = []
    for pair in query.split(b"&"):
        if not _PAIR.fullmatch(pair):
            return None
        name, _, value = pair.decode("ascii").partition("=")
        if name not in _ONCE:
            filters.setdefault(name, []).append(value)
        elif name in once:
            return None
        else:
            once[name] = value
        pairs.append((name, value))
    rev, limit = int(once.get("rev", "0")), int(once.get("limit", "0"))
    if rev > MAX_INT64 or limit > MAX_LIMIT or once.get("consistency", "stale") != "stale":
        return None
    return PlainQuery(
        rev or None, limit or None, "consistency" in once, once.get("cursor"), filters or None, tuple(pairs)
    )
