"""`visor backup`."""

import argparse
import sys
from pathlib import Path

from app.cli.flags import add_flags, settings_of
from app.cli.progress import progress
from app.cli.store_file import store_file
from app.cli.streams import STANDARD, write_out
from app.store.sqlite.backup import backup
from app.store.sqlite.drafts import drafting


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor backup`."""
    parser.add_argument("file", help="the backup to write, which must not exist; -: standard output")
    add_flags(parser, "store")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    source = store_file(settings_of(arguments).store)
    if arguments.file == STANDARD:
        # It is made whole first: what has gone out cannot be taken back.
        with drafting(source.parent) as directory:
            copy = directory / "standard-output.db"
            with progress(f"copying {source.name}"):
                backup(source, copy)
            write_out(copy, "backup")
        sys.stderr.write(f"backed up {source} to standard output\n")
    else:
        with progress(f"copying {source.name}"):
            backup(source, Path(arguments.file))
        sys.stdout.write(f"backed up {source} to {arguments.file}\n")
    return 0
