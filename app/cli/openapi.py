"""`visor openapi`."""

import argparse
import sys
from pathlib import Path

from app import openapi
from app.cli.streams import STANDARD
from app.errors import StartError
from app.main import create_app
from app.settings import Settings


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor openapi`."""
    parser.add_argument(
        "file", nargs="?", default=STANDARD, help="the file to write; -, the default: standard output"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    document = openapi.to_yaml(create_app(Settings(store="memory:")).api.openapi())
    if arguments.file == STANDARD:
        sys.stdout.write(document)
        return 0
    try:
        Path(arguments.file).write_text(document, encoding="utf-8")
    except OSError as error:
        raise StartError(f"{arguments.file} cannot be written: {error.strerror}") from error
    return 0
