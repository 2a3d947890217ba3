"""What every read and every write can be told, and how a call is spelled on the wire."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, TypedDict
from urllib.parse import quote


class Moment(TypedDict, total=False):
    """Of which snapshot: the newest, or that of a rev, or of a time (a datetime, RFC 3339, or "-15m")."""

    rev: int
    at: str | datetime
    consistency: Literal["linearizable", "stale"]


class Write(TypedDict, total=False):
    """`if_rev`: only where it is still at this rev ("*": only where it is there); `if_absent`: only where it
    is not there. `reason` goes into the journal; `dry_run` says what would be, and does nothing."""

    if_rev: int | Literal["*"]
    if_absent: bool
    reason: str
    dry_run: bool


class Post(Write, total=False):
    """`key` is the `Idempotency-Key`; without one each call gets one of its own, for all its tries."""

    key: str


Query = list[tuple[str, str | int | float | bool | None]]
"""Parameters of a URL."""


def path(*segments: str | int) -> str:
    """`apps`, `rocket` -> `/apps/rocket`. Raises ValueError for what URL software would change on the way."""
    for segment in segments:
        if segment in ("", ".", ".."):
            raise ValueError(f"{segment!r} is no name")
    return "".join(f"/{quote(str(segment), safe=':')}" for segment in segments)


def query(given: Mapping[str, Any]) -> Query:
    """As parameters of a URL: what is None is left out, a list is repeated."""
    pairs: Query = []
    for name, value in given.items():
        several = value if isinstance(value, Iterable) and not isinstance(value, str) else [value]
        pairs += [(name, _text(each)) for each in several if each is not None]
    return pairs


def headers(given: Mapping[str, Any]) -> dict[str, str]:
    """Those of a `Write`."""
    fields = {}
    if (rev := given.get("if_rev")) is not None:
        fields["If-Match"] = "*" if rev == "*" else f'"{rev}"'
    if given.get("if_absent"):
        fields["If-None-Match"] = "*"
    if (reason := given.get("reason")) is not None:
        fields["Visor-Reason"] = quote(reason, safe=" !#$&'()*+,-./:;<=>?@[]^_`{|}~\"")
    return fields


def given(**fields: Any) -> dict[str, Any]:
    """A body of what is not None."""
    return {name: value for name, value in fields.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)
