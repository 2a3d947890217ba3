"""Reads JSON bodies strictly: whatever is not exactly one JSON value is refused, never interpreted."""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from app.errors import MalformedRequest, UnsupportedMediaType
from app.http.context import Call

MAX_DEPTH = 64
"""Arrays and objects inside one another."""

MAX_VALUES = 2048
"""Values in a body, those inside others too: what is read, checked and refused value by value in one turn of
the event loop."""

MAX_DIGITS = 100
"""Characters of a number: no field takes one as long, and converting long ones costs their square."""

ACCEPT_PATCH = "application/merge-patch+json, application/json"

_PLAIN = frozenset({b"application/json", b"application/merge-patch+json"})
_MEDIA_TYPE = re.compile(r"application/(?:json|[a-z0-9!#$&^_.-]+\+json)\Z")

# A whole string, or, where it does not end, all that is left: so every quote starts a match and the
# scan is linear whatever the body is.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")


def read(call: Call) -> Any:
    """The value that the call's body is. Raises UnsupportedMediaType, MalformedRequest."""
    if call.method == "PATCH":
        _require_merge_patch(call.fields)
    require_json(call.fields)
    return parse(call.content)


def _require_merge_patch(fields: Mapping[bytes, bytes]) -> None:
    """Other media types of JSON may be patches of another kind."""
    declared = fields.get(b"content-type", b"").partition(b";")[0].strip(b" \t").lower()
    if declared not in _PLAIN:
        raise UnsupportedMediaType(
            "A change is a merge patch (RFC 7396). Send it as application/merge-patch+json.",
            headers={"Accept-Patch": ACCEPT_PATCH},
        )


def require_json(fields: Mapping[bytes, bytes]) -> None:
    declared = fields.get(b"content-type")
    if declared in _PLAIN and b"content-encoding" not in fields:
        return
    how = "With curl: -H 'Content-Type: application/json' (or --json)."
    if declared is None:
        raise UnsupportedMediaType(f"The body has no Content-Type; it has to be JSON and to say so. {how}")
    media_type, _, parameters = declared.decode("latin-1").partition(";")
    if not _MEDIA_TYPE.match(media_type.strip().lower()):
        raise UnsupportedMediaType(f"The body's Content-Type is not that of JSON. {how}")
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            raise UnsupportedMediaType(f"JSON is UTF-8: send no other charset. {how}")
    if fields.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise UnsupportedMediaType(f"Send the body as it is, without a Content-Encoding. {how}")


def parse(body: bytes, most: int = MAX_VALUES) -> Any:
    """The JSON value that the body is, in time linear in its length.

    Raises MalformedRequest for what is not UTF-8 or not JSON, holds more than `most` values, is
    nested more than `MAX_DEPTH` deep, repeats a key in an object, or holds NaN, Infinity, a number that is
    too long or too large, or half a surrogate pair. No error quotes a value of the body.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"The body is not UTF-8, at byte {error.start}.") from None
    if text.startswith("\ufeff"):
        raise MalformedRequest("The body begins with a byte order mark. Send it without one.")
    # Before parsing, because the parser recurses, and because it has no end before the body has.
    _check_count(body, most)
    _check_depth(body)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise MalformedRequest(f"The body is not JSON: {error.msg} ({where}).") from None
    if _SURROGATE_ESCAPE.search(body):
        _check_surrogates(value)
    return value


def _check_count(body: bytes, most: int) -> None:
    if body.count(b",") + body.count(b"[") + body.count(b"{") <= most:
        return
    # First by quotes, of which a key and a value have four: what is left has few strings to be taken out.
    quotes = body.count(b'"') - body.count(b'\\"')
    if quotes <= 4 * most:
        bare = _STRING.sub(b"", body)
        if bare.count(b",") + bare.count(b"[") + bare.count(b"{") <= most:
            return
    raise MalformedRequest(f"The body holds more than {most} values, those inside others too.")


def _check_depth(body: bytes) -> None:
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _STRING.sub(b"", body).translate(None, _NOT_BRACKETS):
        if bracket in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise MalformedRequest(f"The body is nested more than {MAX_DEPTH} deep.")
        else:
            depth -= 1


def _check_surrogates(value: Any) -> None:
    """Escapes make strings that no UTF-8 can carry; keys included."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedRequest("The body holds half a surrogate pair (a \\ud800 to \\udfff alone).") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                which = f" {key!r}" if _PLAIN_NAME.match(key) else ""
                raise MalformedRequest(f"The body repeats the key{which} in one object.")
            seen.add(key)
    return made


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise MalformedRequest(f"The body holds a number of more than {MAX_DIGITS} digits.")
    return int(digits)


def _number(digits: str) -> float:
    if len(digits) > MAX_DIGITS:
        raise MalformedRequest(f"The body holds a number of more than {MAX_DIGITS} digits.")
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise MalformedRequest("The body holds a number that is too large.")
    return number


def _no_constant(name: str) -> NoReturn:
    raise MalformedRequest(f"The body holds {name}, which is not JSON.")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_no_constant
)
