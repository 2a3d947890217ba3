"""The record of a POST that was made with an Idempotency-Key."""

from app.models.base import Model, Timestamp


class IdempotencyRecord(Model):
    """`key` names the resource that was answered, `value` is that resource as it was kept then; null where
    it is too large to be kept twice, and is read from the history. Where `key` is "" the answer was no
    resource: `value` is the answer itself. A rev of null stands for the rev of the commit that wrote this
    record, which is known only when it is made."""

    at: Timestamp
    fingerprint: str
    key: str
    created_rev: int | None
    rev: int | None
    value: str | None
