"""`visor restore`."""

import argparse
import sys
from pathlib import Path

from app.cli.flags import add_flags, settings_of
from app.cli.progress import progress
from app.cli.store_file import store_file
from app.cli.streams import STANDARD, read_in
from app.registry.readable import index
from app.registry.restored import adjust
from app.store.sqlite.drafts import create_private, drafting
from app.store.sqlite.restore import restore


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor restore`."""
    parser.add_argument("file", help="the backup to read; -: standard input")
    parser.add_argument(
        "--above", type=int, metavar="REV", help="a rev that the restored store must be above"
    )
    add_flags(parser, "store")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    target = store_file(settings_of(arguments).store)
    shown = arguments.file
    if shown == STANDARD:
        shown = "standard input"
        with drafting(target.parent) as directory:
            copy = directory / "standard-input.db"
            create_private(copy)
            read_in(copy, "restore")
            with progress("restoring"):
                rev = restore(copy, target, above=arguments.above, adjust=adjust, index=index, shown=shown)
    else:
        with progress("restoring"):
            rev = restore(Path(shown), target, above=arguments.above, adjust=adjust, index=index)
    sys.stdout.write(f"restored {target} from {shown}: it starts at rev {rev}\n")
    return 0
