"""Tokens and sessions: who may do what."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Unpack

from visor_client.options import Moment, Post, Write, given, path
from visor_client.records import Caller, Deleted, Token
from visor_client.sync.listing import Listing
from visor_client.sync.transport import Transport


class Tokens(Transport):
    """The calls under /tokens. Whoever makes a token makes its secret, and sends the SHA-256 of the whole
    token."""

    def list_tokens(self, *, limit: int | None = None, **moment: Unpack[Moment]) -> Listing[Token]:
        """All tokens, by id, without their secrets."""
        return self.list(Token, "/tokens", moment, limit)

    def get_self(self) -> Caller:
        """Who the caller is, and what they may do."""
        return self.get(Caller, "/tokens/self", {})

    def get_token(self, id: str, **moment: Unpack[Moment]) -> Token:
        """A token, without its secret."""
        return self.get(Token, path("tokens", id), moment)

    def set_token(
        self,
        id: str,
        name: str,
        grants: Sequence[Mapping[str, Any]],
        *,
        sha256: str | None = None,
        expires_at: datetime | None = None,
        **options: Unpack[Write],
    ) -> Token:
        """Make a token, or change it; without `sha256` it keeps the secret that it has."""
        expires = None if expires_at is None else expires_at.isoformat()
        body = given(name=name, grants=grants, sha256=sha256, expires_at=expires)
        return self.write(Token, "PUT", path("tokens", id), options, body)

    def rotate_token(self, id: str, sha256: str, *, overlap: int = 0, **options: Unpack[Post]) -> Token:
        """A new secret; the old one is valid for `overlap` seconds more."""
        body = {"sha256": sha256, "overlap": overlap}
        return self.write(Token, "POST", path("tokens", id, "rotate"), options, body)

    def revoke_token(self, id: str, **options: Unpack[Write]) -> Deleted:
        """Nothing is done by it after this commit."""
        return self.write(Deleted, "DELETE", path("tokens", id), options)

    def begin_session(self) -> str:
        """The `Set-Cookie` with which a page of the service may read, in place of this client's token."""
        return (self.request("POST", "/session")).headers["Set-Cookie"]

    def end_session(self) -> str:
        """The `Set-Cookie` with which a browser forgets it."""
        return (self.request("DELETE", "/session")).headers["Set-Cookie"]
