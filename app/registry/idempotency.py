"""Idempotency-Key: a POST's first answer is kept in the commit that made it, and given again.

The answer to a POST is always the state of one resource, so what is kept is that state as it is in
the store, and which revs it had: from these the same bytes are made again, even when the resource
has changed since and its history is gone.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.errors import IdempotencyKeyReused
from app.models import keys
from app.models.base import rfc3339
from app.store.contract import Changes, Record, Rule, Snapshot

LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Replay:
    """The first answer: the resource as it was said then, and the rev that was answered."""

    record: Record
    rev: int


@dataclass(frozen=True, slots=True)
class IdempotentCall:
    """`digest` of the key, `fingerprint` of method, path and body."""

    digest: str
    fingerprint: str


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def expired(value: bytes, at: datetime) -> bool:
    """Whether a kept answer has had its 24 hours."""
    return at - _at(json.loads(value)["at"]) >= LIFETIME


# + idempotency/{digest}, in the commit of the rule's own changes
def once(call: IdempotentCall, rule: Rule) -> Rule:
    """The rule, run only if the key was not used before; else the first answer as `result`, a Replay.
    Raises IdempotencyKeyReused, and what the rule raises: a refusal is not kept."""

    def run(snapshot: Snapshot, at: datetime) -> Changes:
        key = keys.idempotency(call.digest)
        kept = snapshot.get(key)
        if kept is not None and not expired(kept.value, at):
            said = json.loads(kept.value)
            if said["fingerprint"] != call.fingerprint:
                raise IdempotencyKeyReused("This Idempotency-Key was used for another request before.")
            return Changes(result=_replay(said, kept))
        changes = rule(snapshot, at)
        if changes.answer is not None:
            changes.puts[key] = _keep(snapshot, at, changes, changes.answer, call.fingerprint)
        return changes

    return run


def _keep(snapshot: Snapshot, at: datetime, changes: Changes, answer: str, fingerprint: str) -> bytes:
    before = snapshot.get(answer)
    value = changes.puts.get(answer)
    said: dict[str, Any] = {
        "at": rfc3339(at),
        "fingerprint": fingerprint,
        "key": answer,
        # null stands for the rev of this commit, which is known only when it is made.
        "created_rev": before.created_rev if before else None,
        "rev": before.rev if before and value is None else None,
        "value": (value if value is not None else before.value if before else b"").decode(),
    }
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()


def _replay(said: dict[str, Any], kept: Record) -> Replay:
    record = Record(
        key=said["key"],
        value=said["value"].encode(),
        created_rev=kept.rev if said["created_rev"] is None else said["created_rev"],
        rev=kept.rev if said["rev"] is None else said["rev"],
    )
    return Replay(record, kept.rev)
