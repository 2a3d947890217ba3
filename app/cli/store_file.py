"""The file of an embedded store, for the commands that work on it."""

from pathlib import Path

from app.errors import StartError
from app.store.open import sqlite_path


def store_file(url: str) -> Path:
    """The file that the setting `store` names. Raises StartError where the store is no file."""
    if url.startswith("etcd:"):
        raise StartError(
            "the registry is in etcd, which makes its own backups: `etcdctl snapshot save FILE` on one "
            "member, and to bring it back `etcdutl snapshot restore FILE --bump-revision 1000000000 "
            "--mark-compacted` for each; docs/operations.md has every step"
        )
    if url == "memory:":
        raise StartError("a `memory:` store keeps nothing: name a store in a file, `sqlite:///path`")
    return sqlite_path(url)
