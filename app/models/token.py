"""Tokens: their text, what is stored of one, and what the API shows of it.

A token is `vsr_<id>_<secret><check>`: an id of 12 characters, 52 of a random secret, 7 of a checksum, all of
base32 in lower case. Only the SHA-256 of the whole text is kept.
"""

import base64
import hashlib
import re
import secrets
import zlib
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints
from pydantic_core import PydanticCustomError

from app.models.base import Model, Resource, Timestamp, rfc3339
from app.models.grants import Grant, Grants

RESERVED = frozenset({"visor", "anonymous"})
"""Names that no token may have: they stand for the service itself, and for a caller without a token."""

MAX_OVERLAP = 7 * 86_400

_TOKEN = re.compile(r"(vsr_([a-z2-7]{12})_[a-z2-7]{52})([a-z2-7]{7})\Z")


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def _check(text: str) -> str:
    return _base32(zlib.crc32(text.encode()).to_bytes(4, "big"))


def new_id() -> str:
    """An id for a token: nothing is derived from it."""
    return _base32(secrets.token_bytes(8))[:12]


def new_token(id: str) -> str:
    """A token with a secret of 256 random bits."""
    text = f"vsr_{id}_{_base32(secrets.token_bytes(32))}"
    return text + _check(text)


def id_of(token: str) -> str | None:
    """The id that a token names; None where it has not the form of one, or was mistyped."""
    match = _TOKEN.match(token)
    return None if match is None or _check(match[1]) != match[3] else match[2]


def sha256_of(token: str) -> str:
    """What is kept of a token, in hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()


def _not_reserved(name: str) -> str:
    if name in RESERVED:
        raise PydanticCustomError("reserved", f"The name {name} is reserved")
    return name


TokenId = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z2-7]{12}$"),
    Field(description="Of a token: 12 characters of base32 in lower case.", examples=["k3v7q2mzx4ab"]),
]
TokenName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9@._:/-]*$", min_length=1, max_length=128),
    AfterValidator(_not_reserved),
    Field(description="The name of the token, which is the actor of its changes.", examples=["deploy-bot"]),
]
Sha256 = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{64}$"),
    Field(
        description="SHA-256 of the whole token, in lower-case hexadecimal digits. The token itself is never "
        "sent to be kept.",
        examples=["0" * 64],
    ),
]
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})\Z"
)


def _time(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        time = datetime.fromisoformat(value) if _RFC3339.match(value) else None
        # In UTC, which not all of the calendar's first and last day is.
        return time and time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("datetime", "Input should be a time as RFC 3339 has it") from None


GivenTime = Annotated[
    datetime,
    BeforeValidator(_time),
    PlainSerializer(rfc3339, return_type=str),
    Field(description="RFC 3339, with a time zone.", examples=["2027-01-31T00:00:00Z"]),
]
"""A time in a body."""


class Token(Resource):
    """A token, without its secret. `last_used_at` is to the hour."""

    id: TokenId
    name: str
    grants: list[Grant]
    created_by: str
    expires_at: Timestamp | None
    last_used_at: Timestamp | None


class KeptToken(Token):
    """What is kept: with the hash of its secret, and of the one before while that is still valid."""

    sha256: str
    old_sha256: str | None
    old_until: Timestamp | None


class TokenSet(Model):
    """The body that creates or changes a token. Leave out `sha256` to keep the secret."""

    name: TokenName
    grants: Grants
    expires_at: GivenTime | None = None
    sha256: Sha256 | None = None


class Rotation(Model):
    """A new secret. The old one is valid for `overlap` seconds more."""

    sha256: Sha256
    overlap: Annotated[int, Field(ge=0, le=MAX_OVERLAP)] = 0


class Self(Model):
    """The caller, and what it may do. `id` is null if no token of the store was used."""

    id: str | None
    name: str
    grants: list[Grant]
    expires_at: Timestamp | None


class TokenUse(Model):
    """When a token was used last: kept beside it, so that its use is no change of it."""

    at: Timestamp
