"""From the setting `store` to the store it names."""

from pathlib import Path

from app.errors import StartError
from app.store.contract import Index, Store
from app.store.embedded import EmbeddedStore
from app.store.memory import NoLog
from app.store.sqlite import SqliteLog

_KNOWN = "`sqlite:///relative.db`, `sqlite:////absolute/path.db` or `memory:`"


def open_store(url: str, index: Index, *, history: int, memory_revs: int) -> Store:
    """The store that the URL names, not opened yet. Raises StartError.

    `history` revs are kept; the newest `memory_revs` of them in memory.
    """
    if url == "memory:":
        return EmbeddedStore(NoLog(), index, history=history, memory_revs=history)
    return EmbeddedStore(SqliteLog(sqlite_path(url)), index, history=history, memory_revs=memory_revs)


def sqlite_path(url: str) -> Path:
    """The file that a `sqlite:` URL names. Raises StartError for anything else."""
    scheme, colon, rest = url.partition(":")
    if not colon or scheme != "sqlite":
        # Only the scheme is repeated: what comes after may hold a password.
        named = f"{scheme}:" if colon else "a text without a scheme"
        raise StartError(f"store: {named} is no store this version has: write {_KNOWN}")
    path = rest.removeprefix("///")
    if path == rest or path in ("", ":memory:") or path.endswith("/") or "\0" in path:
        raise StartError(f"store: that `sqlite:` URL names no file: write {_KNOWN}")
    return Path(path)
