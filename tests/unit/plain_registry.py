"""A registry in memory, made of the store's own history: rules run on its snapshots, and what they want is
applied as a commit. No store, no server, no await."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from app.errors import RequestError
from app.models import codec, key_terms
from app.models.app import AppCreate
from app.models.base import Resource
from app.models.proctype import ProctypeCreate
from app.models.revision import RevisionCreate
from app.registry import apps, proctypes, revisions
from app.store.contract import Changes
from app.store.embedded.group import make_commit
from app.store.history import HeldSnapshot, History
from app.store.overlay import Draft
from app.store.records import Journal, Record
from app.store.window import Window

M = TypeVar("M", bound=Resource)
Rule = Callable[..., Changes]

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
ARCHIVE = "https://archive.example.com/cat/128af9.img"


class Registry:
    """`do` runs a rule and commits, a minute after the one before; `refuse` runs one that has to raise."""

    def __init__(self) -> None:
        self.history = History(key_terms.index, Window(10_000))
        self.at = BEGINNING

    @property
    def rev(self) -> int:
        return self.history.rev

    @property
    def snapshot(self) -> HeldSnapshot:
        return self.history.snapshot(self.history.rev)

    def do(self, rule: Rule, *args: Any) -> Changes:
        """The changes, committed. The rule must not have touched the snapshot or what it was given."""
        self.at += timedelta(minutes=1)
        before = self.picture(), copy.deepcopy(args)
        changes = rule(self.snapshot, self.at, *args)
        assert (self.picture(), args) == before, "a rule changed what it was given"
        if not changes.empty:
            commit = make_commit(Draft(self.history), changes, Journal(self.at, "tests", "TEST"))
            self.history.apply(commit)
        return changes

    def refuse(self, error: type[RequestError], rule: Rule, *args: Any, **members: Any) -> RequestError:
        """What the rule raises, which has to be exactly of the class and have the members."""
        before = self.picture(), copy.deepcopy(args)
        with pytest.raises(error) as caught:
            rule(self.snapshot, self.at, *args)
        assert type(caught.value) is error
        assert caught.value.detail.endswith(".")
        for name, value in members.items():
            assert caught.value.members.get(name, getattr(caught.value, name, None)) == value
        assert (self.picture(), args) == before, "a refusal changed what it was given"
        return caught.value

    def unchanged(self, rule: Rule, *args: Any, answer: str) -> None:
        """The rule wants no commit and answers with what is at the key."""
        rev = self.rev
        changes = self.do(rule, *args)
        assert changes.empty
        assert changes.answer == answer
        assert self.rev == rev

    def picture(self) -> dict[str, tuple[bytes, int, int]]:
        """All that is there."""
        chains = {key: self.history.get(key, self.rev) for key in self.history._chains}
        return {key: (r.value, r.created_rev, r.rev) for key, r in chains.items() if r is not None}

    def record(self, key: str) -> Record | None:
        return self.snapshot.get(key)

    def read(self, key: str, model: type[M]) -> M:
        record = self.record(key)
        assert record is not None, f"nothing is at {key}"
        return codec.decode(record, model)

    def with_app(self, name: str = "cat", **env: str) -> "Registry":
        body = AppCreate(name=name, repo_url="https://git.example.com/x.git", stack="lenny", env=env)
        self.do(apps.register, body)
        return self

    def with_revision(self, ref: str = "128af9", app: str = "cat", accepted: bool = True) -> "Registry":
        self.do(revisions.register, app, RevisionCreate(ref=ref, archive_url=ARCHIVE if accepted else None))
        return self

    def with_proctype(self, name: str = "web", app: str = "cat") -> "Registry":
        self.do(proctypes.register, app, ProctypeCreate(name=name))
        return self
