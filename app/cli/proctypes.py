"""`visor proc ..`: process types of an app."""

import argparse

from app.cli.calling import Calling, writes
from app.cli.output import Column
from app.cli.shapes import arg, lists, writing

_COLUMNS = [
    Column("NAME", lambda proctype: proctype.name),
    Column("PORT", lambda proctype: proctype.port),
    Column("MEMORY", lambda proctype: proctype.limits.memory_limit_mb),
    Column("CREATED", lambda proctype: proctype.created_at),
    Column("REV", lambda proctype: proctype.rev),
]


show_all = lists(lambda c: c.visor.list_proctypes(c.flags.app, **c.moment), _COLUMNS, "no proctypes", "app")


create = writing(
    lambda c: c.visor.register_proctype(c.flags.app, c.flags.name, memory_limit_mb=c.flags.memory, **c.given),
    "{made.app}: proctype {made.name} created, port {made.port}",
    "app",
    "name",
    arg("--memory", type=int, metavar="MB", help="what an instance may use"),
    condition=False,
)


def change(parser: argparse.ArgumentParser) -> None:
    """`visor proc set`."""
    parser.add_argument("app")
    parser.add_argument("name")
    parser.add_argument("--memory", type=_memory, required=True, metavar="MB", help="none: no limit")

    def run(calling: Calling) -> None:
        flags = calling.flags
        memory = flags.memory or None
        patch = {"limits": {"memory_limit_mb": memory}}
        made = calling.visor.patch_proctype(flags.app, flags.name, patch, **calling.given)
        calling.changed(made, f"{made.app}: proctype {made.name} memory {memory or 'without limit'}")

    writes(parser, run)


def _memory(text: str) -> int:
    return 0 if text == "none" else int(text)


delete = writing(
    lambda c: c.visor.unregister_proctype(c.flags.app, c.flags.name, **c.given),
    "{flags.app}: proctype {flags.name} deleted",
    "app",
    "name",
)
