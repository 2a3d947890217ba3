"""`visor secret ..`: secrets of an app. Their values are never shown."""

import argparse
import getpass
import sys

from app.cli.calling import Calling, reads, writes
from app.cli.output import Column


class _Shown:
    """A secret as the list shows it."""

    def __init__(self, key: str, raw: dict[str, object]) -> None:
        self.key = key
        self.raw = {"key": key, **raw}


_COLUMNS = [
    Column("KEY", lambda secret: secret.key),
    Column("FINGERPRINT", lambda secret: secret.raw["fingerprint"]),
    Column("REV", lambda secret: secret.raw["rev"]),
]


def show_all(parser: argparse.ArgumentParser) -> None:
    """`visor secret list`."""
    parser.add_argument("app")

    def run(calling: Calling) -> None:
        found = calling.visor.get_secrets(calling.flags.app, **calling.moment)
        shown = [_Shown(key, raw) for key, raw in sorted(found.secrets.items())]
        calling.out.items(shown, _COLUMNS, found.rev, "no secrets")

    reads(parser, run)


def put(parser: argparse.ArgumentParser) -> None:
    """`visor secret set`. The value is no argument: those stand in the list of processes."""
    parser.add_argument("app")
    parser.add_argument("key", metavar="KEY", help="the value is asked for, or comes from standard input")

    def run(calling: Calling) -> None:
        flags = calling.flags
        made = calling.visor.set_secret(flags.app, flags.key, _value(), **calling.given)
        calling.changed(made, f"{flags.app}: secret {flags.key} set, fingerprint {made.fingerprint}")

    writes(parser, run)


def _value() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Value: ")
    text = sys.stdin.read()
    return text.removesuffix("\n")


def unset(parser: argparse.ArgumentParser) -> None:
    """`visor secret unset`."""
    parser.add_argument("app")
    parser.add_argument("key", metavar="KEY")

    def run(calling: Calling) -> None:
        flags = calling.flags
        done = calling.visor.remove_secret(flags.app, flags.key, **calling.given)
        calling.changed(done, f"{flags.app}: secret {flags.key} removed")

    writes(parser, run)
