"""`visor env-set ..`: env sets of an app."""

import argparse

from app.cli.calling import Calling, reads
from app.cli.env import assignments
from app.cli.output import Column
from app.cli.shapes import arg, lists, writing

_COLUMNS = [
    Column("REF", lambda envset: envset.ref),
    Column("VARIABLES", lambda envset: len(envset.vars)),
    Column("CREATED", lambda envset: envset.created_at),
    Column("REV", lambda envset: envset.rev),
]


show_all = lists(lambda c: c.visor.list_envsets(c.flags.app, **c.moment), _COLUMNS, "no env sets", "app")


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


create = writing(
    lambda c: c.visor.register_envset(c.flags.app, c.flags.ref, assignments(c.flags.vars), **c.given),
    "{flags.app}: env set {made.ref} created",
    "app",
    "ref",
    arg("vars", nargs="*", metavar="KEY=VALUE"),
    condition=False,
)


delete = writing(
    lambda c: c.visor.unregister_envset(c.flags.app, c.flags.ref, **c.given),
    "{flags.app}: env set {flags.ref} deleted",
    "app",
    "ref",
)
