"""`visor proc ..`: process types of an app."""

import argparse

from app.cli.calling import Calling, reads, writes
from app.cli.output import Column

_COLUMNS = [
    Column("NAME", lambda proctype: proctype.name),
    Column("PORT", lambda proctype: proctype.port),
    Column("MEMORY", lambda proctype: proctype.limits.memory_limit_mb),
    Column("CREATED", lambda proctype: proctype.created_at),
    Column("REV", lambda proctype: proctype.rev),
]


def show_all(parser: argparse.ArgumentParser) -> None:
    """`visor proc list`."""
    parser.add_argument("app")

    def run(calling: Calling) -> None:
        listing = calling.visor.list_proctypes(calling.flags.app, **calling.moment)
        calling.out.items(listing.all(), _COLUMNS, listing.rev, "no proctypes")

    reads(parser, run)


def create(parser: argparse.ArgumentParser) -> None:
    """`visor proc create`."""
    parser.add_argument("app")
    parser.add_argument("name")
    parser.add_argument("--memory", type=int, metavar="MB", help="what an instance may use")

    def run(calling: Calling) -> None:
        flags = calling.flags
        made = calling.visor.register_proctype(
            flags.app, flags.name, memory_limit_mb=flags.memory, **calling.given
        )
        calling.changed(made, f"{made.app}: proctype {made.name} created, port {made.port}")

    writes(parser, run, condition=False)


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


def delete(parser: argparse.ArgumentParser) -> None:
    """`visor proc delete`."""
    parser.add_argument("app")
    parser.add_argument("name")

    def run(calling: Calling) -> None:
        flags = calling.flags
        done = calling.visor.unregister_proctype(flags.app, flags.name, **calling.given)
        calling.changed(done, f"{flags.app}: proctype {flags.name} deleted")

    writes(parser, run)
