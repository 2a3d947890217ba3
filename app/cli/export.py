"""`visor export`: the registry at one moment, as lines of JSON."""

import argparse
import sys

from app.cli.calling import Calling, reads
from app.cli.progress import passing, progress


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor export`."""
    parser.add_argument("path", nargs="?", default="/", help="only what is at this path or below it")
    parser.add_argument("--include", choices=("declared", "instances", "all"), help="which kinds (all)")
    reads(parser, _run, watch=False, formats=False)


def _run(calling: Calling) -> None:
    flags = calling.flags
    lines = calling.visor.export_objects(flags.path, include=flags.include, **calling.moment)
    # Of lines that go to the terminal themselves nobody needs to be told.
    with progress("exporting", in_bytes=True, shown=not calling.out.terminal) as advance:
        for line in passing(lines, advance):
            sys.stdout.write(line.decode())
