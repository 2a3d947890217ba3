"""The `visor` command: which commands there are. What one needs is imported when it is run."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from app import __version__
from app.cli.parser import Parser
from app.errors import StartError


class Command(NamedTuple):
    """`declare` of the module tells the command's parser its arguments, and the function that runs it."""

    module: str
    help: str
    description: str


COMMANDS = {
    "serve": Command("app.cli.serve", "run the service", "Run the service."),
    "backup": Command(
        "app.cli.backup", "copy the store to a file", "Copy the store to a file; the service may run."
    ),
    "restore": Command(
        "app.cli.restore",
        "put a backup in the store's place",
        "Put a backup in the store's place; the service must not run. No rev is given twice.",
    ),
    "openapi": Command("app.cli.openapi", "print openapi.yaml", "Print openapi.yaml."),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status. A StartError is one line on standard error, and 1."""
    given = list(sys.argv[1:] if argv is None else argv)
    arguments = _parser(given).parse_args(given)
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except StartError as error:
        sys.stderr.write(f"visor: {error}\n")
        return 1
    except BrokenPipeError:
        # Whoever read it has enough. What is left must not be written at the end, where it would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return status


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """A parser that knows the arguments of the command that is given, and only the names of the others."""
    parser = Parser(prog="visor", description="The registry of what runs on a platform.")
    parser.add_argument("--version", action="version", version=f"visor {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    wanted = next((word for word in given if not word.startswith("-")), None)
    for name, command in COMMANDS.items():
        declared = commands.add_parser(name, help=command.help, description=command.description)
        if name == wanted:
            import_module(command.module).declare(declared)
    return parser
