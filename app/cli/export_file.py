"""The file of an export, looked through on this machine: what it has, and whether it is whole."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.errors import StartError

MAGIC = b'{"visor":'
"""How the first line begins."""

MAX_LINE = 2 * 1024 * 1024
"""Bytes of a line that are read at most: what is longer is no export."""


@dataclass(slots=True)
class Contents:
    """`problem` says why the file is not what was exported; "" where it is whole."""

    header: dict[str, Any] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    problem: str = ""

    @property
    def objects(self) -> int:
        return sum(self.counts.values())


def is_export(path: Path) -> bool:
    """Whether the file says that it is one. Raises StartError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise StartError(f"{path} cannot be read ({error.strerror}): name another file") from error


def look_through(path: Path) -> Contents:
    """Read all of an export. Raises StartError where the file cannot be read."""
    contents, seen, end = Contents(), hashlib.sha256(), None
    try:
        with path.open("rb") as file:
            while line := file.readline(MAX_LINE):
                if end is not None:
                    contents.problem = "it goes on after its last line"
                    return contents
                entry = _read(line)
                if entry is None:
                    break
                if not contents.header:
                    contents.header = entry
                elif entry.get("end"):
                    end = entry
                    continue
                else:
                    contents.counts[_kind(entry)] += 1
                seen.update(line)
    except OSError as error:
        raise StartError(f"{path} cannot be read ({error.strerror}): try again") from error
    if end is None:
        contents.problem = f"it was cut off after {contents.objects} objects: export again"
    elif end.get("objects") != contents.objects or end.get("sha256") != seen.hexdigest():
        contents.problem = "it was changed: its sum is not that of its lines"
    return contents


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


_KINDS = {
    "revisions": "revisions",
    "envs": "env sets",
    "proctypes": "proctypes",
    "scale": "targets of scales",
    "endpoints": "endpoints",
}


def _kind(entry: dict[str, Any]) -> str:
    """What a line is called: `env sets`."""
    if entry.get("ended"):
        return "ended instances"
    parts = str(entry.get("path", "")).split("/")[1:]
    inner = [part for part in parts[2::2] if part in _KINDS]
    return _KINDS[inner[-1]] if inner else (parts[0] if parts else "others")
