"""A rev and the revision of etcd's that it belongs to: rev = revision * 1000 + index.

One transaction of etcd's carries a group of commits. Each has a rev of its own: the first has index 1, the
next one 2. What others commit (the end of a lease, another program) has index 0. Between the last commit of
one revision and the next revision nothing happens, so every rev names one state.
"""

from typing import Any

from app.store.records import Record

COMMITS = 999
"""Commits of one revision, at most."""

_PER_REVISION = COMMITS + 1


def rev_of(revision: int, index: int = 0) -> int:
    return revision * _PER_REVISION + index


def revision_of(rev: int) -> int:
    return rev // _PER_REVISION


def index_of(rev: int) -> int:
    return rev % _PER_REVISION


def last_rev_of(revision: int) -> int:
    """At or above all commits of the revision."""
    return rev_of(revision, COMMITS)


_NOT_YET = 2**50
"""In place of a revision that etcd has not given yet: above all that it ever gives."""

_FIRST_DRAFT = _NOT_YET * _PER_REVISION


def draft_rev(index: int) -> int:
    """Stands for the rev of a commit that is not made yet."""
    return rev_of(_NOT_YET, index)


def is_draft(rev: int) -> bool:
    return rev >= _FIRST_DRAFT


def made_rev(rev: int, revision: int) -> int:
    """What a rev is once its group has this revision."""
    return revision * _PER_REVISION + rev % _PER_REVISION if rev >= _FIRST_DRAFT else rev


class NotNumbered(Exception):
    """A rule wants to know the rev of a commit that is not made yet."""


class UnnumberedRecord(Record):
    """A version that a commit of the same group has made: its rev is known to nobody yet."""

    __slots__ = ("_created",)

    def __init__(self, record: Record) -> None:
        self.key, self.value, self.ttl, self.terms = record.key, record.value, record.ttl, record.terms
        self.wire, self.lease = None, record.lease
        self._created = record.created_rev

    @property
    def rev(self) -> Any:  # type: ignore[override]
        raise NotNumbered(self.key)

    @property
    def created_rev(self) -> Any:  # type: ignore[override]
        if is_draft(self._created):
            raise NotNumbered(self.key)
        return self._created
