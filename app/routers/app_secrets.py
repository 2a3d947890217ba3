"""/apps/{app}/secrets, the environment of an instance, and the keys that secrets are sealed with."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from fastapi import Response
from fastapi.routing import APIRouter
from pydantic_core import to_json

from app.errors import InvalidState, NoKeyring
from app.http.context import Call, Ctx
from app.http.declared_responses import changed, committed, read, removed, resource
from app.http.reads import Read
from app.http.ready_answer import json_answer
from app.http.writes import Put, at_key
from app.keyring import KeyMissing, Keyring, NotSealedHere
from app.models import codec, keys
from app.models.base import Deleted
from app.models.names import EnvKey, InstanceId, Name
from app.models.secret import Environment, EnvironmentRequest, Rewritten, Secret, Secrets, SecretSet
from app.registry import app_secrets
from app.registry.app_secrets import SealedSecret
from app.store.contract import Changes, Snapshot
from app.store.records import Record

logger = logging.getLogger("visor.secrets")

router = APIRouter(tags=["secrets"])


def _shown(record: Record) -> bytes:
    return to_json({"rev": record.rev, "secrets": codec.kept(record).get("secrets", {})})


def _no_key(missing: KeyMissing) -> NoKeyring:
    if missing.key_id is None:
        return NoKeyring(
            "Secrets need a keyring, and this service has none: make one with `visor keys new FILE` and start"
            " the service with VISOR_KEYRING_FILE (--keyring-file)."
        )
    return NoKeyring(
        f"The keyring of this service does not have the key {missing.key_id}, with which the secret is"
        " sealed: give it the keyring of the service that has set it."
    )


def _sealed(keyring: Keyring, name: str, value: str) -> SealedSecret:
    try:
        return SealedSecret(to_json(keyring.seal(name, value)), keyring.fingerprint(name, value))
    except KeyMissing as missing:
        raise _no_key(missing) from None


def _opened(keyring: Keyring, record: Record) -> str:
    """The value of a secret. Raises NoKeyring, InvalidState where it was moved here or altered."""
    try:
        return keyring.open(record.key, record.value[1:-1].decode())
    except KeyMissing as missing:
        raise _no_key(missing) from None
    except NotSealedHere:
        app, _, key = record.key.removeprefix(keys.SECRETS).partition(",")
        logger.error("secret %s of app %s does not open: it was altered, or moved from elsewhere", key, app)
        raise InvalidState(
            f"What is kept as secret {key} of app {app} was altered, or moved from elsewhere: set it anew."
        ) from None


def _is(keyring: Keyring, value: str) -> Callable[[Record], bool]:
    def is_same(record: Record) -> bool:
        try:
            return keyring.open(record.key, record.value[1:-1].decode()) == value
        except (KeyMissing, NotSealedHere):
            return False  # what cannot be opened is replaced

    return is_same


@router.get(
    "/apps/{app}/secrets", response_model=Secrets, responses=resource(404), summary="Read an app's secrets"
)
async def get_secrets(app: Name, view: Read) -> Response:
    """Which secrets there are, when each was set, and a fingerprint that changes with its value. Values are
    never shown."""
    return await view.resource(keys.app(app), f"app {app}", _shown)


@router.put(
    "/apps/{app}/secrets/{key}", response_model=Secret, responses=changed(404), summary="Set a secret"
)
async def set_secret(app: Name, key: EnvKey, body: SecretSet, context: Ctx, write: Put) -> Response:
    """Creates or replaces the secret. Setting the value that it already has makes no commit. `no-keyring`
    if the service has no key to seal it with."""
    sealed = _sealed(context.keyring, keys.secret(app, key), body.value)
    is_same = _is(context.keyring, body.value)

    def say(record: Record) -> bytes:
        return to_json({"rev": record.rev, "key": key, "fingerprint": app_secrets.fingerprint(record, key)})

    return await write.answer(
        lambda snapshot, at: app_secrets.put(snapshot, at, app, key, sealed, is_same),
        _app_with(app, key),
        body=say,
    )


@router.delete(
    "/apps/{app}/secrets/{key}", response_model=Deleted, responses=removed(404), summary="Remove a secret"
)
async def remove_secret(app: Name, key: EnvKey, write: Put) -> Response:
    """404 if there is no such secret. The history keeps it, sealed, until its rev is dropped."""
    return await write.delete(
        lambda snapshot, at: app_secrets.remove(snapshot, at, app, key), _app_with(app, key)
    )


def _app_with(app: str, key: str) -> Callable[[Snapshot], Record | None]:
    """The resource that a request for a secret addresses: the app, where it has the secret."""

    def find(snapshot: Snapshot) -> Record | None:
        record = at_key(keys.app(app))(snapshot)
        return record if record is not None and app_secrets.has(record, key) else None

    return find


@router.post(
    "/instances/{id}/env",
    response_model=Environment,
    responses=read(403, 404, 409, 413, 415),
    summary="Read the variables of a process",
)
async def read_environment(id: InstanceId, body: EnvironmentRequest, context: Ctx, call: Call) -> Response:
    """What the process gets: the app's variables, overridden by the env set's, and these by the secrets,
    at their current values. Only for the host that holds the claim on a claimed or running instance. The
    call changes nothing, and no cache may keep the answer."""
    snapshot = await context.store.latest()
    principal, row = call.principal, call.row
    # On the state that is confirmed: a token that was revoked a moment ago opens nothing any more.
    principal.permission(row).guard(lambda snapshot, at: Changes())(snapshot, datetime.now(UTC))
    seen = principal.reach(row, snapshot)
    variables = app_secrets.environment(seen, id, body, lambda record: _opened(context.keyring, record))
    answer = json_answer(to_json({"rev": snapshot.rev, "vars": variables}), snapshot.rev)
    answer.raw_headers.append((b"cache-control", b"no-store"))
    return answer


@router.post(
    "/keys/rewrite",
    response_model=Rewritten,
    responses=committed(),
    summary="Seal secrets with the first key",
)
async def rewrite_secrets(context: Ctx, write: Put) -> Response:
    """Takes up to 100 secrets that are not sealed with the keyring's first key and seals them with it, in
    one commit without events. Repeat the call until `left` is 0 or nothing is rewritten. The history
    keeps the old values, sealed with the old key, until their revs are dropped."""
    keyring, snapshot = context.keyring, await context.store.latest()
    sealed: dict[str, tuple[bytes, bytes]] = {}
    opened: dict[str, str] = {}

    def cannot_open(record: Record) -> bool:
        try:
            opened[record.key] = keyring.open(record.key, record.value[1:-1].decode())
        except (KeyMissing, NotSealedHere):
            return True
        return False

    try:
        sealing = keyring.sealing
    except KeyMissing as missing:
        raise _no_key(missing) from None
    for record in app_secrets.to_rewrite(snapshot, keyring.key_ids, cannot_open):
        sealed[record.key] = record.value, to_json(keyring.seal(record.key, opened[record.key]))
    outcome = await write.commit(
        lambda snapshot, at: app_secrets.rewrite(snapshot, at, sealed), lambda snapshot: None
    )
    left = context.store.stale().count(keys.SECRETS) - context.store.stale().count(
        keys.secrets_sealed_with(sealing)
    )
    answered: dict[str, Any] = {"rev": outcome.rev, "rewritten": outcome.changes.result, "left": left}
    return write.response(to_json(answered), outcome.rev)
