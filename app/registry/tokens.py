"""Tokens: made, changed, rotated, revoked; and whether one is valid."""

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

from pydantic import ValidationError

from app.errors import InvalidRequest, Unauthenticated
from app.models import codec, keys
from app.models.token import KeptToken, Rotation, Token, TokenSet, TokenUse
from app.registry.readable import readable
from app.registry.state import find, need, new, removable, update
from app.store.contract import Changes, Snapshot
from app.store.records import Record

USES = 100
"""Uses of tokens that one commit writes down."""


# + token/{id}, or - (old version) + (new version)
# + access, with the first token that there is
def put(snapshot: Snapshot, at: datetime, id: str, body: TokenSet, by: str) -> Changes:
    """Make a token, or change it. The hash of its secret stays where none is given. Raises InvalidRequest
    where there is none yet."""
    key = keys.token(id)
    token = find(snapshot, key, KeptToken)
    if token is not None:
        given = {"sha256": body.sha256} if body.sha256 is not None else {}
        ending = {"old_sha256": None, "old_until": None} if body.sha256 is not None else {}
        return update(
            key, token, at, name=body.name, grants=body.grants, expires_at=body.expires_at, **given, **ending
        )
    if body.sha256 is None:
        raise InvalidRequest.of(["body", "sha256"], "is required for a new token", "missing")
    fresh = KeptToken(
        **new(at),
        id=id,
        name=body.name,
        grants=body.grants,
        created_by=by,
        expires_at=body.expires_at,
        last_used_at=None,
        sha256=body.sha256,
        old_sha256=None,
        old_until=None,
    )
    changes = Changes(puts={key: codec.encode(fresh)}, answer=key)
    if snapshot.get(keys.ACCESS) is None:
        changes.puts[keys.ACCESS] = b"1"
    return changes


# - token/{id} (old secret)
# + token/{id} (new secret, the old one for `overlap` seconds more)
def rotate(snapshot: Snapshot, at: datetime, id: str, body: Rotation) -> Changes:
    """The same secret again changes nothing. Raises NotFound."""
    token = need(snapshot, keys.token(id), KeptToken, f"token {id}")
    if token.sha256 == body.sha256:
        return Changes(answer=keys.token(id))
    until = at + timedelta(seconds=body.overlap) if body.overlap else None
    old = token.sha256 if until is not None else None
    return update(keys.token(id), token, at, sha256=body.sha256, old_sha256=old, old_until=until)


# - token/{id}
# - token-use/{id}
def revoke(snapshot: Snapshot, at: datetime, id: str) -> Changes:
    """From this commit on nothing is done by it. Raises NotFound."""
    removable(snapshot, keys.token(id), f"token {id}")
    return Changes(deletes={keys.token(id), keys.token_use(id)})


# + token-use/{id} of each, where it was used last at an earlier hour
def note_uses(snapshot: Snapshot, at: datetime, uses: Mapping[str, datetime]) -> Changes:
    """At most `USES` of them."""
    changes = Changes()
    for id, used in list(uses.items())[:USES]:
        key = keys.token_use(id)
        last = last_use(snapshot, id)
        if snapshot.get(keys.token(id)) is not None and (last is None or last < used):
            changes.puts[key] = TokenUse(at=used).model_dump_json().encode()
    return changes


def last_use(snapshot: Snapshot, id: str) -> datetime | None:
    """When a token was used last, to the hour, as far as it was written down."""
    record = snapshot.get(keys.token_use(id))
    if record is None or not readable(record):
        return None
    return TokenUse.model_validate_json(record.value).at


def public_json(record: Record, snapshot: Snapshot) -> bytes:
    """The JSON of a token: without its hashes. When it was used last is as of the snapshot."""
    kept = codec.decode(record, KeptToken)
    used = last_use(snapshot, kept.id)
    fields = {name: getattr(kept, name) for name in Token.model_fields}
    return Token(**{**fields, "last_used_at": used}).model_dump_json(exclude_none=False).encode()


def read(record: Record | None) -> KeptToken | None:
    """The token that is kept in a record; None where there is none that can be read."""
    if record is None or not readable(record):
        return None
    try:
        return codec.decode(record, KeptToken)
    except ValidationError:
        return None


def check(kept: KeptToken, sha256: bytes, at: datetime) -> None:
    """Raises Unauthenticated where the hash is not that of the token's secret, or its time is over."""
    right = hmac.compare_digest(sha256, bytes.fromhex(kept.sha256))
    if not right and kept.old_sha256 is not None and kept.old_until is not None and at < kept.old_until:
        right = hmac.compare_digest(sha256, bytes.fromhex(kept.old_sha256))
    if not right:
        raise Unauthenticated.unknown()
    if kept.expires_at is not None and at >= kept.expires_at:
        raise Unauthenticated.expired()


def needs_a_token(snapshot: Snapshot) -> bool:
    """Whether there has been a token: then nobody is admin without one, also when it is gone again."""
    return snapshot.get(keys.ACCESS) is not None
