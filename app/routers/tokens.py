"""/tokens: who may do what."""

from datetime import UTC, datetime

from fastapi import Response
from fastapi.routing import APIRouter

from app.errors import Forbidden
from app.http.context import Call, Ctx
from app.http.declared_responses import changed, listed, read, removed, resource
from app.http.listing import List
from app.http.principal import Principal
from app.http.reads import Read
from app.http.ready_answer import json_answer
from app.http.writes import Post, Put, at_key
from app.models import keys
from app.models.base import Deleted
from app.models.page import TokenPage
from app.models.token import Rotation, Self, Token, TokenId, TokenSet
from app.registry import tokens

router = APIRouter(tags=["tokens"])


@router.get("/tokens", response_model=TokenPage, responses=listed(), summary="List tokens")
async def list_tokens(listing: List, context: Ctx) -> Response:
    """By id, without their secrets. `last_used_at` is accurate to the hour."""
    return await listing.of(keys.TOKENS, lambda record: tokens.public_json(record, context.store.stale()))


@router.get("/tokens/self", response_model=Self, responses=read(), summary="Read the caller's identity")
async def get_self(call: Call, context: Ctx) -> Response:
    """Who the caller is, and what they may do."""
    principal = call.principal
    kept = tokens.read(principal.record)
    identity = Self(
        id=principal.id,
        name=principal.name,
        grants=list(principal.grants),
        expires_at=_end_of(principal) if kept is None else kept.expires_at,
    )
    return json_answer(identity.model_dump_json().encode(), context.store.rev)


def _end_of(principal: Principal) -> datetime | None:
    """When a certificate expires."""
    return datetime.fromtimestamp(principal.until, UTC) if principal.hosts else None


@router.get("/tokens/{id}", response_model=Token, responses=resource(404), summary="Read a token")
async def get_token(id: TokenId, view: Read, context: Ctx, call: Call) -> Response:
    """Without its secret."""
    answer = await view.resource(
        keys.token(id), f"token {id}", lambda record: tokens.public_json(record, context.store.stale())
    )
    call.lasting = False  # when it was used last is as it is now
    return answer


@router.put("/tokens/{id}", response_model=Token, responses=changed(), summary="Make or change a token")
async def set_token(id: TokenId, body: TokenSet, write: Put, call: Call, context: Ctx) -> Response:
    """The caller makes the id and the secret, and sends only a hash. So the secret is in no body and no
    log, and a retry is safe. A change takes effect with its commit, on open streams too."""
    if call.principal.anonymous:
        raise Forbidden(
            "The first token is not made over HTTP: `visor token create --role admin --name NAME --store "
            "URL` makes it on the store, while no service runs on it; or set VISOR_ADMIN_TOKEN_SHA256.",
            needs="admin",
        )
    return await write.answer(
        lambda snapshot, at: tokens.put(snapshot, at, id, body, call.principal.name),
        at_key(keys.token(id)),
        body=lambda record: tokens.public_json(record, context.store.stale()),
    )


@router.post(
    "/tokens/{id}/rotate", response_model=Token, responses=changed(404), summary="Change a token's secret"
)
async def rotate_token(id: TokenId, body: Rotation, write: Post, context: Ctx) -> Response:
    """The old secret stays valid for `overlap` more seconds."""
    return await write.answer(
        lambda snapshot, at: tokens.rotate(snapshot, at, id, body),
        at_key(keys.token(id)),
        body=lambda record: tokens.public_json(record, context.store.stale()),
    )


@router.delete("/tokens/{id}", response_model=Deleted, responses=removed(404), summary="Revoke a token")
async def revoke_token(id: TokenId, write: Put) -> Response:
    """After this commit the token can do nothing: its streams end, and writes that are in progress fail."""
    return await write.delete(lambda snapshot, at: tokens.revoke(snapshot, at, id), at_key(keys.token(id)))
