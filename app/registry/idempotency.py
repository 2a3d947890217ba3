"""Idempotency-Key: a POST's first answer is stored in the commit that made it, and repeated.

The answer to most POSTs is the state of one resource. So what is kept is where that is and which revs it
had, and its value where that is small: from these the same bytes are made again, even when the resource has
changed since and its history is gone. A large value is not kept twice: it is read from the history, for as
long as that has it. Another answer (a `WholeAnswer`) is kept itself.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError

from app.errors import IdempotencyKeyReused
from app.models import keys
from app.models.idempotency import IdempotencyRecord
from app.store.contract import Changes, Rule, Snapshot
from app.store.records import Record

LIFETIME = timedelta(hours=24)

MAX_RECORDS = 100_000
"""Of more, the oldest are dropped by upkeep before their time."""

MAX_ANSWER = 64 * 1024
"""Bytes of an answer that is kept with its key."""

MAX_BYTES = 128 * 1024 * 1024
"""Bytes of all records; where there are more, an answer is read from the history, however small it is."""


class WholeAnswer(ABC):
    """The `result` of a rule whose answer is not the state of one resource."""

    @abstractmethod
    def kept(self) -> bytes:
        """What is kept of it, as JSON: at most `MAX_ANSWER` bytes."""


@dataclass(frozen=True, slots=True)
class Replay:
    """The first answer: what was at the key at `rev`, the rev that was answered. `record` is None where it
    has to be read from the history."""

    key: str
    rev: int
    record: Record | None


@dataclass(frozen=True, slots=True)
class IdempotentCall:
    """`digest` of who asks and the key, `fingerprint` of method, path and body."""

    digest: str
    fingerprint: str


def read(record: Record) -> IdempotencyRecord | None:
    """What is kept; None where another hand has written something else."""
    try:
        return IdempotencyRecord.model_validate_json(record.value)
    except ValidationError:
        return None


def expired(record: Record, at: datetime) -> bool:
    """Whether a kept answer has had its 24 hours, or is none."""
    kept = read(record)
    return kept is None or at - kept.at >= LIFETIME


def used_bytes(snapshot: Snapshot) -> int:
    """Bytes of all records, at most twice what they are."""
    return sum(size * snapshot.count(keys.idempotency_of(size)) for size in keys.IDEMPOTENCY_SIZES)


def first_answer(call: IdempotentCall, snapshot: Snapshot, at: datetime) -> Changes | None:
    """No changes, with the first answer as `result`, a Replay; None where the key was not used before. Raises
    IdempotencyKeyReused."""
    record = snapshot.get(keys.idempotency(call.digest))
    kept = None if record is None else read(record)
    if record is None or kept is None or at - kept.at >= LIFETIME:
        return None
    if kept.fingerprint != call.fingerprint:
        raise IdempotencyKeyReused("This Idempotency-Key was used for another request before.")
    return Changes(result=_replay(kept, record))


# + idempotency/{digest}, in the commit of the rule's own changes
def keep_answer(call: IdempotentCall, snapshot: Snapshot, at: datetime, changes: Changes) -> None:
    """Have the commit of the changes keep what answers them, where there is anything to keep."""
    key = keys.idempotency(call.digest)
    if changes.answer is not None:
        changes.puts[key] = _keep(snapshot, at, changes, changes.answer, call.fingerprint)
    elif isinstance(changes.result, WholeAnswer) and not changes.empty:
        kept = IdempotencyRecord(
            at=at,
            fingerprint=call.fingerprint,
            key="",
            created_rev=None,
            rev=None,
            value=changes.result.kept().decode(),
        )
        changes.puts[key] = kept.model_dump_json().encode()


def once(call: IdempotentCall, rule: Rule) -> Rule:
    """The rule, run only if the key was not used before; else the first answer. Raises IdempotencyKeyReused,
    and what the rule raises: a refusal is not kept."""

    def run(snapshot: Snapshot, at: datetime) -> Changes:
        changes = first_answer(call, snapshot, at)
        if changes is None:
            changes = rule(snapshot, at)
            keep_answer(call, snapshot, at, changes)
        return changes

    return run


def _keep(snapshot: Snapshot, at: datetime, changes: Changes, answer: str, fingerprint: str) -> bytes:
    before = snapshot.get(answer)
    value = changes.puts.get(answer)
    kept_value = value if value is not None else before.value if before else b""
    small = len(kept_value) < MAX_ANSWER and used_bytes(snapshot) + len(kept_value) <= MAX_BYTES
    kept = IdempotencyRecord(
        at=at,
        fingerprint=fingerprint,
        key=answer,
        created_rev=before.created_rev if before else None,
        rev=before.rev if before and value is None else None,
        value=kept_value.decode() if small else None,
    )
    return kept.model_dump_json().encode()


def _replay(kept: IdempotencyRecord, at: Record) -> Replay:
    if kept.value is None:
        return Replay(kept.key, at.rev, None)
    record = Record(
        key=kept.key,
        value=kept.value.encode(),
        created_rev=at.rev if kept.created_rev is None else kept.created_rev,
        rev=at.rev if kept.rev is None else kept.rev,
    )
    return Replay(kept.key, at.rev, record)
