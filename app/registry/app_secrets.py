"""An app's secrets. What is shown of them is part of the app. Their sealed values are stored apart, so
that no read, event or record of the app can contain them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from app.errors import InvalidRequest, InvalidState
from app.models import codec, keys
from app.models.app import App
from app.models.base import rfc3339
from app.models.envset import EnvSet
from app.models.instance import Status
from app.models.secret import EnvironmentRequest
from app.registry.claims import held
from app.registry.readable import readable
from app.registry.state import exists, find, missing
from app.store.contract import Changes, Snapshot
from app.store.records import Record
from app.store.snapshots import scan

MAX_SECRETS = 500
"""Of an app."""

MAX_SEALED = 1024 * 1024
"""Bytes that the sealed secrets of an app take together: a process gets all of them in one answer."""

REWRITTEN = 100
"""Secrets that one commit seals anew."""

REWRITTEN_BYTES = 512 * 1024
"""Bytes of them: etcd takes requests of 1.5 MiB."""

Opens = Callable[[Record], str]
"""Opens what is kept of a secret."""


class SealedSecret(NamedTuple):
    """A new value of a secret: what is kept of it, and what is shown."""

    value: bytes
    fingerprint: str


# - app/{name} (old)
# + app/{name} (secrets with key and its fingerprint)
# + secret/{name},{key}
def put(
    snapshot: Snapshot,
    at: datetime,
    name: str,
    key: str,
    sealed: SealedSecret,
    is_same: Callable[[Record], bool],
) -> Changes:
    """Set a secret. The value it has already makes no commit: `is_same` looks at what is kept. Raises
    NotFound, InvalidRequest where there would be too many or too much of them."""
    record = exists(snapshot, keys.app(name), f"app {name}")
    secrets = _shown(record)
    before = snapshot.get(keys.secret(name, key))
    if key in secrets and before is not None and readable(before) and is_same(before):
        return Changes(answer=record.key)
    if key not in secrets and len(secrets) >= MAX_SECRETS:
        raise InvalidRequest.of(["path", "key"], f"an app has {MAX_SECRETS} secrets at most")
    # The app changes with each of its secrets: who has read it has a guard for all of them.
    others = (other for other in scan(snapshot, keys.secrets_of(name)) if other.key != keys.secret(name, key))
    if sum(len(other.value) for other in others) + len(sealed.value) > MAX_SEALED:
        raise InvalidRequest.of(
            ["body", "value"], f"the secrets of an app take {MAX_SEALED} bytes at most, sealed, together"
        )
    changes = _with(record, at, {**secrets, key: {"fingerprint": sealed.fingerprint}})
    changes.puts[keys.secret(name, key)] = sealed.value
    return changes


# - app/{name} (old)
# + app/{name} (secrets without key)
# - secret/{name},{key}
def remove(snapshot: Snapshot, at: datetime, name: str, key: str) -> Changes:
    """Raises NotFound where the app or the secret is not there."""
    record = exists(snapshot, keys.app(name), f"app {name}")
    secrets = _shown(record)
    if secrets.pop(key, None) is None:
        raise missing(f"secret {key} of app {name}", snapshot)
    changes = _with(record, at, secrets)
    changes.deletes.add(keys.secret(name, key))
    return changes


def has(record: Record, key: str) -> bool:
    """Whether the app has the secret."""
    return key in _shown(record)


def fingerprint(record: Record, key: str) -> str:
    """The fingerprint of a secret that the app has."""
    shown: str = _shown(record)[key]["fingerprint"]
    return shown


def _shown(record: Record) -> dict[str, Any]:
    return dict(codec.kept(record).get("secrets", {}))


def _with(record: Record, at: datetime, secrets: dict[str, Any]) -> Changes:
    app = codec.with_secrets(codec.kept(record), secrets)
    kept = codec.keep({**app, "updated_at": rfc3339(at)})
    return Changes(puts={record.key: kept}, answer=record.key)


def environment(snapshot: Snapshot, id: int, claimer: EnvironmentRequest, opens: Opens) -> dict[str, str]:
    """What the process of an instance gets: the app's variables, over them the env set's, over them the
    secrets. Raises NotFound, NotClaimer, InvalidState where it is neither claimed nor running, and what
    `opens` raises."""
    instance = held(snapshot, id, claimer)
    if instance.status not in (Status.CLAIMED, Status.RUNNING):
        raise InvalidState(
            f"Instance {id} is {instance.status}: only a claimed or running one gets its variables.",
            state=instance.status,
        )
    app, env = instance.kept["app"], instance.kept["env"]
    record = exists(snapshot, keys.app(app), f"app {app}")
    variables = dict(codec.decode(record, App).env)
    if env is not None:
        envset = find(snapshot, keys.envset(app, env), EnvSet)
        if envset is None:
            raise missing(f"env set {env} of app {app}", snapshot)
        variables.update(envset.vars)
    for key in _shown(record):
        kept = snapshot.get(keys.secret(app, key))
        if kept is None or not readable(kept):
            raise InvalidState(f"The value of secret {key} of app {app} is lost: set it anew.")
        variables[key] = opens(kept)
    return variables


def to_rewrite(snapshot: Snapshot, key_ids: tuple[str, ...], skip: Callable[[Record], bool]) -> list[Record]:
    """Secrets that are sealed with other keys than the first of these: as many as one commit takes, without
    those to skip."""
    records: list[Record] = []
    size = 0
    for key_id in key_ids[1:]:
        after = ""
        while page := scan(snapshot, keys.secrets_sealed_with(key_id), after=after, limit=REWRITTEN):
            for record in page:
                if skip(record):
                    continue
                size += len(record.value)
                if records and (len(records) == REWRITTEN or size > REWRITTEN_BYTES):
                    return records
                records.append(record)
            after = page[-1].key
    return records


# - secret/{app},{key} (sealed with an old key), those of the map that are still what they were
# + secret/{app},{key} (sealed with the first)
def rewrite(snapshot: Snapshot, at: datetime, sealed: Mapping[str, tuple[bytes, bytes]]) -> Changes:
    """Put values that were sealed anew, each by its key with what it replaces. The apps do not change."""
    puts = {}
    for key, (old, new) in sealed.items():
        record = snapshot.get(key)
        if record is not None and record.value == old:
            puts[key] = new
    return Changes(puts=puts, result=len(puts))


def key_ids_in_use(snapshot: Snapshot, known: tuple[str, ...]) -> dict[str, int]:
    """How many secrets are sealed with each of the known keys."""
    return {key_id: snapshot.count(keys.secrets_sealed_with(key_id)) for key_id in known}


def unknown_key_ids(snapshot: Snapshot, known: tuple[str, ...]) -> set[str]:
    """The ids of the keys that secrets are sealed with and that are not among the known."""
    if snapshot.count(keys.SECRETS) == sum(key_ids_in_use(snapshot, known).values()):
        return set()
    return {keys.key_id_of(record.value) for record in scan(snapshot, keys.SECRETS)} - set(known)
