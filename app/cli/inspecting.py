"""`visor inspect`: what a file is."""

import argparse
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from app.cli.calling import REFUSED
from app.cli.export_file import Contents, is_export, look_through
from app.cli.output import FORMATS, Output, rfc3339
from app.cli.progress import progress
from app.errors import StartError

if TYPE_CHECKING:
    from app.store.records import Record

_CALLED = {
    "app": "apps",
    "revision": "revisions",
    "envset": "env sets",
    "proctype": "proctypes",
    "scale": "targets of scales",
    "service": "services",
    "endpoint": "endpoints",
    "runner": "runners",
    "member": "members",
    "secret": "secrets",
    "token": "tokens",
}
_ORDER = (*_CALLED.values(), "instances", "ended instances")


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor inspect`."""
    parser.add_argument("file", type=Path, help="a store, a backup or an export; no service is needed")
    formats = ", ".join(FORMATS)
    parser.add_argument("-o", dest="format", choices=FORMATS, default="table", metavar="FORMAT", help=formats)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    file: Path = arguments.file
    with progress(f"reading {file.name}"):
        contents = _of_export(look_through(file)) if is_export(file) else _of_store(file)
    _tell(Output(arguments.format), file, contents)
    return 0 if contents["whole"] else REFUSED


def _of_export(contents: Contents) -> dict[str, Any]:
    header = contents.header
    return {
        "kind": "export",
        "whole": not contents.problem,
        "problem": contents.problem or None,
        **{name: header.get(name) for name in ("schema", "rev", "at", "next")},
        "counts": contents.counts,
    }


def _of_store(file: Path) -> dict[str, Any]:
    from app.store.sqlite.inventory import inventory

    try:
        contents = inventory(file, _called)
    except StartError as error:
        if "is not a Visor store" in str(error):
            raise StartError(f"{file} is neither a store nor a backup nor an export of Visor") from error
        raise
    state = contents.state
    return {
        "kind": state.kind,
        "whole": True,
        "problem": None,
        "schema": contents.schema,
        "rev": state.rev,
        "oldest_rev": state.oldest_rev,
        "at": None if contents.at is None else contents.at.isoformat(),
        "id": state.store_id,
        "counts": contents.counts,
    }


def _called(record: "Record") -> str | None:
    kind = record.key.partition("/")[0]
    if kind == "instance":
        return "ended instances" if record.value.startswith(b'{"ended":') else "instances"
    return _CALLED.get(kind)


def _tell(out: Output, file: Path, contents: dict[str, Any]) -> None:
    counts: Mapping[str, int] = contents["counts"]
    contents["objects"] = sum(counts.values())
    at = contents["at"]
    fields = [
        ("kind", contents["kind"]),
        ("whole", "yes" if contents["whole"] else f"no: {contents['problem']}"),
        ("schema", contents["schema"]),
        ("rev", contents["rev"]),
        *([("oldest rev", contents["oldest_rev"])] if "oldest_rev" in contents else []),
        ("at", rfc3339(datetime.fromisoformat(at)) if at else None),
        *((name, counts[name]) for name in sorted(counts, key=_place)),
    ]
    out.details(SimpleNamespace(raw=contents), fields, file)


def _place(name: str) -> tuple[int, str]:
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)
