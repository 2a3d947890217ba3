"""A write is judged by its token as it is in the transaction, and not as it was when the request came."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.errors import Forbidden, Unauthenticated
from app.http.access_table import row_of
from app.http.principal import Principal
from app.models import keys
from app.models.grants import Grant, Role, sight_of
from app.models.token import Rotation, TokenSet, new_id, new_token, sha256_of
from app.registry import tokens
from app.registry.permissions import NEVER, Permission
from app.store.contract import Changes
from tests.unit.plain_registry import Registry

CAT = Grant(role=Role.DEPLOYER, apps=["cat"])
DOG = Grant(role=Role.DEPLOYER, apps=["dog"])


class Holder:
    """A token in a registry, and what a request of it found when it came."""

    def __init__(self, registry: Registry, expires_at: datetime | None = None) -> None:
        self.registry = registry
        self.id = new_id()
        self.sha256 = sha256_of(new_token(self.id))
        body = TokenSet(name="bot", grants=[CAT], expires_at=expires_at, sha256=self.sha256)
        registry.do(tokens.put, self.id, body, "root")
        record = registry.snapshot.get(keys.token(self.id))
        until = NEVER if expires_at is None else expires_at.timestamp()
        sight, hashed = sight_of([CAT]), bytes.fromhex(self.sha256)
        self.found = Principal(self.id, "bot", [CAT], sight, hashed, record, until)

    def granted(self, *grants: Grant) -> None:
        self.registry.do(tokens.put, self.id, TokenSet(name="bot", grants=list(grants)), "root")

    def writes(self, app: str, row: str = "set_env_var") -> Changes:
        """A rule that changes this app, a minute from now."""
        permission: Permission = self.found.permission(row_of(row))
        rule = permission.guard(lambda snapshot, at: Changes(puts={keys.app(app): b"{}"}))
        return rule(self.registry.snapshot, self.registry.at + timedelta(minutes=1))


def test_a_token_that_is_as_it_was_writes_what_it_may() -> None:
    holder = Holder(Registry())
    assert holder.writes("cat").puts
    with pytest.raises(Forbidden):
        holder.writes("dog")


def test_one_that_was_granted_something_else_since_may_do_that_and_nothing_else() -> None:
    holder = Holder(Registry())
    holder.granted(DOG)
    assert holder.writes("dog").puts
    with pytest.raises(Forbidden):
        holder.writes("cat")


@pytest.mark.parametrize(
    "end",
    [
        lambda registry, id: registry.do(tokens.revoke, id),
        lambda registry, id: registry.do(tokens.rotate, id, Rotation(sha256="0" * 64, overlap=0)),
        lambda registry, id: registry.do(tokens.rotate, id, Rotation(sha256="0" * 64, overlap=30)),
    ],
    ids=["revoked", "another secret", "another secret, and the overlap is over"],
)
def test_one_that_has_ended_since_writes_nothing(end: Any) -> None:
    holder = Holder(registry := Registry())
    end(registry, holder.id)
    with pytest.raises(Unauthenticated):
        holder.writes("cat")


def test_with_an_overlap_the_old_secret_writes_until_its_end() -> None:
    holder = Holder(registry := Registry())
    registry.do(tokens.rotate, holder.id, Rotation(sha256="0" * 64, overlap=120))
    assert holder.writes("cat").puts


def test_one_that_expires_between_the_request_and_its_commit_writes_nothing() -> None:
    registry = Registry()
    registry.at += timedelta(minutes=5)
    holder = Holder(registry, expires_at=registry.at + timedelta(seconds=90))
    with pytest.raises(Unauthenticated):
        holder.writes("cat")
