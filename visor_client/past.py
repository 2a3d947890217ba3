"""What the service answers about its past and its plans: revs, changes, commits, how much happened when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from visor_client.records import Record


@dataclass(frozen=True)
class RevInfo(Record):
    rev: int
    oldest_rev: int
    at: datetime | None


@dataclass(frozen=True)
class ChangedBy(Record):
    """The commit that changed an object last."""

    rev: int
    at: datetime
    actor: str
    reason: str | None


@dataclass(frozen=True)
class ObjectChange(Record):
    """What became of one object between two revs. `fields` are what differs: `path` is a JSON pointer; a
    side that lacks the field lacks the member."""

    path: str
    kind: str
    action: str
    rev_before: int | None
    rev_after: int | None
    by: ChangedBy | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    fields: list[dict[str, Any]]


@dataclass(frozen=True)
class CommitChange(Record):
    """One object that a commit has changed; `before` and `after` are there where one commit was asked for."""

    path: str
    kind: str
    action: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True)
class Commit(Record):
    """Who changed what, when, by which request and why. `total` is how many changes it has; a list shows the
    first 20."""

    rev: int
    at: datetime
    actor: str
    request: str
    reason: str | None
    trace: str | None
    changes: list[CommitChange]
    total: int


@dataclass(frozen=True)
class Bucket(Record):
    """How many commits there were in a span of time."""

    from_at: datetime
    to_at: datetime
    total: int
    counts: dict[str, int]


@dataclass(frozen=True)
class Timeline(Record):
    """How much happened when."""

    rev: int
    items: list[Bucket]


@dataclass(frozen=True)
class Planned(Record):
    """What a change of many objects did in one commit, or would do. `plan` sent back means: just these
    changes, or none."""

    rev: int
    plan: str
    changes: list[ObjectChange]
    counts: dict[str, int]
    started: list[int]
    stopped: list[int]
    undoes: list[int]
    warnings: list[str]


@dataclass(frozen=True)
class NewPort(Record):
    """A proctype whose port was another's, and that has got a new one."""

    path: str
    was: int
    port: int


@dataclass(frozen=True)
class Imported(Record):
    """What became of the objects of a file: each was imported, was there just so (`unchanged`), or stays as
    it is there (`left`). `secrets` came without their values."""

    rev: int
    objects: int
    imported: int
    unchanged: int
    left: int
    commits: int
    secrets: int
    ports: list[NewPort]
