"""Cursors: where a list goes on, and at which rev. Checked, so that one that was altered is refused."""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass

from app.errors import InvalidCursor, RevInFuture
from app.http.context import Call
from app.models.base import MAX_INT64
from app.store.contract import Snapshot, Store

_SUM = 9

PAGING = frozenset({"cursor", "limit"})
"""Parameters that say which page is asked for, and not of which list."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The list goes on after the key `after`, in the snapshot at `rev`."""

    rev: int
    after: str


def name_of(call: Call, paging: frozenset[str] = PAGING) -> str:
    """What names the list that is asked for, and what is seen of it: two lists do not take each other's
    cursors, and no token those of what another sees."""
    query = sorted((name, value) for name, value in call.query if name not in paging)
    return f"{call.scope['path']}?{query}{call.principal.digest}"


def _sum(payload: bytes, of: str) -> bytes:
    # Not a secret: a cursor opens nothing that its list does not. It keeps mistakes from passing as pages.
    return hashlib.blake2b(payload, key=hashlib.sha256(of.encode()).digest(), digest_size=_SUM).digest()


def write(cursor: Cursor, of: str) -> str:
    """The cursor as text; `of` names the list: its path and filters."""
    payload = json.dumps([cursor.rev, cursor.after], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_sum(payload, of) + payload).rstrip(b"=").decode()


def read(text: str, of: str) -> Cursor:
    """Raises InvalidCursor where the text is not one that `write` gave for this list."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        rev, after = json.loads(raw[_SUM:])
        # As they are, not converted: JSON's 1e999 is an infinity, which no int() takes.
        if type(rev) is not int or not 0 < rev <= MAX_INT64 or not isinstance(after, str):
            raise not_given()
        cursor = Cursor(rev, after)
        cursor.after.encode()
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise not_given() from None
    # Compared as text: other spellings of the same bytes were not given out.
    if write(cursor, of) != text:
        raise not_given()
    return cursor


async def pinned(store: Store, rev: int) -> Snapshot:
    """The snapshot that a cursor is of. Raises InvalidCursor, RevCompacted, CoordinatorUnavailable."""
    try:
        return await store.at(rev)
    except RevInFuture:
        raise not_given() from None  # a rev that never was: somebody made the cursor up


def not_given() -> InvalidCursor:
    """The refusal of a cursor that the list did not give."""
    return InvalidCursor("The cursor was not given out by this list: begin again without one.")
