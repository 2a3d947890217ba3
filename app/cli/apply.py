"""`visor apply`: a platform as a document."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.calling import Calling, writes
from app.cli.diff import say
from app.errors import StartError

if TYPE_CHECKING:
    from visor_client import Planned

_ENDINGS = (".yaml", ".yml", ".json")


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor apply`."""
    parser.add_argument(
        "-f", dest="file", required=True, metavar="FILE|DIR", help="YAML or JSON; -: from stdin"
    )
    parser.add_argument("--plan", action="store_true", help="show what would change, and change nothing")
    parser.add_argument("--as-planned", metavar="PLAN", help="make exactly the changes of this plan, or none")
    writes(parser, _run, condition=False)


def _run(calling: Calling) -> None:
    flags = calling.flags
    document = read(flags.file)
    if flags.as_planned is not None:
        document["plan"] = flags.as_planned
    if flags.plan:
        flags.dry_run = True
    say_planned(calling, calling.visor.apply_document(document, **calling.given))


def say_planned(calling: Calling, done: "Planned") -> None:
    """What a change of many objects did, or would do."""
    out = calling.out
    if not out.for_people:
        if out.format != "name":
            out.json(done.raw)
            return
        for change in done.changes:
            out.line(change.path)
        return
    for change in done.changes:
        say(out, change)
    for warning in done.warnings:
        out.line(f"warning: {out.cell(warning)}")
    tickets = ""
    if done.started or done.stopped:
        tickets = f", {len(done.started)} started, {len(done.stopped)} stopped"
    if not done.changes and not tickets:
        out.line(f"rev {done.rev}  nothing to do")
    elif calling.flags.dry_run:
        out.line(f"plan {done.plan}")
    else:
        out.line(f"rev {done.rev}  {len(done.changes)} changed{tickets}")


def read(place: str) -> dict[str, Any]:
    """The document of a file, or of all files of a directory as one. Raises StartError."""
    path = Path("/dev/stdin") if place == "-" else Path(place)
    if not path.is_dir():
        return _document(path)
    whole: dict[str, Any] = {}
    files = sorted(each for each in path.iterdir() if each.suffix in _ENDINGS)
    if not files:
        raise StartError(f"{place} has no file that ends in {', '.join(_ENDINGS)}")
    for file in files:
        for name, items in _document(file).items():
            if not isinstance(items, list):
                raise StartError(f"{file}: {name} is no list")
            whole.setdefault(name, []).extend(items)
    return whole


def _document(file: Path) -> dict[str, Any]:
    import yaml

    try:
        text = file.read_text(encoding="utf-8")
        document = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise StartError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise StartError(f"{file} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise StartError(f"{file} has no document: apps and services, by name of what they are")
    return document
