"""The registry's time, and the number of its layout."""

from pydantic import MISSING

from app.models.base import Model, Rev, Timestamp


class RevInfo(Model):
    """The rev of the latest snapshot (or of the one asked for), the oldest that can be read, and when the
    commit was made (null before the first). If the question was a time, `at` is since when this rev was
    the latest, and `next_rev` and `next_at` are the commit after it (null if there is none)."""

    rev: Rev
    oldest_rev: Rev
    at: Timestamp | None
    next_rev: Rev | MISSING | None = MISSING
    next_at: Timestamp | MISSING | None = MISSING


class SchemaInfo(Model):
    """The version of the stored layout."""

    version: int


SCHEMA_VERSION = 3
"""2 has the targets of scales (`scale/`), which a version that knows schema 1 would not keep true."""
