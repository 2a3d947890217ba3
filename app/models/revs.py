"""The registry's time, and the number of its layout."""

from app.models.base import Model, Rev, Timestamp


class RevInfo(Model):
    """The rev of the latest snapshot (or of the one asked for), the oldest that can be read, and when
    the commit was made (null before the first)."""

    rev: Rev
    oldest_rev: Rev
    at: Timestamp | None


class SchemaInfo(Model):
    """The version of the stored layout."""

    version: int


SCHEMA_VERSION = 3
"""2 has the targets of scales (`scale/`), which a version that knows schema 1 would not keep true."""
