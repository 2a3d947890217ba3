"""From the setting `store` to the store it names."""

from pathlib import Path
from typing import Any

from app.errors import StartError
from app.store.contract import NO_FENCES, Fences, Index, Store
from app.store.embedded.memory_log import NoLog
from app.store.embedded.store import EmbeddedStore
from app.store.etcd.access import EtcdAccess, place_of
from app.store.sqlite.log import SqliteLog

_FILES = "`sqlite:///relative.db`, `sqlite:////absolute/path.db`"
_KNOWN = f"{_FILES}, `memory:` or `etcd://host:2379,host:2379/prefix`"


def open_store(
    url: str,
    index: Index,
    *,
    history: int,
    history_bytes: int | None = None,
    memory_revs: int,
    memory_bytes: int | None = None,
    commit_timeout: float = 2.5,
    fences: Fences = NO_FENCES,
    access: EtcdAccess | None = None,
) -> Store:
    """The store that the URL names, not opened yet. Raises StartError.

    `history` revs are kept, fewer where they take more than `history_bytes`; the newest `memory_revs` of them
    in memory, fewer where they take more than `memory_bytes`. A write that is not durable after
    `commit_timeout` seconds is answered that its outcome is unknown. `fences` and `access` are for etcd.
    """
    if url == "memory:":
        return EmbeddedStore(
            NoLog(), index, history=history, history_bytes=history_bytes, memory_revs=history
        )
    bounds: dict[str, Any] = {
        "history": history,
        "history_bytes": history_bytes,
        "memory_revs": memory_revs,
        "memory_bytes": memory_bytes,
        "commit_timeout": commit_timeout,
    }
    if url.startswith("etcd:"):
        return _etcd(url, index, fences, access or EtcdAccess(), bounds)
    return EmbeddedStore(SqliteLog(sqlite_path(url)), index, **bounds)


def _etcd(url: str, index: Index, fences: Fences, access: EtcdAccess, bounds: dict[str, Any]) -> Store:
    # Here, and not above: a store in a file need not wait for gRPC to load.
    from app.store.etcd.client.client import EtcdClient
    from app.store.etcd.layout import prefix_of_path
    from app.store.etcd.store import EtcdStore

    place = place_of(url, access)
    access.check()
    access.warn(place.endpoints)

    def connect() -> EtcdClient:
        return EtcdClient(
            place.endpoints,
            user=access.user,
            password=access.password,
            ca=access.ca,
            cert=access.cert,
            key=access.key,
        )

    return EtcdStore(connect, prefix_of_path(place.path), index, fences, user=access.user, **bounds)


def sqlite_path(url: str) -> Path:
    """The file that a `sqlite:` URL names. Raises StartError for anything else."""
    scheme, colon, rest = url.partition(":")
    if not colon or scheme != "sqlite":
        # Only the scheme is repeated: what comes after may hold a password.
        named = f"{scheme}:" if colon else "a text without a scheme"
        raise StartError(f"store: {named} is no store this version has: write {_KNOWN}")
    path = rest.removeprefix("///")
    if path == rest or path in ("", ":memory:") or path.endswith("/") or "\0" in path:
        raise StartError(f"store: that `sqlite:` URL names no file: write {_FILES}")
    return Path(path)
