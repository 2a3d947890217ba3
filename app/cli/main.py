"""The `visor` command: finds the command that is meant, and runs it."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from app import __version__
from app.cli.parser import Parser
from app.cli.tree import COMMANDS, LISTED, groups, overview
from app.errors import StartError
from app.slips import nearest

USAGE = 2
"""The exit status where the command line is wrong."""

_FIRST = ("--url", "--context", "--ca")
"""Flags that may stand before the command."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status. A StartError is one line on standard error, and 1."""
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        status = _run(given)
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


def _run(given: list[str]) -> int:
    given, ahead = _after_the_first_flags(given)
    if not given or given[0] in ("-h", "--help"):
        return _help(None, 0 if given else USAGE)
    if given[0] == "--version":
        sys.stdout.write(f"visor {__version__}\n")
        return 0
    name, rest = _find(given)
    if name is None:
        return _unknown(given)
    parser = parser_of(name)
    arguments = parser.parse_args([*rest, *ahead])
    status: int = arguments.run(arguments)
    return status


def parser_of(name: str) -> Parser:
    """The parser of a command."""
    command = COMMANDS[name]
    description = f"{command.help[:1].upper()}{command.help[1:]}." if command.help else None
    parser = Parser(prog=f"visor {name}", description=description)
    module, _, function = command.where.partition(":")
    getattr(import_module(f"app.cli.{module}"), function)(parser)
    return parser


def _after_the_first_flags(given: list[str]) -> tuple[list[str], list[str]]:
    ahead: list[str] = []
    while given and given[0].partition("=")[0] in _FIRST:
        count = 1 if "=" in given[0] else 2
        ahead, given = [*ahead, *given[:count]], given[count:]
    return given, ahead


def _find(given: list[str]) -> tuple[str | None, list[str]]:
    if " ".join(given[:2]) in LISTED:
        return " ".join(given[:2]), given[2:]
    group = groups().get(given[0])
    if group is not None and (given[0] not in COMMANDS or given[1:2] in (["-h"], ["--help"])):
        return None, given[1:]
    if group is not None and len(given) > 2 and not given[2].startswith("-"):
        return None, given[1:]  # what shows one thing takes one name
    return (given[0], given[1:]) if given[0] in COMMANDS else (None, [])


def _unknown(given: list[str]) -> int:
    """A group without its command, or a slip."""
    group = groups().get(given[0])
    if group is not None:
        if given[1:2] in ([], ["-h"], ["--help"]):
            return _help(given[0], 0 if given[1:] else USAGE)
        return _refuse(f"{given[0]} {given[1]}", [f"{given[0]} {each}" for each in group])
    return _refuse(given[0], [*LISTED, *groups(), *COMMANDS])


def _refuse(name: str, known: list[str]) -> int:
    meant = nearest(name, known)
    hint = f"; did you mean {meant}?" if meant else "; `visor --help` lists them"
    sys.stderr.write(f"visor: there is no command {name}{hint}\n")
    return USAGE


def _help(group: str | None, status: int) -> int:
    out = sys.stderr if status else sys.stdout
    head = f"usage: visor {group or 'COMMAND'} ..\n"
    more = (
        "" if group else "\n\n`visor COMMAND --help` has the flags of each. --version prints the version.\n"
    )
    out.write(f"{head}{overview(group)}{more or chr(10)}")
    if group in COMMANDS:
        out.write(f"\n{parser_of(group).format_help()}")
    return status
