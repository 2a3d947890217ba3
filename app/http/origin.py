"""The origin of a write, which the journal keeps: actor, request, reason and trace."""

import re
from typing import Annotated
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Header
from pydantic import MISSING

from app.errors import Forbidden, InvalidRequest
from app.http.access import ANONYMOUS
from app.http.context import Call
from app.http.principal import Principal
from app.models.token import RESERVED
from app.registry.permissions import is_operator
from app.store.records import Origin

_ACTOR = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,126}[\x21-\x7e])?\Z")

MAX_REASON = 256
_ENCODED = re.compile(r"([\x20-\x24\x26-\x7e]|%[0-9A-Fa-f]{2})+\Z")

_TRACE = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?=\Z|-)", re.ASCII
)
"""A W3C traceparent; later versions of it may go on."""


# Each is given the header's text, or MISSING or None where there is none.


def actor_of(text: object) -> str:
    """Raises InvalidRequest."""
    if not isinstance(text, str):
        return ANONYMOUS
    if not _ACTOR.match(text):
        raise InvalidRequest.of(["header", "Visor-Actor"], "takes up to 128 printable ASCII characters")
    return text


def reason_of(text: object) -> str | None:
    """What the header Visor-Reason says, decoded. Raises InvalidRequest."""
    if not isinstance(text, str):
        return None
    place = ["header", "Visor-Reason"]
    if not _ENCODED.match(text):
        raise InvalidRequest.of(
            place, "takes printable text, percent-encoded (UTF-8) where it is not ASCII; a % is %25"
        )
    try:
        reason = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise InvalidRequest.of(place, "is percent-encoded, but not as UTF-8") from None
    if not reason.isprintable() or not reason.strip():
        raise InvalidRequest.of(place, "takes printable characters, not all of them blank")
    if len(reason) > MAX_REASON:
        raise InvalidRequest.of(place, f"takes at most {MAX_REASON} characters, and has {len(reason)}")
    return reason


def trace_of(text: object) -> str | None:
    """The traceparent; None where it is none: who reads one that is malformed ignores it, says W3C."""
    match = _TRACE.match(text) if isinstance(text, str) else None
    return None if match is None else match[0]


Actor = Annotated[
    str | MISSING,
    Header(
        alias="Visor-Actor",
        description="Who makes the change, as shown in its events. With a token, the actor is the "
        "token's name; this header then says for whom it acts, which only operators and "
        "admins may do.",
        examples=["deploy-bot"],
        json_schema_extra={"pattern": r"^[!-~]([ -~]{0,126}[!-~])?$"},
    ),
]
Reason = Annotated[
    str | MISSING,
    Header(
        alias="Visor-Reason",
        description="Why the change is made: 1 to 256 printable characters, kept with the commit. "
        "Percent-encode `%` and non-ASCII characters as UTF-8.",
        examples=["make cows louder"],
        json_schema_extra={"format": "visor-reason", "minLength": 1, "maxLength": 12 * MAX_REASON},
    ),
]
Traceparent = Annotated[
    str | MISSING,
    Header(
        alias="traceparent",
        description="W3C Trace Context: kept with the commit, and in the access log. A malformed one is "
        "ignored.",
        examples=["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
    ),
]


def _origin(
    call: Call, actor: Actor = MISSING, reason: Reason = MISSING, traceparent: Traceparent = MISSING
) -> Origin:
    named, principal = actor_of(actor), call.principal
    request = f"{call.method} {call.scope['path']}"
    why, trace = reason_of(reason), trace_of(traceparent)
    if principal.anonymous:
        return Origin(named, request, why, trace)
    on_behalf_of = None if actor is MISSING else _other(named, principal)
    return Origin(principal.name, request, why, trace, on_behalf_of)


def _other(named: str, principal: Principal) -> str:
    """For whom a token's holder says to ask. Raises Forbidden, InvalidRequest."""
    if not is_operator(principal.grants):
        raise Forbidden.needing("operator or admin, to speak for another with Visor-Actor")
    if named in RESERVED:
        raise InvalidRequest.of(["header", "Visor-Actor"], "is a reserved name")
    return named


Asker = Annotated[Origin, Depends(_origin)]
"""Who asks, and for what. The request may be refused for how it says so."""
