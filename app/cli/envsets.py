"""`visor env-set ..`: env sets of an app."""

import argparse

from app.cli.calling import Calling, reads, writes
from app.cli.env import assignments
from app.cli.output import Column

_COLUMNS = [
    Column("REF", lambda envset: envset.ref),
    Column("VARIABLES", lambda envset: len(envset.vars)),
    Column("CREATED", lambda envset: envset.created_at),
    Column("REV", lambda envset: envset.rev),
]


def show_all(parser: argparse.ArgumentParser) -> None:
    """`visor env-set list`."""
    parser.add_argument("app")

    def run(calling: Calling) -> None:
        listing = calling.visor.list_envsets(calling.flags.app, **calling.moment)
        calling.out.items(listing.all(), _COLUMNS, listing.rev, "no env sets")

    reads(parser, run)


def show(parser: argparse.ArgumentParser) -> None:
    """`visor env-set show`."""
    parser.add_argument("app")
    parser.add_argument("ref")

    def run(calling: Calling) -> None:
        envset = calling.visor.get_envset(calling.flags.app, calling.flags.ref, **calling.moment)
        if not calling.out.for_people:
            calling.out.details(envset, [], envset.ref)
            return
        for key, value in sorted(envset.vars.items()):
            calling.out.line(f"{key}={value}")

    reads(parser, run)


def create(parser: argparse.ArgumentParser) -> None:
    """`visor env-set create`."""
    parser.add_argument("app")
    parser.add_argument("ref")
    parser.add_argument("vars", nargs="*", metavar="KEY=VALUE")

    def run(calling: Calling) -> None:
        flags = calling.flags
        made = calling.visor.register_envset(flags.app, flags.ref, assignments(flags.vars), **calling.given)
        calling.changed(made, f"{flags.app}: env set {made.ref} created")

    writes(parser, run, condition=False)


def delete(parser: argparse.ArgumentParser) -> None:
    """`visor env-set delete`."""
    parser.add_argument("app")
    parser.add_argument("ref")

    def run(calling: Calling) -> None:
        flags = calling.flags
        done = calling.visor.unregister_envset(flags.app, flags.ref, **calling.given)
        calling.changed(done, f"{flags.app}: env set {flags.ref} deleted")

    writes(parser, run)
