"""A backup of the store's file, made while a service may run on it."""

import os
import shutil
from pathlib import Path

import apsw

from app.errors import StartError
from app.store.sqlite.copying import copy_store
from app.store.sqlite.drafts import drafting
from app.store.sqlite.examine import why
from app.store.sqlite.file import resolved, sync_path
from app.store.sqlite.schema import BACKUP


def backup(source: Path, target: Path) -> None:
    """Copy the store to a new file, as of one rev.

    The copy is marked as a backup, so that no service starts on it by mistake. It has its name only when it
    is whole and on the disk. Raises StartError.
    """
    try:
        _backup(resolved(source), resolved(target))
    except (apsw.Error, OSError) as error:
        raise StartError(
            f"the backup to {target} failed ({why(error)}): mend that and run it again"
        ) from error


def _backup(source: Path, target: Path) -> None:
    if not source.is_file():
        raise StartError(f"{source} does not exist: name the store's file")
    if not target.parent.is_dir():
        raise StartError(f"the directory of {target} does not exist: make it, or name another file")
    if target.exists() or target.is_symlink():
        raise _exists(target)
    with drafting(target.parent) as directory:
        draft = directory / "backup.db"
        copy_store(source, draft, BACKUP)
        shutil.copymode(source, draft)
        sync_path(draft)
        _publish(draft, target)
        sync_path(target.parent)


def _publish(draft: Path, target: Path) -> None:
    # A link, not a rename: it fails where somebody has made the target meanwhile.
    try:
        os.link(draft, target)
    except FileExistsError as error:
        raise _exists(target) from error
    except OSError:  # a file system without links
        os.rename(draft, target)


def _exists(target: Path) -> StartError:
    return StartError(f"{target} exists: name a file that does not, a backup overwrites nothing")
