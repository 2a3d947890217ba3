"""`visor secret ..`: secrets of an app. Their values are never shown."""

import argparse
import getpass
import sys

from app.cli.calling import Calling, reads
from app.cli.output import Column
from app.cli.shapes import arg, writing


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
        secrets = calling.visor.get_secrets(calling.flags.app, **calling.moment)
        shown = [_Shown(key, raw) for key, raw in sorted(secrets.secrets.items())]
        calling.out.items(shown, _COLUMNS, secrets.rev, "no secrets")

    reads(parser, run)


# The value is no argument: those stand in the list of processes. What is only printed has none.
put = writing(
    lambda c: c.visor.set_secret(c.flags.app, c.flags.key, "" if c.flags.curl else _value(), **c.given),
    "{flags.app}: secret {flags.key} set, fingerprint {made.fingerprint}",
    "app",
    arg("key", metavar="KEY", help="the value is asked for, or comes from standard input"),
)


def _value() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Value: ")
    text = sys.stdin.read()
    return text.removesuffix("\n")


unset = writing(
    lambda c: c.visor.remove_secret(c.flags.app, c.flags.key, **c.given),
    "{flags.app}: secret {flags.key} removed",
    "app",
    arg("key", metavar="KEY"),
)
