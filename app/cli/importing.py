"""`visor import`: the objects of an export, put into a registry."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from app.cli.calling import Calling, shared
from app.cli.export_file import look_through
from app.cli.progress import passing, progress
from app.cli.streams import STANDARD
from app.errors import StartError

PART = 64 * 1024


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor import`."""
    parser.add_argument("file", help="what `visor export` has written; -: standard input")
    parser.add_argument(
        "--mode",
        choices=("empty", "merge"),
        default="empty",
        help="empty: into a registry that has nothing else; merge: beside what there is (empty)",
    )
    parser.add_argument("-m", dest="reason", metavar="WHY", help="the reason, which is kept with the commit")
    parser.add_argument("--dry-run", action="store_true", help="show what would happen, and change nothing")
    parser.set_defaults(if_rev=None)
    shared(parser, _run)


def _run(calling: Calling) -> None:
    flags = calling.flags
    if flags.file == STANDARD:
        if sys.stdin.isatty():
            raise StartError("`visor import -` reads from standard input: send it a file with <")
        _send(calling, sys.stdin.buffer, None)
        return
    file = Path(flags.file)
    # Before anything is sent: a service could see it in a large file only when most of it is imported.
    problem = look_through(file).problem if not flags.curl else ""
    if problem:
        raise StartError(f"{file} is not what was exported: {problem}")
    with file.open("rb") as opened:
        _send(calling, opened, file.stat().st_size)


def _send(calling: Calling, source: BinaryIO, size: int | None) -> None:
    flags = calling.flags
    what = "trying" if flags.dry_run else "importing"
    with progress(what, size, in_bytes=True) as advance:
        done = calling.visor.import_objects(
            passing(_parts(source), advance), mode=flags.mode, **calling.given
        )
    counts = f"{done.imported} imported, {done.unchanged} unchanged, {done.left} left as they are"
    calling.changed(done, f"{done.objects} objects: {counts} ({done.commits} commits)")
    if not calling.out.for_people:
        return
    for each in done.ports:
        calling.out.line(f"{each.path}: port {each.was} was taken, it has {each.port}")
    if done.secrets:
        calling.out.line(
            f"{done.secrets} secrets came without their values: set each anew, `visor secret set APP KEY`"
        )


def _parts(source: BinaryIO) -> Iterator[bytes]:
    while part := source.read(PART):
        yield part
