"""Tokens on the store itself, which no service holds: the calls for tokens that the client has."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from app.cli.flags import settings_of
from app.errors import RequestError, StartError
from app.main import build_context
from app.models import keys
from app.models.token import Rotation, TokenSet
from app.registry import tokens
from app.registry.state import exists
from app.store.contract import Changes, Store
from app.store.records import Origin
from app.store.snapshots import scan
from visor_client.decoding import read
from visor_client.records import Deleted, Token

_ORIGIN = Origin("visor", "visor token")

T = TypeVar("T")


class TokenList:
    """All of them, and the rev."""

    def __init__(self, items: list[Token], rev: int) -> None:
        self._items = items
        self.rev = rev

    def all(self) -> list[Token]:
        """As of a client's list."""
        return self._items


class TokenStore:
    """Each call opens the store, and closes it. Raises StartError: a refusal, or the store is in use."""

    def __init__(self, flags: argparse.Namespace) -> None:
        self._settings = settings_of(flags)
        if self._settings.store == "memory:":
            raise StartError("a `memory:` store keeps no token: set VISOR_ADMIN_TOKEN_SHA256 for it")

    def list_tokens(self) -> TokenList:
        """By id."""

        async def work(store: Store) -> TokenList:
            snapshot = await store.latest()
            listed = [_token(tokens.public_json(record, snapshot)) for record in scan(snapshot, keys.TOKENS)]
            return TokenList(listed, snapshot.rev)

        return self._run(work)

    def get_token(self, id: str) -> Token:
        """One, without its secret."""

        async def work(store: Store) -> Token:
            snapshot = await store.latest()
            return _token(tokens.public_json(exists(snapshot, keys.token(id), f"token {id}"), snapshot))

        return self._run(work)

    def set_token(
        self, id: str, name: str, grants: list[Any], *, sha256: str, expires_at: datetime | None
    ) -> Token:
        """Make one."""
        expires = None if expires_at is None else expires_at.isoformat()
        given = {"name": name, "grants": grants, "expires_at": expires, "sha256": sha256}

        def rule(snapshot: Any, at: datetime) -> Changes:
            return tokens.put(snapshot, at, id, TokenSet.model_validate(given), "visor")

        return self._change(rule)

    def rotate_token(self, id: str, sha256: str, *, overlap: int) -> Token:
        """Another secret."""
        given = Rotation.model_validate({"sha256": sha256, "overlap": overlap})
        return self._change(lambda snapshot, at: tokens.rotate(snapshot, at, id, given))

    def revoke_token(self, id: str) -> Deleted:
        """End one."""

        async def work(store: Store) -> Deleted:
            outcome = await store.transact(lambda snapshot, at: tokens.revoke(snapshot, at, id), _ORIGIN)
            return Deleted(outcome.rev, raw={"rev": outcome.rev})

        return self._run(work)

    def _change(self, rule: Callable[[Any, datetime], Changes]) -> Token:
        async def work(store: Store) -> Token:
            outcome = await store.transact(rule, _ORIGIN)
            assert outcome.record is not None
            return _token(tokens.public_json(outcome.record, store.stale()))

        return self._run(work)

    def _run(self, work: Callable[[Store], Awaitable[T]]) -> T:
        async def opened() -> T:
            store = build_context(self._settings).store
            await store.open()
            try:
                return await work(store)
            except RequestError as error:
                raise StartError(error.detail) from None
            except ValidationError as error:
                first = error.errors()[0]
                raise StartError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
            finally:
                await store.close()

        return asyncio.run(opened())


def _token(value: bytes) -> Token:
    return read(Token, from_json(value))
