"""Before a registry in etcd is served: whether etcd lets the service in, is to be trusted, and holds a schema
that this version knows."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from app.errors import StartError
from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import Denied, PermissionDenied, StaleToken
from app.store.etcd.client.requests import Compare, Put
from app.store.etcd.layout import (
    BEGAN_KEY,
    JOURNAL,
    SCHEMA,
    SCHEMA_KEY,
    STORE_KEY,
    RevisionJournal,
    WriteEntry,
    entry_value,
)
from app.store.records import Journal

logger = logging.getLogger(__name__)


def denial(error: Denied, user: str, prefix: str) -> str:
    """What to do where etcd does not let the service in, or not to its keys."""
    if isinstance(error, StaleToken) and not user:
        return f"etcd wants a user: set VISOR_ETCD_USER and VISOR_ETCD_PASSWORD ({error})"
    if isinstance(error, PermissionDenied):
        return (
            f"etcd refuses the user {user!r} the keys that begin with `{prefix}` (no slash "
            "before it): grant them, with `etcdctl role grant-permission ROLE --prefix=true readwrite "
            f"{prefix}`"
        )
    return f"etcd refuses the user {user!r}: look at VISOR_ETCD_USER and VISOR_ETCD_PASSWORD ({error})"


async def check_versions(client: EtcdClient) -> None:
    """Warn of members with known faults. Raises EtcdError where no member answers."""
    requests = (client.status(endpoint) for endpoint in client.endpoints)
    answers = await asyncio.gather(*requests, return_exceptions=True)
    for status in answers:
        if not isinstance(status, BaseException) and not status.progress_trusted:
            logger.warning(
                "etcd %s at %s has known faults: 3.4.25 and 3.5.8 are the first to trust",
                status.version,
                status.endpoint,
            )
    if all(isinstance(status, BaseException) for status in answers):
        raise next(status for status in answers if isinstance(status, BaseException))


async def check_schema(client: EtcdClient, prefix: str, clock: Callable[[], datetime]) -> None:
    """Have the registry there in the schema of this version. Raises StartError, EtcdError."""
    key = (prefix + SCHEMA_KEY).encode()
    answer = await client.range(key)
    try:
        version = int(answer.kvs[0].value) if answer.kvs else SCHEMA
    except ValueError:
        raise StartError(f"{key.decode()} in etcd is no schema's number: another program's?") from None
    if version > SCHEMA:
        raise StartError(
            f"the registry in etcd has schema {version}, this version knows {SCHEMA}: use a newer Visor"
        )
    missing: dict[str, bytes] = {}
    if not answer.kvs or version < SCHEMA:
        missing[SCHEMA_KEY] = b"%d" % SCHEMA
    if version < SCHEMA:
        # What an older schema has kept is read alike; its history is not, and ends here.
        missing[BEGAN_KEY] = b"%d" % SCHEMA
    if not (await client.range((prefix + STORE_KEY).encode())).kvs:
        # It is new, or was made by a version that gave no id.
        missing[STORE_KEY] = uuid4().hex.encode()
    if missing:
        # Of several that start at a time one writes them; for the others nothing is to do.
        known = Compare(key, "mod_revision", "=", answer.kvs[0].mod_revision if answer.kvs else 0)
        await _put(client, prefix, known, missing, clock())


async def _put(
    client: EtcdClient, prefix: str, known: Compare, missing: dict[str, bytes], at: datetime
) -> None:
    """In a commit of its own, where what is known still holds."""
    entry = RevisionJournal(uuid4().hex, 0, 0, (WriteEntry(Journal(at, "visor", "schema")),))
    puts = [*missing.items(), (JOURNAL, entry_value(entry))]
    await client.txn([known], [Put((prefix + key).encode(), value) for key, value in puts])
